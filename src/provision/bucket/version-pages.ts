/** Every version and delete marker of a bucket, page by page. */
import type { ListObjectVersionsCommandInput, ListObjectVersionsCommandOutput } from "@aws-sdk/client-s3";
import type { Aws } from "../aws/clients.ts";
import { askMaybe } from "../aws/failure.ts";
import { tryAgain } from "../poll.ts";
import type { Doing } from "../resource.ts";
import { bucketCall } from "./bucket-read.ts";

/** S3's own limit for one page, and for one DeleteObjects. */
export const PAGE = 1_000;

export type VersionEntry = {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly bytes: number;
  /** Says that the object is deleted; holds nothing. */
  readonly isMarker: boolean;
};

/**
 * A page is handed out when the one behind it has been listed: the marker of a listing is then always an object that is
 * still there. Not every server finds its place behind one that is gone. No such bucket: no page.
 */
export async function* versionPages(
  aws: Aws,
  { bucket, prefix }: { readonly bucket: string; readonly prefix: string },
  doing: Doing,
): AsyncGenerator<VersionEntry[]> {
  const call = bucketCall(bucket, "list", "s3:ListBucketVersions");
  const fixed = { Bucket: bucket, MaxKeys: PAGE, ...(prefix === "" ? {} : { Prefix: prefix }) };
  let at: { KeyMarker?: string; VersionIdMarker?: string } | null = {};
  let before: VersionEntry[] = [];
  while (at !== null) {
    doing.stop.throwIfAborted();
    const input: ListObjectVersionsCommandInput = { ...fixed, ...at };
    const page: ListObjectVersionsCommandOutput | null = await tryAgain(doing, () =>
      askMaybe(call, ["NoSuchBucket"], () => aws.s3.send(new aws.s3Api.ListObjectVersionsCommand(input))),
    );
    yield* chunks(before);
    before = entriesOf(page);
    const { IsTruncated, NextKeyMarker, NextVersionIdMarker } = page ?? {};
    at =
      IsTruncated !== true || NextKeyMarker === undefined
        ? null
        : {
            KeyMarker: NextKeyMarker,
            ...(NextVersionIdMarker === undefined ? {} : { VersionIdMarker: NextVersionIdMarker }),
          };
  }
  yield* chunks(before);
}

function entriesOf(page: ListObjectVersionsCommandOutput | null): VersionEntry[] {
  return [
    ...(page?.Versions ?? []).map(({ Key: key = "", VersionId: versionId, Size: bytes = 0 }) => {
      return { key, versionId, bytes, isMarker: false };
    }),
    ...(page?.DeleteMarkers ?? []).map(({ Key: key = "", VersionId: versionId }) => {
      return { key, versionId, bytes: 0, isMarker: true };
    }),
  ];
}

/** A server may list more than was asked for; S3 deletes no more than this in one call. */
function* chunks(entries: readonly VersionEntry[]): Generator<VersionEntry[]> {
  for (let from = 0; from < entries.length; from += PAGE) yield entries.slice(from, from + PAGE);
}
