/** The keys of the edge's user, as IAM has them. */

import type { Aws } from "../aws/clients.ts";
import { type AwsCall, askMaybe, NO_ENTITY } from "../aws/failure.ts";
import { type AwsWish, accountOf } from "../aws/wish.ts";
import type { FactBook } from "../facts.ts";
import { edgeName } from "../names.ts";

/** IAM's limit of keys for one user. */
export const KEYS_AT_MOST = 2;

export type EdgeKey = {
  readonly id: string;
  readonly isActive: boolean;
  /** Null: the answer does not say it. */
  readonly made: Date | null;
  /** The last use that IAM knows of. It learns of one within hours. */
  readonly used: { readonly at: Date; readonly service: string } | null;
};

/** Oldest first, with the last use of each. */
export async function readKeys(aws: Aws, wish: AwsWish, facts: FactBook): Promise<readonly EdgeKey[]> {
  const name = edgeName(wish.naming);
  const listed = await listKeys(aws, name, facts);
  return await Promise.all(
    listed.map(async (key) => {
      const call = userCall(name, `read the last use of key ${key.id} of`, "iam:GetAccessKeyLastUsed", facts);
      const answer = await askMaybe(call, NO_ENTITY, () =>
        aws.iam.send(new aws.iamApi.GetAccessKeyLastUsedCommand({ AccessKeyId: key.id })),
      );
      const { LastUsedDate: at, ServiceName: service = "N/A" } = answer?.AccessKeyLastUsed ?? {};
      return { ...key, used: at === undefined ? null : { at, service } };
    }),
  );
}

/** The same without the last use, in one call. */
export async function keyIds(aws: Aws, wish: AwsWish, facts: FactBook): Promise<readonly string[]> {
  return (await listKeys(aws, edgeName(wish.naming), facts)).map(({ id }) => id);
}

export async function listKeys(aws: Aws, name: string, facts: FactBook): Promise<readonly EdgeKey[]> {
  const list = await askMaybe(userCall(name, "read the keys of", "iam:ListAccessKeys", facts), NO_ENTITY, () =>
    aws.iam.send(new aws.iamApi.ListAccessKeysCommand({ UserName: name })),
  );
  return (list?.AccessKeyMetadata ?? [])
    .flatMap(({ AccessKeyId: id, Status, CreateDate: made = null }) =>
      id === undefined ? [] : { id, isActive: Status !== "Inactive", made, used: null },
    )
    .sort((a, b) => (a.made?.getTime() ?? 0) - (b.made?.getTime() ?? 0));
}

export async function deleteKey(aws: Aws, wish: AwsWish, facts: FactBook, id: string): Promise<void> {
  const name = edgeName(wish.naming);
  await askMaybe(userCall(name, `delete key ${id} of`, "iam:DeleteAccessKey", facts), NO_ENTITY, () =>
    aws.iam.send(new aws.iamApi.DeleteAccessKeyCommand({ UserName: name, AccessKeyId: id })),
  );
}

export function userCall(name: string, doing: string, action: string, facts: FactBook): AwsCall {
  const { accountId, partition } = accountOf(facts);
  return { doing: `${doing} user "${name}"`, action, on: `arn:${partition}:iam::${accountId}:user/${name}` };
}

/** `AKIA…: active, made 2026-01-31 08:15 UTC, last used 2026-02-01 09:00 UTC (s3), in FILE` */
export function describeKey({ id, isActive, made, used }: EdgeKey, place: string): string {
  const parts = [
    isActive ? "active" : "inactive",
    ...(made === null ? [] : [`made ${minuteOf(made)}`]),
    used === null ? "never used" : `last used ${minuteOf(used.at)} (${used.service})`,
    place,
  ];
  return `${id}: ${parts.join(", ")}`;
}

function minuteOf(time: Date): string {
  return `${time.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
