/** From a `--store` URI to a store. */
import { resolve } from "node:path";
import { UsageError } from "../core/errors.ts";
import { bucketOf, STAGES } from "../core/stage.ts";
import { DirectoryStore } from "./directory/store.ts";
import type { ObjectStore } from "./object-store.ts";
import type { Reads } from "./patient-reads.ts";

export type StoreOptions = {
  readonly prefix: string;
  readonly region: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly putTimeoutMs: number;
  /** What a relative `dir:` path starts at; the process's own folder when absent. */
  readonly cwd?: string;
  /** For a command that reads: who repeats a read of buckets that failed in passing. */
  readonly reads?: Reads;
};

const SCHEMES: Readonly<Record<string, (rest: string, options: StoreOptions) => Promise<ObjectStore>>> = {
  dir: openDirectory,
  s3: openBuckets,
};
/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, without dots: they break TLS names. */
const BUCKET_NAME = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;

/** Opens nothing outside yet: whether the store can be reached shows at the first put. Throws UsageError for a URI that can never work. */
export async function openStore(uri: string, options: StoreOptions): Promise<ObjectStore> {
  const [, scheme = "", rest = ""] = /^([^:]*):([\s\S]*)$/.exec(uri) ?? [];
  const open = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined;
  if (open === undefined) {
    throw new UsageError(`Cannot open store "${uri}": it is neither dir:PATH nor s3:`, {
      tryHint: "agent run --store dir:./lake",
    });
  }
  return await open(rest, options);
}

async function openDirectory(path: string, options: StoreOptions): Promise<ObjectStore> {
  if (path === "" || path.includes("\0")) {
    throw new UsageError(`Cannot open store "dir:${path}": it names no folder`, {
      tryHint: "agent run --store dir:./lake",
    });
  }
  const root = resolve(options.cwd ?? process.cwd(), path);
  return new DirectoryStore({ root, prefix: options.prefix, region: options.region, uri: `dir:${path}` });
}

async function openBuckets(rest: string, options: StoreOptions): Promise<ObjectStore> {
  if (rest !== "") {
    throw new UsageError(`Cannot open store "s3:${rest}": buckets are named by S3_BUCKET_PREFIX and AWS_REGION`, {
      tryHint: "S3_BUCKET_PREFIX=acme AWS_REGION=us-west-2 agent run --store s3:",
    });
  }
  for (const stage of STAGES) {
    const bucket = bucketOf(stage, options.prefix, options.region);
    if (BUCKET_NAME.test(bucket)) continue;
    throw new UsageError(`Cannot open store "s3:": "${bucket}" cannot be a bucket's name (3 to 63 of a-z, 0-9 and -)`, {
      tryHint: "S3_BUCKET_PREFIX=acme AWS_REGION=us-west-2 agent run --store s3:",
    });
  }
  const { openS3Store } = await import("./s3/store.ts");
  return await openS3Store(options);
}
