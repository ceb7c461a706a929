/**
 * The store in a folder: the embedded default. Each bucket is a folder, each object a file; the layout is the one in S3, so
 * readers of the lake work on either.
 */
import * as nodeFiles from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { codeOf, DeniedError, TransientError } from "../../core/errors.ts";
import { bucketOf, metadataBucketOf, type Stage } from "../../core/stage.ts";
import {
  type ListedObject,
  type Look,
  type MetadataBucket,
  NotFoundError,
  type ObjectMetadata,
  type ObjectRef,
  type ObjectStore,
} from "../object-store.ts";
import { explainFailure } from "./failure.ts";
import { DirectoryWriter, type Files, INCOMING } from "./writer.ts";

export type DirectoryOptions = {
  readonly root: string;
  readonly prefix: string;
  readonly region: string;
  readonly uri?: string;
  readonly files?: Files;
};

export class DirectoryStore implements ObjectStore {
  readonly uri: string;
  readonly metadata: MetadataBucket;
  readonly #root: string;
  readonly #options: DirectoryOptions;
  readonly #files: Files;
  readonly #writer: DirectoryWriter;

  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#files = options.files ?? nodeFiles;
    this.#root = resolve(options.root);
    this.#writer = new DirectoryWriter(this.#root, this.#files);
    this.uri = options.uri ?? `dir:${options.root}`;
    const bucket = join(this.#root, metadataBucketOf(options.prefix, options.region));
    this.metadata = {
      place: bucket,
      replace: (key, body, signal) => this.#replace(bucket, key, body, signal),
      list: (prefix) => this.#walk(bucket, "", prefix),
      get: (key) => this.#read(pathIn(bucket, key)),
    };
  }

  async put(
    ref: ObjectRef,
    body: Uint8Array,
    _metadata: ObjectMetadata,
    signal?: AbortSignal,
  ): Promise<"stored" | "already-there"> {
    signal?.throwIfAborted();
    const bucket = this.place(ref.stage);
    const path = pathIn(bucket, ref.key);
    try {
      return await this.#writer.write({ bucket, path, body, signal });
    } catch (error) {
      throw signal?.aborted ? signal.reason : this.#explain(error, "store", path);
    }
  }

  async look({ stage, key }: ObjectRef, body: Uint8Array, signal?: AbortSignal): Promise<Look> {
    signal?.throwIfAborted();
    const path = pathIn(this.place(stage), key);
    try {
      const { size, mtimeMs } = await this.#files.stat(path);
      const isSame = size === body.length && Buffer.compare(await this.#files.readFile(path), body) === 0;
      return isSame ? { is: "same" } : { is: "other", bytes: size, storedMs: mtimeMs };
    } catch (error) {
      if (isMissing(error)) throw new TransientError(`Cannot compare "${path}": it has gone`, { cause: error });
      const why = codeOf(error) === "EISDIR" ? null : this.#explain(error, "read", path);
      // A folder of exactly the body's size.
      if (why === null) return { is: "other", bytes: 0, storedMs: 0 };
      if (!(why instanceof DeniedError)) throw why;
      const missing = `permission to read in "${this.#root}"`;
      return { is: "unseen", because: why.message, missing, tryHint: why.tryHint ?? "agent lake ls" };
    }
  }

  async #replace(bucket: string, key: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const path = pathIn(bucket, key);
    try {
      await this.#writer.replace({ bucket, path, body, signal });
    } catch (error) {
      throw signal?.aborted ? signal.reason : this.#explain(error, "store", path);
    }
  }

  async *list(stage: Stage, prefix = ""): AsyncIterable<ListedObject> {
    for await (const object of this.#walk(this.place(stage), "", prefix)) yield { stage, ...object };
  }

  get(ref: ObjectRef): Promise<Uint8Array> {
    return this.#read(pathIn(this.place(ref.stage), ref.key));
  }

  async #read(path: string): Promise<Uint8Array> {
    try {
      return new Uint8Array(await this.#files.readFile(path));
    } catch (error) {
      if (!isMissing(error)) throw this.#explain(error, "read", path);
      throw new NotFoundError(`Cannot read "${path}": there is no such file`, { cause: error });
    }
  }

  async remove(stage: Stage, keys: readonly string[]): Promise<void> {
    const folders = new Set<string>();
    for (const key of keys) {
      const path = pathIn(this.place(stage), key);
      try {
        await this.#files.rm(path);
        folders.add(dirname(path));
      } catch (error) {
        if (!isMissing(error)) throw this.#explain(error, "remove", path);
      }
    }
    for (const folder of folders) await this.#removeEmpty(folder, this.place(stage));
  }

  place(stage: Stage): string {
    return join(this.#root, bucketOf(stage, this.#options.prefix, this.#options.region));
  }

  close(): void {}

  async *#walk(bucket: string, within: string, prefix: string): AsyncIterable<Omit<ListedObject, "stage">> {
    for (const entry of await this.#entries(bucket, within)) {
      const key = within + entry;
      if (entry.endsWith("/")) {
        if (key.startsWith(prefix) || prefix.startsWith(key)) yield* this.#walk(bucket, key, prefix);
      } else if (key.startsWith(prefix)) {
        const path = join(bucket, key);
        try {
          const { size, mtimeMs } = await this.#files.stat(path);
          yield { key, bytes: size, storedMs: mtimeMs };
        } catch (error) {
          // Removed while we looked.
          if (!isMissing(error)) throw this.#explain(error, "list", path);
        }
      }
    }
  }

  /** Names in a folder, a folder's with a `/` behind: sorted like that, a walk is in the order of whole keys. */
  async #entries(bucket: string, within: string): Promise<string[]> {
    const folder = join(bucket, within);
    try {
      const entries = await this.#files.readdir(folder, { withFileTypes: true });
      return entries
        .filter((entry) => (entry.isFile() || entry.isDirectory()) && entry.name !== INCOMING)
        .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
        .sort();
    } catch (error) {
      // A bucket that is a file, or below one, is not an empty bucket.
      const isNoFolder = within === "" && codeOf(error) === "ENOTDIR";
      if (isMissing(error) && !isNoFolder) return [];
      throw this.#explain(error, "list", folder);
    }
  }

  async #removeEmpty(folder: string, bucket: string): Promise<void> {
    for (let at = folder; at.length > bucket.length; at = dirname(at)) {
      // Not empty, or filled again meanwhile: both are fine.
      const removed = await this.#files.rmdir(at).then(
        () => true,
        () => false,
      );
      if (!removed) return;
    }
  }

  #explain(error: unknown, verb: string, path: string): Error {
    return explainFailure(error, verb, path, this.#root);
  }
}

function pathIn(bucket: string, key: string): string {
  const parts = key.split("/");
  if (parts.some((part) => part === "" || part.startsWith(".") || part.includes("\0") || part.includes("\\"))) {
    throw new Error(`Cannot name a file after the key "${key}": it has empty or hidden parts`);
  }
  return join(bucket, ...parts);
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR";
}
