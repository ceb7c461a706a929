/** A new key for the old one, and a key deleted by its name: the only ways, beside destroy, in which a key goes. */
import { rmSync } from "node:fs";
import { AgentError, UsageError } from "../../core/errors.ts";
import { type Aws, type AwsKey, openAws } from "../aws/clients.ts";
import { answerOf } from "../aws/failure.ts";
import type { AwsWish } from "../aws/wish.ts";
import type { FactBook } from "../facts.ts";
import { edgeName } from "../names.ts";
import { IAM_WAIT, pollUntil } from "../poll.ts";
import type { Doing } from "../resource.ts";
import { newFileOf, readKeyFile } from "./key-file.ts";
import { deleteKey, type EdgeKey, keyIds, readKeys } from "./keys.ts";
import { finish, mint } from "./mint.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** What a rotation would do, with the keys by their names. */
export type RotationPlan = { readonly makes: boolean; readonly deletes: readonly EdgeKey[] };

export type RotatedKey = {
  readonly key: string;
  readonly deleted: readonly string[];
  readonly kept: readonly string[];
};

/** Touches nothing. */
export async function planRotation(aws: Aws, wish: AwsWish, facts: FactBook): Promise<RotationPlan> {
  const keys = await readKeys(aws, wish, facts);
  const made = readKeyFile(newFileOf(wish.keyFile));
  const file = readKeyFile(wish.keyFile);
  const ids = keys.map(({ id }) => id);
  const isHalf = made === null ? isHalfDone(wish, ids) : made.key !== null && ids.includes(made.key.accessKeyId);
  if (!isHalf) return { makes: true, deletes: keys };
  const own = (made ?? file)?.key?.accessKeyId;
  const before = (made ?? file)?.before ?? [];
  return { makes: false, deletes: keys.filter(({ id }) => id !== own && before.includes(id)) };
}

/** A rotation that made its key and has not deleted the old one, whether it was killed or kept it on purpose. */
function isHalfDone(wish: AwsWish, ids: readonly string[]): boolean {
  const file = readKeyFile(wish.keyFile);
  if (file === null || file.key === null || !ids.includes(file.key.accessKeyId)) return false;
  return file.before.some((id) => ids.includes(id));
}

/**
 * A new key in the file; then the old one is deleted, unless `keepOld`: the next rotation deletes it then, and makes none.
 * Deletes only keys that the plan named. Killed anywhere, the next call ends what this one began.
 */
export async function rotateKey(
  aws: Aws,
  wish: AwsWish,
  doing: Doing,
  options: { readonly keepOld: boolean; readonly env: Env; readonly plan: RotationPlan },
): Promise<RotatedKey> {
  const { facts } = doing;
  await finish(aws, wish, doing);
  const ids = await keyIds(aws, wish, facts);
  if (!isHalfDone(wish, ids)) await mint(aws, wish, doing, ids);
  const now = readKeyFile(wish.keyFile);
  if (now === null || now.key === null) throw new AgentError(`Cannot use "${wish.keyFile}": it holds no key`);
  const { accessKeyId } = now.key;
  const named = options.plan.deletes.map(({ id }) => id);
  const old = now.before.filter((id) => id !== accessKeyId);
  await untilKnown(wish, now.key, doing, options.env);
  if (options.keepOld) return { key: accessKeyId, deleted: [], kept: old };
  const deleted = old.filter((id) => named.includes(id));
  for (const id of deleted) await deleteKey(aws, wish, facts, id);
  return { key: accessKeyId, deleted, kept: old.filter((id) => !named.includes(id)) };
}

/** A key that is to go, where it is in a file, and those that stay. */
export type KeyToDelete = { readonly key: EdgeKey; readonly place: string; readonly others: readonly string[] };

/** Throws where the user has no key of that name. */
export async function keyToDelete(aws: Aws, wish: AwsWish, facts: FactBook, id: string): Promise<KeyToDelete> {
  const keys = await readKeys(aws, wish, facts);
  const key = keys.find((one) => one.id === id);
  const others = keys.filter((one) => one !== key).map((one) => one.id);
  if (key !== undefined) {
    const isHeld = readKeyFile(wish.keyFile)?.key?.accessKeyId === id;
    return { key, place: isHeld ? `in ${wish.keyFile}, which goes too` : `not in ${wish.keyFile}`, others };
  }
  const has = keys.length === 0 ? "it has no key" : `its keys are ${others.join(", ")}`;
  throw new UsageError(`Cannot delete key ${id}: user "${edgeName(wish.naming)}" has no such key; ${has}`, {
    tryHint: "agent provision plan --only aws",
  });
}

/** With the file that holds it, as a secret without its key is litter. */
export async function deleteNamedKey(aws: Aws, wish: AwsWish, facts: FactBook, id: string): Promise<void> {
  for (const path of [wish.keyFile, newFileOf(wish.keyFile)]) {
    if (readKeyFile(path)?.key?.accessKeyId === id) rmSync(path, { force: true });
  }
  await deleteKey(aws, wish, facts, id);
}

/** The old key goes only when the new one works. */
async function untilKnown(wish: AwsWish, key: AwsKey, doing: Doing, env: Env): Promise<void> {
  const edge = await openAws({ region: wish.naming.region, env, key });
  try {
    await pollUntil(`key ${key.accessKeyId} to be known`, IAM_WAIT, doing, async () => {
      try {
        await edge.sts.send(new edge.stsApi.GetCallerIdentityCommand({}));
        return { value: true };
      } catch (error) {
        const { code } = answerOf(error);
        if (code !== "InvalidClientTokenId" && code !== "SignatureDoesNotMatch") throw error;
        return { notYet: "AWS does not know it yet" };
      }
    });
  } finally {
    edge.close();
  }
}
