/** All that is in an AWS account of a test, as one value that can be compared: but for ids that AWS makes up. */

import { readPolicy } from "../../provision/aws/policy-read.ts";
import { readBucket } from "../../provision/bucket/bucket-read.ts";
import type { ProvisionWorld } from "./world.ts";

export function accountState(world: ProvisionWorld) {
  const { s3, s3Api, iam, iamApi } = world.root;
  return world.asRoot(async () => {
    const buckets: Record<string, unknown> = {};
    const list = await s3.send(new s3Api.ListBucketsCommand({}));
    for (const { Name } of list.Buckets ?? []) buckets[Name!] = await readBucket(world.root, Name!);
    const roles: Record<string, unknown> = {};
    for (const { RoleName } of (await iam.send(new iamApi.ListRolesCommand({}))).Roles ?? []) {
      const { Role } = await iam.send(new iamApi.GetRoleCommand({ RoleName }));
      const { PolicyNames = [] } = await iam.send(new iamApi.ListRolePoliciesCommand({ RoleName }));
      const policies = await Promise.all(
        PolicyNames.map(async (PolicyName) => {
          const { PolicyDocument = "" } = await iam.send(new iamApi.GetRolePolicyCommand({ RoleName, PolicyName }));
          return [PolicyName, readPolicy(PolicyDocument, PolicyName)];
        }),
      );
      roles[RoleName!] = {
        trust: readPolicy(Role!.AssumeRolePolicyDocument!, "read the trust policy"),
        tags: Role!.Tags,
        policies,
      };
    }
    const users: Record<string, unknown> = {};
    for (const { UserName } of (await iam.send(new iamApi.ListUsersCommand({}))).Users ?? []) {
      if (UserName === "who-provisions") continue;
      const { Tags } = await iam.send(new iamApi.ListUserTagsCommand({ UserName }));
      const { PolicyNames = [] } = await iam.send(new iamApi.ListUserPoliciesCommand({ UserName }));
      const policies = await Promise.all(
        PolicyNames.map(async (PolicyName) => {
          const { PolicyDocument = "" } = await iam.send(new iamApi.GetUserPolicyCommand({ UserName, PolicyName }));
          return [PolicyName, readPolicy(PolicyDocument, PolicyName)];
        }),
      );
      const keys = await iam.send(new iamApi.ListAccessKeysCommand({ UserName }));
      users[UserName!] = { tags: Tags, policies, keys: keys.AccessKeyMetadata?.length };
    }
    return { buckets, roles, users };
  });
}
