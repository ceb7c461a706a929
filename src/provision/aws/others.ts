/** What others have given to our user and our roles: policies, groups, a boundary. Plan shows it; apply leaves it. */
import type { FactBook } from "../facts.ts";
import type { ResourceRemark } from "../resource.ts";
import type { Aws } from "./clients.ts";
import { type AwsCall, askMaybe, NO_ENTITY } from "./failure.ts";
import { stringsIn } from "./policy-json.ts";
import { type PolicyDocument, readPolicy, statementsOf } from "./policy-read.ts";

export type Others = {
  readonly inline: readonly { readonly name: string; readonly policy: PolicyDocument }[];
  /** ARNs. */
  readonly attached: readonly string[];
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
    attached: (attached?.AttachedPolicies ?? []).flatMap(({ PolicyArn }) => PolicyArn ?? []),
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
    attached: (attached?.AttachedPolicies ?? []).flatMap(({ PolicyArn }) => PolicyArn ?? []),
    groups: [],
  };
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

export type Holder = { readonly kind: "user" | "role"; readonly name: string; readonly boundary: string | null };

/** Each with the command that deletes it. What can only refuse is a note. */
export function othersRemarks({ kind, name, boundary }: Holder, others: Others): ResourceRemark[] {
  const of = `--${kind}-name ${name}`;
  const remarks: ResourceRemark[] = others.inline.map(({ name: policy, policy: document }) => {
    const actions = (effect: "Allow" | "Deny") =>
      statementsOf(document).flatMap((one) =>
        one.Effect === effect ? stringsIn(one["Action"] ?? "what is not named") : [],
      );
    const allowed = actions("Allow");
    return allowed.length > 0
      ? warning(
          `policy ${policy}, which is not ours, allows ${listed(allowed)}`,
          `aws iam delete-${kind}-policy ${of} --policy-name ${policy}`,
        )
      : note(`policy ${policy}, which is not ours, denies ${listed(actions("Deny"))}`);
  });
  for (const arn of others.attached) {
    const detach = `aws iam detach-${kind}-policy ${of} --policy-arn ${arn}`;
    remarks.push(warning(`policy ${arn}, which is not ours, is attached and may allow more`, detach));
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

function listed(actions: readonly string[]): string {
  const unique = [...new Set(actions)];
  return `${unique.slice(0, 4).join(", ")}${unique.length > 4 ? ", …" : ""}`;
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
