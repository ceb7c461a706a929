/** Emptying a bucket, versions and delete markers and unfinished uploads included, as fast as the server takes it. */

import type { DeleteObjectsCommandOutput } from "@aws-sdk/client-s3";
import { AgentError, DeniedError, TransientError } from "../../core/errors.ts";
import { counted } from "../../core/readable-numbers.ts";
import type { Aws } from "../aws/clients.ts";
import { answerOf, askMaybe, POLICY } from "../aws/failure.ts";
import { tryAgain } from "../poll.ts";
import type { Doing } from "../resource.ts";
import { bucketCall } from "./bucket-read.ts";
import { type VersionEntry, versionPages } from "./version-pages.ts";

/** DeleteObjects under way for one bucket, while the next page is listed. */
const CALLS_AT_ONCE = 4;
/** Agents may still be writing; a bucket that does not become empty is reported. */
const PASSES = 10;

export type Emptying = {
  /** Only keys that begin so; empty: all. */
  readonly prefix?: string;
  /** Objects that stay. */
  readonly keeps?: (entry: VersionEntry) => boolean;
  readonly onDeleted: (count: number) => void;
};

/** On return there is no such bucket. */
export async function removeBucket(aws: Aws, bucket: string, doing: Doing): Promise<void> {
  const call = bucketCall(bucket, "delete", "s3:DeleteBucket");
  const onDeleted = countingTeller(bucket, doing);
  for (let pass = 1; ; pass++) {
    await emptyOnce(aws, bucket, doing, { onDeleted });
    try {
      await askMaybe(call, ["NoSuchBucket"], () => aws.s3.send(new aws.s3Api.DeleteBucketCommand({ Bucket: bucket })));
      return;
    } catch (error) {
      const cause = error instanceof AgentError ? error.cause : error;
      if (answerOf(cause).code !== "BucketNotEmpty" || pass >= PASSES) throw error;
    }
    doing.stop.throwIfAborted();
  }
}

/** `bucket x: 12,000 objects deleted, 4,100/s` */
export function countingTeller(bucket: string, doing: Doing): (count: number) => void {
  const startedMs = doing.now();
  let total = 0;
  return (count) => {
    total += count;
    const perSecond = Math.round((total * 1_000) / Math.max(1, doing.now() - startedMs));
    doing.tell(`bucket ${bucket}: ${total.toLocaleString("en")} objects deleted, ${perSecond.toLocaleString("en")}/s`);
  };
}

/** On return a listing found nothing more to delete. No such bucket: nothing to do. */
export async function emptyBucket(aws: Aws, bucket: string, doing: Doing, emptying: Emptying): Promise<void> {
  for (let pass = 1; pass <= PASSES; pass++) {
    if ((await emptyOnce(aws, bucket, doing, emptying)) === 0) return;
  }
  throw new AgentError(`Cannot empty bucket "${bucket}": someone is still writing into it`, {
    advice: "Stop the agents that deliver to it",
  });
}

/**
 * How many of the listed objects were deleted; objects that are written meanwhile may be left. Every call may be made twice, so one
 * without an answer is made again where it was: it does not begin a bucket of many pages again.
 */
async function emptyOnce(aws: Aws, bucket: string, doing: Doing, emptying: Emptying): Promise<number> {
  const { prefix = "", keeps = () => false, onDeleted } = emptying;
  let deleted = 0;
  await abortUploads(aws, bucket, prefix, doing);
  const working = new Set<Promise<void>>();
  let failure: unknown;
  for await (const page of versionPages(aws, { bucket, prefix }, doing)) {
    doing.stop.throwIfAborted();
    const objects = page.filter((entry) => !keeps(entry));
    if (objects.length === 0) continue;
    const work = tryAgain(doing, () => deleteAll(aws, bucket, objects))
      .then(() => {
        deleted += objects.length;
        onDeleted(objects.length);
      })
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => working.delete(work));
    working.add(work);
    if (working.size >= CALLS_AT_ONCE) await Promise.race(working);
    if (failure !== undefined) break;
  }
  await Promise.all(working);
  if (failure !== undefined) throw failure;
  return deleted;
}

/** DeleteObjects answers 200 and names what it did not do. */
async function deleteAll(aws: Aws, bucket: string, entries: readonly VersionEntry[]): Promise<void> {
  const call = { ...bucketCall(bucket, "empty", "s3:DeleteObjectVersion"), on: `arn:aws:s3:::${bucket}/*` };
  const Objects = entries.map(({ key, versionId }) => ({ Key: key, VersionId: versionId }));
  const Delete = { Objects, Quiet: true };
  const answer = await askMaybe(call, ["NoSuchBucket"], () =>
    aws.s3.send(new aws.s3Api.DeleteObjectsCommand({ Bucket: bucket, Delete })),
  );
  if (answer !== null) throwRefusal(answer, bucket, call.on);
}

export function throwRefusal(
  { Errors = [] }: Pick<DeleteObjectsCommandOutput, "Errors">,
  bucket: string,
  on: string,
): void {
  const errors = Errors.filter(({ Code }) => Code !== "NoSuchKey" && Code !== "NoSuchVersion");
  const [first] = errors;
  if (first === undefined) return;
  const message = `Cannot empty bucket "${bucket}": ${counted(errors.length, "object")} ${errors.length === 1 ? "stays" : "stay"}, "${first.Key}": ${first.Code}: ${first.Message}`;
  const denied = errors.find(({ Code }) => Code === "AccessDenied");
  if (denied !== undefined) {
    throw new DeniedError(message, {
      advice: `${POLICY}; object locks and bucket policies may refuse as well`,
      missing: `s3:DeleteObjectVersion on ${on}`,
      tryHint: `aws s3api get-bucket-policy --bucket ${bucket}`,
    });
  }
  if (errors.every(({ Code }) => Code === "InternalError" || Code === "SlowDown")) throw new TransientError(message);
  throw new AgentError(message);
}

async function abortUploads(aws: Aws, bucket: string, prefix: string, doing: Doing): Promise<void> {
  const list = bucketCall(bucket, "list uploads of", "s3:ListBucketMultipartUploads");
  const abort = {
    ...bucketCall(bucket, "abort uploads of", "s3:AbortMultipartUpload"),
    on: `arn:aws:s3:::${bucket}/*`,
  };
  let at: { KeyMarker?: string; UploadIdMarker?: string } = {};
  do {
    doing.stop.throwIfAborted();
    const input = { Bucket: bucket, ...(prefix === "" ? {} : { Prefix: prefix }), ...at };
    const page = await tryAgain(doing, () =>
      askMaybe(list, ["NoSuchBucket"], () => aws.s3.send(new aws.s3Api.ListMultipartUploadsCommand(input))),
    );
    const one = ({ Key, UploadId }: { Key?: string | undefined; UploadId?: string | undefined }) =>
      new aws.s3Api.AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId });
    await Promise.all(
      (page?.Uploads ?? []).map((upload) =>
        tryAgain(doing, () => askMaybe(abort, ["NoSuchUpload"], () => aws.s3.send(one(upload)))),
      ),
    );
    if (page?.IsTruncated !== true || page.NextKeyMarker === undefined) return;
    at = {
      KeyMarker: page.NextKeyMarker,
      ...(page.NextUploadIdMarker === undefined ? {} : { UploadIdMarker: page.NextUploadIdMarker }),
    };
  } while (at.KeyMarker !== "");
}
