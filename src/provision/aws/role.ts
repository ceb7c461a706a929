/** A role: its trust policy, its one inline policy of ours, its tags; with an instance profile where machines have it. */
import { AgentError } from "../../core/errors.ts";
import type { FactBook, FactName, Facts } from "../facts.ts";
import { ID } from "../names.ts";
import { IAM_WAIT, pollUntil } from "../poll.ts";
import type { Change, Doing, Resource } from "../resource.ts";
import type { Aws } from "./clients.ts";
import { type AwsCall, answerOf, ask, askMaybe, NO_ENTITY } from "./failure.ts";
import { type Others, othersOfRole, othersRemarks } from "./others.ts";
import { roleArn } from "./policies.ts";
import { canonical, type Policy, policyLength } from "./policy-json.ts";
import { type PolicyDocument, readPolicy } from "./policy-read.ts";
import {
  type AwsWish,
  accountOf,
  foreignByTags,
  sparedAdopted,
  tagDifferences,
  tagList,
  tagsOf,
  tagsWanted,
} from "./wish.ts";

export type RoleActual = {
  readonly trust: PolicyDocument;
  readonly policy: PolicyDocument | null;
  readonly tags: Readonly<Record<string, string>>;
  /** True where a profile of the role's name holds it, and where none is wanted. */
  readonly hasProfile: boolean;
  readonly others: Others;
  readonly boundary: string | null;
};

/** What the role should be; policies are made when facts are known, at plan time and again at apply time. */
export type RoleWish = {
  readonly name: string;
  readonly description: string;
  /** The trust policy, as far as it is known, and the one that is there. */
  trust(facts: FactBook, actual: RoleActual | null): Policy;
  /** Why the trust policy that is there is wrong, or null. */
  trustDifference(facts: FactBook, actual: RoleActual): string | null;
  readonly policyName: string;
  policy(facts: FactBook): Policy;
  /** What is missing or too much in the policy that is there. */
  policyDifference(facts: FactBook, actual: PolicyDocument): string;
  readonly instanceProfile: boolean;
  readonly needs: readonly string[];
  readonly outlives: readonly string[];
  readonly tells: readonly FactName[];
  told(facts: { readonly isOurs: boolean }): Partial<Facts>;
};

/** IAM's limits, without white space: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const ROLE_POLICY_LIMIT = 10_240;
/** A role that was just made is not a principal yet for some seconds. */
const PRINCIPAL_WAIT = { ...IAM_WAIT, limitMs: 60_000 };

export function roleResource(aws: Aws, role: RoleWish, wish: AwsWish): Resource<RoleActual> {
  const call = roleCall(role.name);
  return {
    id: ID.role(role.name),
    side: "aws",
    needs: role.needs,
    outlives: role.outlives,
    tells: role.tells,
    learn: ({ tags }) => role.told({ isOurs: foreignByTags(tags) === null }),
    read: (doing) => readRole(aws, role, call, doing.facts),
    remarks: ({ boundary, others }, facts) => {
      const own = role.policy(facts);
      return othersRemarks({ kind: "role", name: role.name, boundary, own, naming: wish.naming }, others);
    },
    foreign: ({ tags }) => foreignByTags(tags),
    spares: async ({ tags }) => sparedAdopted(tags),
    diff: (actual, facts) => roleChanges(aws, { role, wish }, actual, facts),
    create: async ({ facts }) => {
      const create = new aws.iamApi.CreateRoleCommand({
        RoleName: role.name,
        Description: role.description,
        AssumeRolePolicyDocument: JSON.stringify(role.trust(facts, null)),
        Tags: tagList(wish.tags),
      });
      await ask(call("create", "iam:CreateRole and iam:TagRole", facts), () => aws.iam.send(create));
    },
    remove: (_, { facts }) => removeRole(aws, role, call, facts),
  };
}

type Wishes = { readonly role: RoleWish; readonly wish: AwsWish };
type RoleCall = (doing: string, action: string, facts: FactBook) => AwsCall;

function roleCall(name: string): RoleCall {
  return (doing, action, facts) => ({
    doing: `${doing} role "${name}"`,
    action,
    on: roleArn(name, accountOf(facts)),
  });
}

async function readRole(aws: Aws, role: RoleWish, call: RoleCall, facts: FactBook): Promise<RoleActual | null> {
  const { iam, iamApi } = aws;
  const of = { RoleName: role.name };
  const [found, policy, others, profile] = await Promise.all([
    askMaybe(call("read", "iam:GetRole", facts), NO_ENTITY, () => iam.send(new iamApi.GetRoleCommand(of))),
    askMaybe(call("read", "iam:GetRolePolicy", facts), NO_ENTITY, () =>
      iam.send(new iamApi.GetRolePolicyCommand({ ...of, PolicyName: role.policyName })),
    ),
    othersOfRole({ aws, name: role.name, call, facts, own: role.policyName }),
    !role.instanceProfile
      ? null
      : askMaybe(call("read", "iam:GetInstanceProfile", facts), NO_ENTITY, () =>
          iam.send(new iamApi.GetInstanceProfileCommand({ InstanceProfileName: role.name })),
        ),
  ]);
  if (found?.Role === undefined) return null;
  const document = policy?.PolicyDocument;
  const held = profile?.InstanceProfile?.Roles?.some(({ RoleName }) => RoleName === role.name) === true;
  return {
    trust: readPolicy(found.Role.AssumeRolePolicyDocument ?? "", `read the trust policy of role "${role.name}"`),
    policy: document === undefined ? null : readPolicy(document, `read the policy of role "${role.name}"`),
    tags: tagsOf(found.Role.Tags),
    hasProfile: held || !role.instanceProfile,
    others,
    boundary: found.Role.PermissionsBoundary?.PermissionsBoundaryArn ?? null,
  };
}

function roleChanges(aws: Aws, { role, wish }: Wishes, actual: RoleActual, facts: FactBook): Change[] {
  const { iam, iamApi } = aws;
  const call = roleCall(role.name);
  const changes: Change[] = [];
  const add = (because: string, action: string, send: (doing: Doing) => Promise<unknown>) => {
    const make = async (doing: Doing) => void (await ask(call("change", action, doing.facts), () => send(doing)));
    changes.push({ action: "update", because, make });
  };
  const wanted = tagsWanted(wish, actual.tags, foreignByTags(actual.tags) !== null);
  const tags = tagDifferences(actual.tags, wanted);
  if (tags.length > 0) {
    add(`tags: ${tags.join(", ")}`, "iam:TagRole", () =>
      iam.send(new iamApi.TagRoleCommand({ RoleName: role.name, Tags: tagList(wanted) })),
    );
  }
  const trust = role.trustDifference(facts, actual);
  if (trust !== null) {
    add(`trust policy: ${trust}`, "iam:UpdateAssumeRolePolicy", (doing) => updateTrust(aws, role, actual, doing));
  }
  if (actual.policy === null || canonical(actual.policy) !== canonical(role.policy(facts))) {
    const because = actual.policy === null ? "is missing" : role.policyDifference(facts, actual.policy);
    add(`policy ${role.policyName}: ${because}`, "iam:PutRolePolicy", (doing) => {
      const policy = role.policy(doing.facts);
      const length = policyLength(policy);
      if (length > ROLE_POLICY_LIMIT) throw tooLong(role.name, length, ROLE_POLICY_LIMIT);
      const put = { RoleName: role.name, PolicyName: role.policyName, PolicyDocument: JSON.stringify(policy) };
      return iam.send(new iamApi.PutRolePolicyCommand(put));
    });
  }
  if (!actual.hasProfile) {
    add(
      "instance profile: missing -> one of the same name",
      "iam:CreateInstanceProfile and iam:AddRoleToInstanceProfile",
      () => makeProfile(aws, role.name, wish),
    );
  }
  return changes;
}

/** IAM knows a principal some seconds after it was made: asked again for a minute. */
async function updateTrust(aws: Aws, role: RoleWish, actual: RoleActual, doing: Doing): Promise<void> {
  const document = JSON.stringify(role.trust(doing.facts, actual));
  const update = new aws.iamApi.UpdateAssumeRolePolicyCommand({ RoleName: role.name, PolicyDocument: document });
  await pollUntil(`the principals of role "${role.name}" to be known`, PRINCIPAL_WAIT, doing, async () => {
    try {
      await aws.iam.send(update);
      return { value: true };
    } catch (error) {
      const isEarly =
        error instanceof aws.iamApi.MalformedPolicyDocumentException && /invalid principal/i.test(error.message);
      if (!isEarly) throw error;
      return { notYet: "IAM does not know them yet" };
    }
  });
}

/** A run that was killed may have made both calls. A profile that we did not make is not used. */
async function makeProfile(aws: Aws, name: string, wish: AwsWish): Promise<void> {
  const { iam, iamApi } = aws;
  const of = { InstanceProfileName: name };
  const ignore = (code: string) => (error: unknown) => {
    if (answerOf(error).code.replace(/Exception$/, "") !== code) throw error;
  };
  const create = new iamApi.CreateInstanceProfileCommand({ ...of, Tags: tagList(wish.tags) });
  await iam.send(create).catch(ignore("EntityAlreadyExists"));
  const { InstanceProfile } = await iam.send(new iamApi.GetInstanceProfileCommand(of));
  const foreign = foreignByTags(tagsOf(InstanceProfile?.Tags));
  const [held] = InstanceProfile?.Roles ?? [];
  if (held?.RoleName === name) return;
  if (foreign !== null || held !== undefined) {
    const because = foreign ?? `it holds role "${held?.RoleName}", and can hold one only`;
    throw new AgentError(`Cannot use instance profile "${name}": ${because}`, {
      advice: "Delete by hand what is not needed",
      tryHint: `aws iam get-instance-profile --instance-profile-name ${name}`,
    });
  }
  // A profile that holds our role answers so: the answer before was lost.
  const add = new iamApi.AddRoleToInstanceProfileCommand({ ...of, RoleName: name });
  await iam.send(add).catch(async (error: unknown) => {
    const now = await iam.send(new iamApi.GetInstanceProfileCommand(of));
    if (now.InstanceProfile?.Roles?.[0]?.RoleName !== name) throw error;
  });
}

export function tooLong(name: string, length: number, limit: number): AgentError {
  return new AgentError(`Cannot write the policy of "${name}": it has ${length} characters, IAM allows ${limit}`, {
    advice: "Name fewer nodes in AGENT_EDGE_NODES, or * for any node",
    tryHint: "export AGENT_EDGE_NODES='*'",
  });
}

/** IAM deletes no role that still has policies or profiles. */
async function removeRole(aws: Aws, { name }: RoleWish, call: RoleCall, facts: FactBook): Promise<void> {
  const { iam, iamApi } = aws;
  const of = { RoleName: name };
  const all = <T>(action: string, send: () => Promise<T>) =>
    askMaybe(call("delete", `iam:${action}`, facts), NO_ENTITY, send);
  const [inline, attached, profiles] = await Promise.all([
    all("ListRolePolicies", () => iam.send(new iamApi.ListRolePoliciesCommand(of))),
    all("ListAttachedRolePolicies", () => iam.send(new iamApi.ListAttachedRolePoliciesCommand(of))),
    all("ListInstanceProfilesForRole", () => iam.send(new iamApi.ListInstanceProfilesForRoleCommand(of))),
  ]);
  for (const PolicyName of inline?.PolicyNames ?? []) {
    await all("DeleteRolePolicy", () => iam.send(new iamApi.DeleteRolePolicyCommand({ ...of, PolicyName })));
  }
  for (const { PolicyArn } of attached?.AttachedPolicies ?? []) {
    await all("DetachRolePolicy", () => iam.send(new iamApi.DetachRolePolicyCommand({ ...of, PolicyArn })));
  }
  for (const { InstanceProfileName } of profiles?.InstanceProfiles ?? []) {
    const profile = { InstanceProfileName };
    await all("RemoveRoleFromInstanceProfile", () =>
      iam.send(new iamApi.RemoveRoleFromInstanceProfileCommand({ ...of, ...profile })),
    );
    // Only the one that we made: of the same name.
    if (InstanceProfileName !== name) continue;
    await all("DeleteInstanceProfile", () => iam.send(new iamApi.DeleteInstanceProfileCommand(profile)));
  }
  await all("DeleteRole", () => iam.send(new iamApi.DeleteRoleCommand(of)));
}
