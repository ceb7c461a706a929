/**
 * The store in S3, or in a server with the same API: a bucket per stage. The SDK is imported when the store is opened, and
 * is asked for signing, endpoints, clock skew and credentials; when and how often to try is the uplink's business (link-state.ts,
 * and patient-reads.ts for commands).
 */
import type {
  PutObjectCommandInput,
  PutObjectCommandOutput,
  S3Client,
  S3ClientConfig,
  _Error as S3DeleteError,
} from "@aws-sdk/client-s3";
import { DeniedError, TransientError } from "../../core/errors.ts";
import { oneLine } from "../../core/log/log.ts";
import { bucketOf, metadataBucketOf, type Stage } from "../../core/stage.ts";
import {
  type ListedObject,
  type Look,
  type MetadataBucket,
  NotFoundError,
  type ObjectMetadata,
  type ObjectRef,
  type ObjectStore,
  type PutAnswer,
} from "../object-store.ts";
import { ONE_TRY, type Reads } from "../patient-reads.ts";
import { Connections, wasSentOnce } from "./connections.ts";
import { explainS3Failure, isAboutCredentials, isAbsence, type S3Call, statusOf } from "./failure.ts";
import { fetchHandler, type Trust, trustOf } from "./http.ts";
import { crc32, lookByBody, lookByHead, unseen } from "./look.ts";

type BucketAndKey = { readonly Bucket: string; readonly Key: string };
type Sdk = typeof import("@aws-sdk/client-s3");

export type S3Options = {
  readonly prefix: string;
  readonly region: string;
  /** Where AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL and the AWS_* of the credentials are read. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A put that has no answer after this long has failed; a large body gets more, see http.ts. */
  readonly putTimeoutMs: number;
  /** Objects a page of a listing holds: 1,000 is S3's own limit. */
  readonly pageSize?: number;
  /** Who repeats a read or a delete that failed in passing; one try where absent. */
  readonly reads?: Reads;
};

/** S3's limit for one DeleteObjects. */
const REMOVED_AT_ONCE = 1_000;
/** Behind an object that may not be looked at, so many puts are certain to be sent once. */
const CERTAIN_PUTS = 256;

export async function openS3Store(options: S3Options): Promise<ObjectStore> {
  return new S3Store(await import("@aws-sdk/client-s3"), options);
}

class S3Store implements ObjectStore {
  readonly uri = "s3:";
  readonly metadata: MetadataBucket;
  readonly #sdk: Sdk;
  readonly #options: S3Options;
  readonly #reads: Reads;
  readonly #trust: Trust | null;
  readonly #connections = new Connections();
  #client: S3Client | null = null;

  constructor(sdk: Sdk, options: S3Options) {
    this.#sdk = sdk;
    this.#options = options;
    this.#reads = options.reads ?? ONE_TRY;
    this.#trust = trustOf(options.env);
    const bucket = metadataBucketOf(options.prefix, options.region);
    this.metadata = {
      place: bucket,
      replace: (key, body, signal) => this.#replace(bucket, key, body, signal),
      list: (prefix) => this.#list(bucket, prefix),
      get: (key) => this.#get(bucket, key),
    };
  }

  async put(ref: ObjectRef, body: Uint8Array, metadata: ObjectMetadata, signal?: AbortSignal): Promise<PutAnswer> {
    signal?.throwIfAborted();
    const input = { Bucket: this.place(ref.stage), Key: ref.key, Body: body, IfNoneMatch: "*" };
    try {
      return await this.#put({ ...input, Metadata: metadataOf(metadata) }, body, signal);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (statusOf(error) === 412) return wasSentOnce(error) ? "already-there" : "perhaps-own";
      throw this.#explain(error, this.#putCall(input));
    }
  }

  async look({ stage, key }: ObjectRef, body: Uint8Array, signal?: AbortSignal): Promise<Look> {
    signal?.throwIfAborted();
    const at = { Bucket: this.place(stage), Key: key };
    const call = this.#call(at.Bucket, `compare "${oneLine(key)}" of`, "s3:GetObject", true);
    try {
      const command = new this.#sdk.HeadObjectCommand({ ...at, ChecksumMode: "ENABLED" });
      const head = await this.#live().send(command, signal === undefined ? {} : { abortSignal: signal });
      return lookByHead(head, body) ?? lookByBody(await this.#getOnce(at.Bucket, at.Key), head, body);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof NotFoundError || statusOf(error) === 404) {
        throw new TransientError(`Cannot ${call.doing} bucket "${call.bucket}": it has gone`, { cause: error });
      }
      this.#connections.useOwn(CERTAIN_PUTS);
      return unseen(this.#explain(error, call), `s3:GetObject on arn:aws:s3:::${call.bucket}/*`);
    }
  }

  async #replace(bucket: string, key: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const input = { Bucket: bucket, Key: key, Body: body };
    try {
      await this.#put(input, body, signal);
    } catch (error) {
      throw signal?.aborted ? signal.reason : this.#explain(error, this.#putCall(input));
    }
  }

  async #put(
    input: BucketAndKey & Partial<PutObjectCommandInput>,
    body: Uint8Array,
    signal?: AbortSignal,
  ): Promise<"stored"> {
    const command = new this.#sdk.PutObjectCommand({
      ...input,
      ContentType: "application/x-ndjson",
      ChecksumCRC32: crc32(body),
    });
    const output = await this.#live().send(command, signal === undefined ? {} : { abortSignal: signal });
    return confirmed(output, this.#putCall(input));
  }

  async *list(stage: Stage, prefix = ""): AsyncIterable<ListedObject> {
    for await (const object of this.#list(this.place(stage), prefix)) yield { stage, ...object };
  }

  async *#list(bucket: string, prefix: string): AsyncIterable<Omit<ListedObject, "stage">> {
    const call = this.#call(bucket, "list", "s3:ListBucket", false);
    let token: string | undefined;
    do {
      const page = await this.#reads(() => this.#page(prefix, token, call));
      for (const object of page.Contents ?? []) {
        if (object.Key === undefined) continue;
        yield { key: object.Key, bytes: object.Size ?? 0, storedMs: object.LastModified?.getTime() ?? 0 };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  get(ref: ObjectRef): Promise<Uint8Array> {
    return this.#get(this.place(ref.stage), ref.key);
  }

  #get(bucket: string, key: string): Promise<Uint8Array> {
    return this.#reads(() => this.#getOnce(bucket, key));
  }

  async #getOnce(bucket: string, key: string): Promise<Uint8Array> {
    const call = this.#call(bucket, `read "${oneLine(key)}" of`, "s3:GetObject", true);
    try {
      const output = await this.#live().send(new this.#sdk.GetObjectCommand({ Bucket: bucket, Key: key }));
      return (await output.Body?.transformToByteArray()) ?? new Uint8Array(0);
    } catch (error) {
      if (!isAbsence(error)) throw this.#explain(error, call);
      throw new NotFoundError(`Cannot read "${oneLine(key)}" of bucket "${call.bucket}": not found`, { cause: error });
    }
  }

  async remove(stage: Stage, keys: readonly string[]): Promise<void> {
    for (let from = 0; from < keys.length; from += REMOVED_AT_ONCE) {
      const some = keys.slice(from, from + REMOVED_AT_ONCE);
      await this.#reads(() => this.#removeOnce(stage, some));
    }
  }

  async #removeOnce(stage: Stage, keys: readonly string[]): Promise<void> {
    const call = this.#call(this.place(stage), "delete objects of", "s3:DeleteObject", true);
    try {
      const input = { Bucket: this.place(stage), Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: true } };
      const { Errors: [first] = [] } = await this.#live().send(new this.#sdk.DeleteObjectsCommand(input));
      if (first !== undefined) throw refusal(first);
    } catch (error) {
      throw this.#explain(error, call);
    }
  }

  place(stage: Stage): string {
    return bucketOf(stage, this.#options.prefix, this.#options.region);
  }

  close(): void {
    this.#client?.destroy();
    this.#client = null;
  }

  async #page(prefix: string, token: string | undefined, call: S3Call) {
    const input = {
      Bucket: call.bucket,
      Prefix: prefix,
      MaxKeys: this.#options.pageSize ?? 1_000,
      ContinuationToken: token,
    };
    try {
      const page = await this.#live().send(new this.#sdk.ListObjectsV2Command(input));
      if (page.IsTruncated === undefined) throw foreignAnswer(call, "it is not a listing");
      return page;
    } catch (error) {
      if (isAbsence(error)) return { Contents: [], NextContinuationToken: undefined };
      throw this.#explain(error, call);
    }
  }

  #live(): S3Client {
    this.#client ??= new this.#sdk.S3Client(configOf(this.#options, this.#trust, this.#connections));
    return this.#client;
  }

  #call(bucket: string, doing: string, action: string, onObjects: boolean): S3Call {
    return { doing, action, onObjects, bucket, region: this.#options.region };
  }

  #putCall({ Bucket, Key }: BucketAndKey): S3Call {
    return this.#call(Bucket, `store "${Key}" in`, "s3:PutObject", true);
  }

  #explain(error: unknown, call: S3Call): Error {
    if (error instanceof TransientError || error instanceof DeniedError) return error;
    // A client keeps the credentials that its chain found; a new one reads them again, from a file that may be repaired now.
    if (isAboutCredentials(error)) this.#client = null;
    return explainS3Failure(error, call, Date.now());
  }
}

function configOf(options: S3Options, trust: Trust | null, connections: Connections): S3ClientConfig {
  const { env, region } = options;
  const endpoint = env["AWS_ENDPOINT_URL_S3"] || env["AWS_ENDPOINT_URL"];
  const profile = env["AWS_PROFILE"];
  const accessKeyId = env["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = env["AWS_SECRET_ACCESS_KEY"];
  const sessionToken = env["AWS_SESSION_TOKEN"];
  const isStatic = accessKeyId && secretAccessKey && !profile;
  const config = {
    region,
    // Our own link decides when to try again.
    maxAttempts: 1,
    requestHandler: fetchHandler(options.putTimeoutMs, trust, connections),
    // A put brings its own CRC, computed natively; the SDK's is computed in JavaScript where there is no native package.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    ...(endpoint ? { endpoint, forcePathStyle: true } : {}),
    ...(profile ? { profile } : {}),
    ...(isStatic ? { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } } : {}),
    // For the credential chain: it reads ~/.aws/credentials again, so a repaired file works without a restart.
    ignoreCache: true,
  } as const;
  return config;
}

/** A captive portal answers 200 to anything. Only an answer with an ETag says that the object is stored. */
function confirmed(output: PutObjectCommandOutput, call: S3Call): "stored" {
  if (output.ETag !== undefined) return "stored";
  throw foreignAnswer(call, "it names no ETag");
}

function foreignAnswer(call: S3Call, because: string): TransientError {
  return new TransientError(`Cannot ${call.doing} bucket "${call.bucket}": the answer is not from S3, ${because}`);
}

/** DeleteObjects answers 200 and names the objects that it did not delete: as an error like any other answer. */
function refusal(first: S3DeleteError): Error {
  const error = new Error(`${first.Message ?? "not deleted"} ("${first.Key}")`);
  const status = first.Code === "InternalError" || first.Code === "SlowDown" ? 503 : 400;
  error.name = first.Code ?? "Unknown";
  return Object.assign(error, { Code: first.Code, $metadata: { httpStatusCode: status } });
}

function metadataOf(metadata: ObjectMetadata): Record<string, string> {
  return {
    node: metadata.node,
    stage: metadata.stage,
    count: String(metadata.count),
    "agent-version": metadata.agentVersion,
    "rules-version": metadata.rulesVersion,
  };
}
