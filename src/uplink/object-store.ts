/** The port that every store implements (step 5, CARRY): a place for objects that are written once. */
import type { Stage } from "../core/stage.ts";

/**
 * The bucket beside the stages', for what nodes report of themselves. It holds no readings, and no promise covers it. Its
 * objects are replaced.
 */
export interface MetadataBucket {
  /** Where it is, for people: its name or a folder's path. */
  readonly place: string;
  /** On return the object has this body, and no reader ever sees a part of it. Throws as `ObjectStore.put` does. */
  replace(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** In key order; no such bucket: nothing. */
  list(prefix: string): AsyncIterable<Omit<ListedObject, "stage">>;
  /** Throws NotFoundError when there is no such object. */
  get(key: string): Promise<Uint8Array>;
}

export type ObjectRef = { readonly stage: Stage; readonly key: string };

/** An object as a listing shows it. `storedMs`: when it was stored, by the clock of the store. */
export type ListedObject = {
  readonly stage: Stage;
  readonly key: string;
  readonly bytes: number;
  readonly storedMs: number;
};

/** Kept with the object where the store can keep it (S3 user metadata; a folder has none). Values are ASCII. */
export type ObjectMetadata = {
  readonly node: string;
  readonly stage: Stage;
  readonly count: number;
  readonly agentVersion: string;
  readonly rulesVersion: string;
};

/**
 * How a put ended. `already-there`: an object was under the key before this call began. `perhaps-own`: one is under the key, and
 * it may be of this call, which was repeated below the store (by `fetch`, or by a proxy) after a lost answer.
 */
export type PutAnswer = "stored" | "already-there" | "perhaps-own";

/** What a look at the object under a key found, compared with the body that should be there. */
export type Look =
  | { readonly is: "same" }
  | { readonly is: "other"; readonly bytes: number; readonly storedMs: number }
  /** This identity may not look, or the store cannot say. */
  | { readonly is: "unseen"; readonly because: string; readonly missing: string; readonly tryHint: string };

export interface ObjectStore {
  /** As the user gave it: `s3:` or `dir:./lake`. */
  readonly uri: string;
  readonly metadata: MetadataBucket;
  /**
   * On return an object is stored, durable and listed under the key: this one, or one that was there before and stays as it
   * is. Only `look` knows whether that one is the same. Repeating a call is harmless. No reader ever sees a part of an object.
   * Throws TransientError when trying later may help, DeniedError when a person must act (the agent keeps trying),
   * TooLargeError when half of the rows may be taken, any other
   * error when the store refuses this object (a key that it does not take, a quota). An aborted signal throws its
   * reason; the object may then be there or not. The body is not changed, and is the caller's again on return.
   */
  put(ref: ObjectRef, body: Uint8Array, metadata: ObjectMetadata, signal?: AbortSignal): Promise<PutAnswer>;
  /**
   * Compares the object under a key with a body, byte for byte or by size and checksum, and changes nothing. Throws
   * TransientError when trying later may help, also where the object has gone meanwhile; an aborted signal throws its reason.
   */
  look(ref: ObjectRef, body: Uint8Array, signal?: AbortSignal): Promise<Look>;
  /** The objects of a stage, in key order, as they are found; `prefix` narrows by key. No such bucket: nothing. */
  list(stage: Stage, prefix?: string): AsyncIterable<ListedObject>;
  /** The body as it is stored (gzip). Throws NotFoundError when there is no such object. */
  get(ref: ObjectRef): Promise<Uint8Array>;
  /** Deletes objects, at most a thousand a call; a missing object is not an error. For `lake clean` only. */
  remove(stage: Stage, keys: readonly string[]): Promise<void>;
  /** Where a stage's objects are, for people: a bucket's name or a folder's path. */
  place(stage: Stage): string;
  close(): void;
}

export class NotFoundError extends Error {
  override readonly name = "NotFoundError";
}
