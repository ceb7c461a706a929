/**
 * Making a key: asked for, written down, put in its place. No key is deleted here: one that we did not make, or whose secret a
 * killed run has lost, may be a key that another person made in the same moment and that nodes have. Such a key is named.
 */
import { AgentError, TransientError } from "../../core/errors.ts";
import type { Aws } from "../aws/clients.ts";
import { answerOf, ask } from "../aws/failure.ts";
import type { AwsWish } from "../aws/wish.ts";
import type { FactBook } from "../facts.ts";
import { edgeName } from "../names.ts";
import { pollUntil, READ_BACK_WAIT } from "../poll.ts";
import type { Doing } from "../resource.ts";
import { dropNewFile, newFileOf, readKeyFile, takePlace, writeKeyFile } from "./key-file.ts";
import { KEYS_AT_MOST, keyIds, userCall } from "./keys.ts";

/** `before`: the keys that the new one is to replace; they stay. */
export async function mint(aws: Aws, wish: AwsWish, doing: Doing, before: readonly string[]): Promise<void> {
  const name = edgeName(wish.naming);
  // Throws where the place is taken by something that is not ours, before there is a key.
  const held = readKeyFile(wish.keyFile);
  const ids = await keyIds(aws, wish, doing.facts);
  if (ids.length >= KEYS_AT_MOST) throw twoKeys(wish, ids, held?.key?.accessKeyId ?? null);
  const path = newFileOf(wish.keyFile);
  refuseAnother(wish);
  writeKeyFile(path, before, {});
  const call = userCall(name, "create a key of", "iam:CreateAccessKey", doing.facts);
  const { AccessKey } = await ask(call, () =>
    aws.iam.send(new aws.iamApi.CreateAccessKeyCommand({ UserName: name })),
  ).catch((error: unknown) => refused(aws, wish, doing.facts, error));
  const { AccessKeyId, SecretAccessKey } = AccessKey ?? {};
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
  takePlace(wish.keyFile);
}

/** Two runs that write one file would each think that its key is in it. */
function refuseAnother({ keyFile }: AwsWish): void {
  const maker = readKeyFile(newFileOf(keyFile))?.maker ?? null;
  if (maker === null) return;
  throw new AgentError(`Cannot make a key for ${keyFile}: another run (process ${maker}) is making one`, {
    advice: "Wait until it has ended",
    tryHint: "agent provision plan --only aws",
  });
}

/** There is no key, so nothing is left to finish; where its answer was lost, there may be one. */
async function refused(aws: Aws, wish: AwsWish, facts: FactBook, error: unknown): Promise<never> {
  if (!(error instanceof AgentError) || error instanceof TransientError) throw error;
  dropNewFile(wish.keyFile);
  const ids = await keyIds(aws, wish, facts);
  if (ids.length < KEYS_AT_MOST || !answerOf(error.cause).code.startsWith("LimitExceeded")) throw error;
  throw twoKeys(wish, ids, readKeyFile(wish.keyFile)?.key?.accessKeyId ?? null);
}

/** Ends what a killed run began: a key whose secret was written takes its place, for one whose secret was lost another is made. */
export async function finish(aws: Aws, wish: AwsWish, doing: Doing): Promise<void> {
  const made = readKeyFile(newFileOf(wish.keyFile));
  if (made === null) return;
  refuseAnother(wish);
  if (made.key !== null && (await isSeen(aws, wish, doing, made.key.accessKeyId))) return takePlace(wish.keyFile);
  await mint(aws, wish, doing, made.before);
}

/** IAM may list a key some seconds after it was made. */
export async function isSeen(aws: Aws, wish: AwsWish, doing: Doing, id: string): Promise<boolean> {
  return await pollUntil(`key ${id} to be seen`, READ_BACK_WAIT, doing, async () =>
    (await keyIds(aws, wish, doing.facts)).includes(id) ? { value: true } : { notYet: "IAM does not list it" },
  ).catch((error: unknown) => {
    if (doing.stop.aborted || !(error instanceof AgentError) || error.cause !== undefined) throw error;
    return false;
  });
}

/** `held`: the key in the file. */
export function twoKeys(wish: AwsWish, ids: readonly string[], held: string | null): AgentError {
  const name = edgeName(wish.naming);
  const other = ids.find((id) => id !== held) ?? "ID";
  const which =
    held === null || !ids.includes(held)
      ? `neither is in ${wish.keyFile}`
      : `${other} is not the one in ${wish.keyFile}`;
  return new AgentError(
    `Cannot make a new key of user "${name}": it has two (${ids.join(", ")}), as many as IAM allows, and ${which}`,
    {
      advice: "Delete one that no node uses; plan says when each was last used",
      tryHint: `agent provision rotate-key --delete ${other}`,
    },
  );
}
