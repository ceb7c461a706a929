/** A store into which another writer puts objects first, under the keys that the agent is about to use. */
import type { MetadataBucket, ObjectMetadata, ObjectRef, ObjectStore } from "../uplink/object-store.ts";

export class PlantedStore implements ObjectStore {
  readonly uri: string;
  readonly metadata: MetadataBucket;
  readonly #inner: ObjectStore;
  readonly #seen = new Set<string>();
  /** The body that is put before the agent's first put of a key; null: none. */
  plant: (ref: ObjectRef, body: Uint8Array) => Uint8Array | null = () => null;
  readonly planted: ObjectRef[] = [];
  /** What a listing does not show. */
  hides: (ref: ObjectRef) => boolean = () => false;

  constructor(inner: ObjectStore) {
    this.#inner = inner;
    this.uri = inner.uri;
    this.metadata = inner.metadata;
  }

  async put(ref: ObjectRef, body: Uint8Array, metadata: ObjectMetadata, signal?: AbortSignal) {
    const name = `${ref.stage}/${ref.key}`;
    const foreign = this.#seen.has(name) ? null : this.plant(ref, body);
    if (foreign !== null && (await this.#inner.put(ref, foreign.slice(), metadata, signal)) === "stored") {
      this.planted.push(ref);
    }
    this.#seen.add(name);
    return await this.#inner.put(ref, body, metadata, signal);
  }

  look(...given: Parameters<ObjectStore["look"]>) {
    return this.#inner.look(...given);
  }

  async *list(...given: Parameters<ObjectStore["list"]>) {
    for await (const object of this.#inner.list(...given)) if (!this.hides(object)) yield object;
  }

  isPlanted(ref: ObjectRef): boolean {
    return this.planted.some(({ stage, key }) => stage === ref.stage && key === ref.key);
  }

  get(ref: ObjectRef) {
    return this.#inner.get(ref);
  }

  remove(...given: Parameters<ObjectStore["remove"]>) {
    return this.#inner.remove(...given);
  }

  place(...given: Parameters<ObjectStore["place"]>) {
    return this.#inner.place(...given);
  }

  close(): void {
    // The test reads it when the agent has ended.
  }
}
