/** The edge user's key: made once, written to a file, and changed for a new one on demand. The secret is never printed. */
import { rmSync } from "node:fs";
import { AgentError } from "../../core/errors.ts";
import type { FactBook } from "../facts.ts";
import { edgeName } from "../names.ts";
import { IAM_WAIT, pollUntil } from "../poll.ts";
import type { Change, Doing, Resource } from "../resource.ts";
import { type Aws, type AwsKey, openAws } from "./clients.ts";
import { edgeUserId, userCall } from "./edge.ts";
import { answerOf, ask, askMaybe, NO_ENTITY } from "./failure.ts";
import { closeToOthers, newFileOf, readKeyFile, takePlace, writeKeyFile } from "./key-file.ts";
import type { AwsWish } from "./wish.ts";

type Env = Readonly<Record<string, string | undefined>>;

export type KeyActual = { readonly ids: readonly string[] };

/** IAM's limit of keys for one user. */
const KEYS_AT_MOST = 2;

export function accessKeyId(wish: AwsWish): string {
  return `access key of ${edgeName(wish.naming)}`;
}

export function accessKeyResource(aws: Aws, wish: AwsWish): Resource<KeyActual> {
  const file = wish.keyFile;
  return {
    id: accessKeyId(wish),
    side: "aws",
    needs: [edgeUserId(wish)],
    missing: `there is none; it is written to ${file}, for its owner only`,
    read: async ({ facts }) => {
      const ids = await keysOf(aws, wish, facts);
      return ids.length === 0 ? null : { ids };
    },
    diff: (actual) => keyChanges(aws, wish, actual),
    create: async (doing) => mint(aws, wish, doing.facts, []),
    // The file first: a secret without its key is litter, a key without its file would look like one in use.
    remove: async ({ ids }, { facts }) => {
      for (const path of [file, newFileOf(file)]) {
        const held = readKeyFile(path);
        if (held !== null && (held.key === null || ids.includes(held.key.accessKeyId))) rmSync(path, { force: true });
      }
      // A run that was killed while it wrote may have left it.
      rmSync(`${newFileOf(file)}.part`, { force: true });
      for (const id of ids) await deleteKey(aws, wish, facts, id);
    },
  };
}

async function keysOf(aws: Aws, wish: AwsWish, facts: FactBook): Promise<string[]> {
  const name = edgeName(wish.naming);
  const list = await askMaybe(userCall(name, "read the keys of", "iam:ListAccessKeys", facts), NO_ENTITY, () =>
    aws.iam.send(new aws.iamApi.ListAccessKeysCommand({ UserName: name })),
  );
  return (list?.AccessKeyMetadata ?? []).flatMap(({ AccessKeyId }) => AccessKeyId ?? []);
}

function keyChanges(aws: Aws, wish: AwsWish, { ids }: KeyActual): Change[] {
  const file = readKeyFile(wish.keyFile);
  const made = readKeyFile(newFileOf(wish.keyFile));
  if (made !== null) {
    const because = "a key was being made when a run ended: finished, so that no key is left without an owner";
    return [{ action: "update", because, make: (doing) => finish(aws, wish, doing.facts).then(() => undefined) }];
  }
  if (file === null) return [];
  if (file.isOpen) {
    const because = `${wish.keyFile}: others may read it -> its owner only`;
    return [{ action: "update", because, make: async () => closeToOthers(wish.keyFile) }];
  }
  if (file.key === null || ids.includes(file.key.accessKeyId)) return [];
  const because = `${wish.keyFile} holds ${file.key.accessKeyId}, which is not a key of the user any more: a new one`;
  return [{ action: "replace", because, make: (doing) => mint(aws, wish, doing.facts, ids) }];
}

/** Asked for, written down, put in its place. `before`: the keys that there are, which stay. */
async function mint(aws: Aws, wish: AwsWish, facts: FactBook, before: readonly string[]): Promise<void> {
  const name = edgeName(wish.naming);
  // Throws where the place is taken by something that is not ours, before there is a key.
  readKeyFile(wish.keyFile);
  const path = newFileOf(wish.keyFile);
  writeKeyFile(path, before, {});
  const answer = await ask(userCall(name, "create a key of", "iam:CreateAccessKey", facts), () =>
    aws.iam.send(new aws.iamApi.CreateAccessKeyCommand({ UserName: name })),
  );
  const { AccessKeyId, SecretAccessKey } = answer.AccessKey ?? {};
  if (AccessKeyId === undefined || SecretAccessKey === undefined) {
    throw new AgentError(`Cannot create a key of user "${name}": the answer holds none`);
  }
  const [node, ...otherNodes] = wish.edgeNodes === "*" ? [] : wish.edgeNodes;
  writeKeyFile(path, before, {
    AWS_ACCESS_KEY_ID: AccessKeyId,
    AWS_SECRET_ACCESS_KEY: SecretAccessKey,
    AWS_REGION: wish.naming.region,
    S3_BUCKET_PREFIX: wish.naming.prefix,
    AGENT_STORE: "s3:",
    ...(node === undefined || otherNodes.length > 0 ? {} : { AGENT_NODE_ID: node }),
  });
  await settle(aws, wish, facts, { id: AccessKeyId, before });
}

/**
 * The key takes its place, alone: a request that a lost connection made go out twice has made two, and no one holds the
 * other. While `FILE.new` is there, a key that is neither the new one nor an older one is such a key.
 */
async function settle(aws: Aws, wish: AwsWish, facts: FactBook, { id, before }: NewKey): Promise<void> {
  const ids = await keysOf(aws, wish, facts);
  for (const lost of ids.filter((one) => one !== id && !before.includes(one))) await deleteKey(aws, wish, facts, lost);
  takePlace(wish.keyFile);
}

/** Ends what a killed run began: a key whose secret was written takes its place, one whose secret was lost is deleted. */
async function finish(aws: Aws, wish: AwsWish, facts: FactBook): Promise<void> {
  const made = readKeyFile(newFileOf(wish.keyFile));
  if (made === null) return;
  if (made.key !== null) return await settle(aws, wish, facts, { id: made.key.accessKeyId, before: made.before });
  const ids = await keysOf(aws, wish, facts);
  for (const id of ids.filter((one) => !made.before.includes(one))) await deleteKey(aws, wish, facts, id);
  await mint(aws, wish, facts, made.before);
}

async function deleteKey(aws: Aws, wish: AwsWish, facts: FactBook, id: string): Promise<void> {
  const name = edgeName(wish.naming);
  await askMaybe(userCall(name, `delete key ${id} of`, "iam:DeleteAccessKey", facts), NO_ENTITY, () =>
    aws.iam.send(new aws.iamApi.DeleteAccessKeyCommand({ UserName: name, AccessKeyId: id })),
  );
}

/** `before`: the keys that there were, which stay. */
type NewKey = { readonly id: string; readonly before: readonly string[] };

export type RotatedKey = {
  readonly key: string;
  readonly deleted: readonly string[];
  readonly kept: readonly string[];
};

/**
 * A new key in the file; then the old one is deleted, unless `keepOld`: the next rotation deletes it then, and makes none.
 * Killed anywhere, the next call ends what this one began.
 */
export async function rotateKey(
  aws: Aws,
  wish: AwsWish,
  doing: Doing,
  options: { readonly keepOld: boolean; readonly env: Env },
): Promise<RotatedKey> {
  const { facts } = doing;
  await finish(aws, wish, facts);
  const ids = await keysOf(aws, wish, facts);
  const file = readKeyFile(wish.keyFile);
  // A rotation that made its key and has not deleted the old one, whether it was killed or kept it on purpose.
  const half =
    file?.key !== null &&
    file !== null &&
    ids.includes(file.key.accessKeyId) &&
    file.before.some((id) => ids.includes(id));
  if (!half) {
    if (ids.length >= KEYS_AT_MOST) throw twoKeys(wish, ids, file?.key?.accessKeyId ?? null);
    await mint(aws, wish, facts, ids);
  }
  const now = readKeyFile(wish.keyFile);
  if (now === null || now.key === null) throw new AgentError(`Cannot use "${wish.keyFile}": it holds no key`);
  const { accessKeyId } = now.key;
  const old = now.before.filter((id) => id !== accessKeyId);
  await untilKnown(wish, now.key, doing, options.env);
  if (options.keepOld) return { key: accessKeyId, deleted: [], kept: old };
  for (const id of old) await deleteKey(aws, wish, facts, id);
  return { key: accessKeyId, deleted: old, kept: [] };
}

function twoKeys(wish: AwsWish, ids: readonly string[], held: string | null): AgentError {
  const name = edgeName(wish.naming);
  const other = ids.find((id) => id !== held);
  const which = held === null ? "and neither is in the file" : `and ${other} is not the one in the file`;
  return new AgentError(`Cannot make a new key of user "${name}": it has two (${ids.join(", ")}), ${which}`, {
    advice: `Delete ${other} if no node uses it`,
    tryHint: `aws iam delete-access-key --user-name ${name} --access-key-id ${other}`,
  });
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
