/** Who edge nodes are to AWS: a user that may put and nothing else, or a role for machines with an instance profile. */

import { AgentError } from "../../core/errors.ts";
import type { FactBook } from "../facts.ts";
import { type EdgeKey, listKeys, userCall } from "../key/keys.ts";
import { edgeName } from "../names.ts";
import type { Change, Doing, Resource } from "../resource.ts";
import type { Aws } from "./clients.ts";
import { ask, askMaybe, NO_ENTITY } from "./failure.ts";
import { type Others, othersOfUser, othersRemarks } from "./others.ts";
import { edgePolicy, instanceTrustPolicy } from "./policies.ts";
import { canonical, type Policy, policyLength, stringsIn } from "./policy-json.ts";
import { openTo, type PolicyDocument, readPolicy, statementsOf } from "./policy-read.ts";
import { type RoleWish, tooLong } from "./role.ts";
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

export const EDGE_POLICY = "put-only";
/** IAM's limit for all inline policies of a user, without white space. */
const USER_POLICY_LIMIT = 2_048;

export type UserActual = {
  readonly policy: PolicyDocument | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly others: Others;
  readonly boundary: string | null;
};

export function edgeUserResource(aws: Aws, wish: AwsWish): Resource<UserActual> {
  const name = edgeName(wish.naming);
  const { iam, iamApi } = aws;
  const of = { UserName: name };
  return {
    id: edgeUserId(wish),
    side: "aws",
    needs: [],
    tells: ["setUpBegun"],
    learn: ({ tags }) => (foreignByTags(tags) === null ? { setUpBegun: true } : {}),
    read: async ({ facts }) => {
      const call = (doing: string, action: string) => userCall(name, doing, action, facts);
      const [found, policy, others] = await Promise.all([
        askMaybe(userCall(name, "read", "iam:GetUser", facts), NO_ENTITY, () =>
          iam.send(new iamApi.GetUserCommand(of)),
        ),
        askMaybe(userCall(name, "read", "iam:GetUserPolicy", facts), NO_ENTITY, () =>
          iam.send(new iamApi.GetUserPolicyCommand({ ...of, PolicyName: EDGE_POLICY })),
        ),
        othersOfUser({ aws, name, call, facts, own: EDGE_POLICY }),
      ]);
      if (found?.User === undefined) return null;
      // GetUser of a user that was just made may still be without its tags; ListUserTags is the one to ask.
      const tags = await ask(userCall(name, "read", "iam:ListUserTags", facts), () =>
        iam.send(new iamApi.ListUserTagsCommand(of)),
      );
      const document = policy?.PolicyDocument;
      return {
        policy: document === undefined ? null : readPolicy(document, `read the policy of user "${name}"`),
        tags: tagsOf(tags.Tags),
        others,
        boundary: found.User.PermissionsBoundary?.PermissionsBoundaryArn ?? null,
      };
    },
    remarks: ({ boundary, others }, facts) => {
      const own = edgePolicyOf(wish, facts);
      return othersRemarks({ kind: "user", name, boundary, own, naming: wish.naming }, others);
    },
    foreign: ({ tags }) => foreignByTags(tags),
    spares: async ({ tags }) => sparedAdopted(tags),
    diff: (actual, facts) => userChanges(aws, wish, actual, facts),
    create: async ({ facts }) => {
      const create = new iamApi.CreateUserCommand({ ...of, Tags: tagList(wish.tags) });
      await ask(userCall(name, "create", "iam:CreateUser and iam:TagUser", facts), () => iam.send(create));
    },
    remove: (_, { facts }) => removeUser(aws, name, facts),
    retire: async (_, { facts }) => {
      const keys = await listKeys(aws, name, facts);
      if (keys.length > 0) throw stillHasKeys(name, keys);
      await removeUser(aws, name, facts);
    },
  };
}

function stillHasKeys(name: string, keys: readonly EdgeKey[]): AgentError {
  const ids = keys.map(({ id }) => id);
  return new AgentError(`Cannot delete user "${name}": nodes may still have its key ${ids.join(", ")}`, {
    advice: "apply deletes no key; delete it by its name when no node uses it any more",
    tryHint: `agent provision rotate-key --delete ${ids[0]}`,
  });
}

export function edgeUserId(wish: AwsWish): string {
  return `user ${edgeName(wish.naming)}`;
}

function userChanges(aws: Aws, wish: AwsWish, actual: UserActual, facts: FactBook): Change[] {
  const name = edgeName(wish.naming);
  const { iam, iamApi } = aws;
  const changes: Change[] = [];
  const add = (because: string, action: string, send: (doing: Doing) => Promise<unknown>) => {
    const make = async (doing: Doing) =>
      void (await ask(userCall(name, "change", action, doing.facts), () => send(doing)));
    changes.push({ action: "update", because, make });
  };
  const wanted = tagsWanted(wish, actual.tags, foreignByTags(actual.tags) !== null);
  const tags = tagDifferences(actual.tags, wanted);
  if (tags.length > 0) {
    add(`tags: ${tags.join(", ")}`, "iam:TagUser", () =>
      iam.send(new iamApi.TagUserCommand({ UserName: name, Tags: tagList(wanted) })),
    );
  }
  const policy = edgePolicyOf(wish, facts);
  if (actual.policy === null || canonical(actual.policy) !== canonical(policy)) {
    const because = actual.policy === null ? "is missing" : edgeDifference(actual.policy, policy);
    add(`policy ${EDGE_POLICY}: ${because}`, "iam:PutUserPolicy", () => {
      const length = policyLength(policy);
      if (length > USER_POLICY_LIMIT) throw tooLong(name, length, USER_POLICY_LIMIT);
      const put = { UserName: name, PolicyName: EDGE_POLICY, PolicyDocument: JSON.stringify(policy) };
      return iam.send(new iamApi.PutUserPolicyCommand(put));
    });
  }
  return changes;
}

function edgePolicyOf(wish: AwsWish, facts: FactBook) {
  const options = { nodes: wish.edgeNodes, kmsKeyArn: wish.kmsKeyArn };
  return edgePolicy(wish.naming, accountOf(facts).partition, options);
}

function edgeDifference(actual: PolicyDocument, wanted: Policy): string {
  const resources = (statements: readonly { readonly Resource?: unknown }[]) =>
    new Set(statements.flatMap(({ Resource }) => stringsIn(Resource)));
  const [have, want] = [resources(statementsOf(actual)), resources(wanted.Statement)];
  const missing = [...want].filter((one) => !have.has(one));
  const extra = [...have].filter((one) => !want.has(one));
  if (extra.length > 0) return `allows ${extra.slice(0, 3).join(", ")}, which is not wanted`;
  return missing.length > 0 ? `${missing.slice(0, 3).join(", ")} missing` : "allows other actions than s3:PutObject";
}

async function removeUser(aws: Aws, name: string, facts: FactBook): Promise<void> {
  const { iam, iamApi } = aws;
  const of = { UserName: name };
  const all = <T>(action: string, send: () => Promise<T>) =>
    askMaybe(userCall(name, "delete", `iam:${action}`, facts), NO_ENTITY, send);
  const [keys, inline, attached, groups] = await Promise.all([
    all("ListAccessKeys", () => iam.send(new iamApi.ListAccessKeysCommand(of))),
    all("ListUserPolicies", () => iam.send(new iamApi.ListUserPoliciesCommand(of))),
    all("ListAttachedUserPolicies", () => iam.send(new iamApi.ListAttachedUserPoliciesCommand(of))),
    all("ListGroupsForUser", () => iam.send(new iamApi.ListGroupsForUserCommand(of))),
  ]);
  for (const { AccessKeyId } of keys?.AccessKeyMetadata ?? []) {
    await all("DeleteAccessKey", () => iam.send(new iamApi.DeleteAccessKeyCommand({ ...of, AccessKeyId })));
  }
  for (const PolicyName of inline?.PolicyNames ?? []) {
    await all("DeleteUserPolicy", () => iam.send(new iamApi.DeleteUserPolicyCommand({ ...of, PolicyName })));
  }
  for (const { PolicyArn } of attached?.AttachedPolicies ?? []) {
    await all("DetachUserPolicy", () => iam.send(new iamApi.DetachUserPolicyCommand({ ...of, PolicyArn })));
  }
  for (const { GroupName } of groups?.Groups ?? []) {
    await all("RemoveUserFromGroup", () => iam.send(new iamApi.RemoveUserFromGroupCommand({ ...of, GroupName })));
  }
  await all("DeleteUser", () => iam.send(new iamApi.DeleteUserCommand(of)));
}

/** The alternative: machines have the role, and no key is in a file. */
export function edgeRole(wish: AwsWish): RoleWish {
  return {
    name: edgeName(wish.naming),
    description: "Edge nodes of the agent put objects by this role",
    trust: () => instanceTrustPolicy(),
    trustDifference: (_, actual) =>
      canonical(actual.trust) === canonical(instanceTrustPolicy())
        ? null
        : (openTo(actual.trust) ?? "is not that of machines (ec2.amazonaws.com)"),
    policyName: EDGE_POLICY,
    policy: (facts) => edgePolicyOf(wish, facts),
    policyDifference: (facts, actual) => edgeDifference(actual, edgePolicyOf(wish, facts)),
    instanceProfile: true,
    needs: [],
    outlives: [],
    tells: ["setUpBegun"],
    told: ({ isOurs }) => (isOurs ? { setUpBegun: true } : {}),
  };
}
