/** What others have given to our user and our roles: policies, groups, a boundary. Plan shows it; apply leaves it. */
import { AgentError, DeniedError, LoginRefusedError, TransientError } from "../../core/errors.ts";
import type { FactBook } from "../facts.ts";
import type { Naming } from "../names.ts";
import type { ResourceRemark } from "../resource.ts";
import type { Aws } from "./clients.ts";
import { type AwsCall, askMaybe, NO_ENTITY } from "./failure.ts";
import type { Policy } from "./policy-json.ts";
import { type PolicyDocument, readPolicy } from "./policy-read.ts";
import { powersOf } from "./powers.ts";

/** A managed policy, as its default version says it. */
type AttachedPolicy = { readonly arn: string } & (
  | { readonly policy: PolicyDocument }
  | { readonly policy: null; readonly unread: string }
);

export type Others = {
  readonly inline: readonly { readonly name: string; readonly policy: PolicyDocument }[];
  readonly attached: readonly AttachedPolicy[];
  /** A role has none. */
  readonly groups: readonly string[];
};

type OthersQuery = {
  readonly aws: Aws;
  readonly name: string;
  readonly call: (doing: string, action: string, facts: FactBook) => AwsCall;
  readonly facts: FactBook;
  /** The one policy that is ours. */
  readonly own: string;
};

export async function othersOfUser({ aws, name, call, facts, own }: OthersQuery): Promise<Others> {
  const { iam, iamApi } = aws;
  const of = { UserName: name };
  const read = <T>(action: string, send: () => Promise<T>) =>
    askMaybe(call("read", `iam:${action}`, facts), NO_ENTITY, send);
  const [inline, attached, groups] = await Promise.all([
    read("ListUserPolicies", () => iam.send(new iamApi.ListUserPoliciesCommand(of))),
    read("ListAttachedUserPolicies", () => iam.send(new iamApi.ListAttachedUserPoliciesCommand(of))),
    read("ListGroupsForUser", () => iam.send(new iamApi.ListGroupsForUserCommand(of))),
  ]);
  const document = async (PolicyName: string) => {
    const get = new iamApi.GetUserPolicyCommand({ ...of, PolicyName });
    return (await read("GetUserPolicy", () => iam.send(get)))?.PolicyDocument;
  };
  return {
    inline: await documentsOf(inline?.PolicyNames, own, document),
    attached: await attachedOf(aws, attached?.AttachedPolicies),
    groups: (groups?.Groups ?? []).flatMap(({ GroupName }) => GroupName ?? []),
  };
}

export async function othersOfRole({ aws, name, call, facts, own }: OthersQuery): Promise<Others> {
  const { iam, iamApi } = aws;
  const of = { RoleName: name };
  const read = <T>(action: string, send: () => Promise<T>) =>
    askMaybe(call("read", `iam:${action}`, facts), NO_ENTITY, send);
  const [inline, attached] = await Promise.all([
    read("ListRolePolicies", () => iam.send(new iamApi.ListRolePoliciesCommand(of))),
    read("ListAttachedRolePolicies", () => iam.send(new iamApi.ListAttachedRolePoliciesCommand(of))),
  ]);
  const document = async (PolicyName: string) => {
    const get = new iamApi.GetRolePolicyCommand({ ...of, PolicyName });
    return (await read("GetRolePolicy", () => iam.send(get)))?.PolicyDocument;
  };
  return {
    inline: await documentsOf(inline?.PolicyNames, own, document),
    attached: await attachedOf(aws, attached?.AttachedPolicies),
    groups: [],
  };
}

/** A policy that may not be read is kept, with the reason: no one can say that it is harmless. */
async function attachedOf(aws: Aws, attached: readonly { PolicyArn?: string | undefined }[] = []) {
  const found = await Promise.all(
    attached.map(async ({ PolicyArn: arn = "" }): Promise<readonly AttachedPolicy[]> => {
      try {
        const policy = await managedPolicy(aws, arn);
        return policy === null ? [] : [{ arn, policy }];
      } catch (error) {
        if (!(error instanceof AgentError) || error instanceof TransientError || error instanceof LoginRefusedError) {
          throw error;
        }
        return [{ arn, policy: null, unread: error instanceof DeniedError ? error.missing : error.message }];
      }
    }),
  );
  return found.flat();
}

/** Null where it was detached and deleted meanwhile. */
async function managedPolicy({ iam, iamApi }: Aws, arn: string): Promise<PolicyDocument | null> {
  const of = { PolicyArn: arn };
  const read = <T>(action: string, send: () => Promise<T>) =>
    askMaybe({ doing: `read policy "${arn}"`, action: `iam:${action}`, on: arn }, NO_ENTITY, send);
  const found = await read("GetPolicy", () => iam.send(new iamApi.GetPolicyCommand(of)));
  const VersionId = found?.Policy?.DefaultVersionId;
  if (VersionId === undefined) return null;
  const version = await read("GetPolicyVersion", () =>
    iam.send(new iamApi.GetPolicyVersionCommand({ ...of, VersionId })),
  );
  const document = version?.PolicyVersion?.Document;
  return document === undefined ? null : readPolicy(document, `read policy "${arn}"`);
}

async function documentsOf(
  names: readonly string[] = [],
  own: string,
  read: (name: string) => Promise<string | undefined>,
): Promise<Others["inline"]> {
  const theirs = names.filter((name) => name !== own);
  const found = await Promise.all(
    theirs.map(async (name) => {
      const text = await read(name);
      return text === undefined ? [] : [{ name, policy: readPolicy(text, `read policy "${name}"`) }];
    }),
  );
  return found.flat();
}

export type Holder = {
  readonly kind: "user" | "role";
  readonly name: string;
  readonly boundary: string | null;
  /** What ours allows. */
  readonly own: Policy;
  readonly naming: Naming;
};

/** Each with the command that deletes it. What can only refuse is a note, unless it refuses what our policy allows. */
export function othersRemarks({ kind, name, boundary, own, naming }: Holder, others: Others): ResourceRemark[] {
  const of = `--${kind}-name ${name}`;
  const judged = (policy: string, document: PolicyDocument, hint: string) => {
    const { level, text } = powersOf(document, own, naming);
    const message = `policy ${policy}, which is not ours, ${text}`;
    return level === "warning" ? warning(message, hint) : note(message);
  };
  const remarks = others.inline.map(({ name: policy, policy: document }) =>
    judged(policy, document, `aws iam delete-${kind}-policy ${of} --policy-name ${policy}`),
  );
  for (const one of others.attached) {
    const { arn } = one;
    const detach = `aws iam detach-${kind}-policy ${of} --policy-arn ${arn}`;
    remarks.push(one.policy === null ? unread(arn, one.unread) : judged(arn, one.policy, detach));
  }
  for (const group of others.groups) {
    const leave = `aws iam remove-user-from-group ${of} --group-name ${group}`;
    remarks.push(warning(`it is in group ${group}, whose policies may allow more`, leave));
  }
  if (boundary !== null) {
    remarks.push(note(`permissions boundary ${boundary}, which may refuse what our policy allows`));
  }
  return remarks;
}

function unread(arn: string, why: string): ResourceRemark {
  return {
    level: "warning",
    message: `policy ${arn}, which is not ours, is attached, and what it allows could not be read (${why})`,
    advice: "Read it yourself, or get iam:GetPolicy and iam:GetPolicyVersion on it",
    try: `aws iam get-policy --policy-arn ${arn}`,
  };
}

function warning(message: string, hint: string): ResourceRemark {
  return {
    level: "warning",
    message,
    advice: "apply does not change it; if it is not wanted, delete it by hand",
    try: hint,
  };
}

function note(message: string): ResourceRemark {
  return { level: "note", message, advice: null, try: null };
}
