/** The plainest store: what the others are checked against, and what tests of the uplink write to. */
import { TransientError } from "../core/errors.ts";
import type { Stage } from "../core/stage.ts";
import {
  type ListedObject,
  type Look,
  type MetadataBucket,
  NotFoundError,
  type ObjectMetadata,
  type ObjectRef,
  type ObjectStore,
} from "./object-store.ts";

type MemoryObject = { readonly body: Uint8Array; readonly metadata: ObjectMetadata; readonly storedMs: number };

export class MemoryStore implements ObjectStore {
  readonly uri = "memory:";
  readonly #objects = new Map<Stage, Map<string, MemoryObject>>();
  readonly #replaced = new Map<string, Pick<MemoryObject, "body" | "storedMs">>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  readonly metadata: MetadataBucket = {
    place: "memory:metadata",
    replace: async (key, body, signal) => {
      signal?.throwIfAborted();
      this.#replaced.set(key, { body: body.slice(), storedMs: this.#now() });
    },
    list: (prefix) => this.#listReplaced(prefix),
    get: async (key) => {
      const object = this.#replaced.get(key);
      if (object === undefined) throw new NotFoundError(`Cannot read "${key}" of metadata: there is no such object`);
      return object.body.slice();
    },
  };

  async put(
    ref: ObjectRef,
    body: Uint8Array,
    metadata: ObjectMetadata,
    signal?: AbortSignal,
  ): Promise<"stored" | "already-there"> {
    signal?.throwIfAborted();
    const stage = this.#stage(ref.stage);
    if (stage.has(ref.key)) return "already-there";
    stage.set(ref.key, { body: body.slice(), metadata, storedMs: this.#now() });
    return "stored";
  }

  async look(ref: ObjectRef, body: Uint8Array, signal?: AbortSignal): Promise<Look> {
    signal?.throwIfAborted();
    const object = this.#stage(ref.stage).get(ref.key);
    if (object === undefined) throw new TransientError(`Cannot compare "${ref.key}" of ${ref.stage}: it has gone`);
    if (Buffer.compare(object.body, body) === 0) return { is: "same" };
    return { is: "other", bytes: object.body.length, storedMs: object.storedMs };
  }

  async *list(stage: Stage, prefix = ""): AsyncIterable<ListedObject> {
    const keys = [...this.#stage(stage).keys()].filter((key) => key.startsWith(prefix)).sort();
    for (const key of keys) {
      const object = this.#stage(stage).get(key);
      if (object !== undefined) yield { stage, key, bytes: object.body.length, storedMs: object.storedMs };
    }
  }

  async *#listReplaced(prefix: string) {
    const found = [...this.#replaced].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, { body, storedMs }] of found) yield { key, bytes: body.length, storedMs };
  }

  async get(ref: ObjectRef): Promise<Uint8Array> {
    const object = this.#stage(ref.stage).get(ref.key);
    if (object === undefined)
      throw new NotFoundError(`Cannot read "${ref.key}" of ${ref.stage}: there is no such object`);
    return object.body.slice();
  }

  async remove(stage: Stage, keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#stage(stage).delete(key);
  }

  place(stage: Stage): string {
    return `memory:${stage}`;
  }

  close(): void {}

  #stage(stage: Stage): Map<string, MemoryObject> {
    const known = this.#objects.get(stage);
    if (known !== undefined) return known;
    const made = new Map();
    this.#objects.set(stage, made);
    return made;
  }
}
