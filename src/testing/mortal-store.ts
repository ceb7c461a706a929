/** A store whose agent dies at a stated call, before or behind it: nothing that was asked then is ever answered. */
import type { MetadataBucket, ObjectStore } from "../uplink/object-store.ts";

export class MortalStore implements ObjectStore {
  readonly uri: string;
  readonly metadata: MetadataBucket;
  readonly #inner: ObjectStore;
  #left: number;
  puts = 0;
  onDeath: () => void = () => undefined;

  /** Each call counts twice: when it is made and when it is answered. */
  constructor(inner: ObjectStore, atCall: number) {
    this.#inner = inner;
    this.#left = atCall;
    this.uri = inner.uri;
    this.metadata = inner.metadata;
  }

  put(...given: Parameters<ObjectStore["put"]>) {
    this.puts++;
    return this.#within(() => this.#inner.put(...given), given[3]);
  }

  look(...given: Parameters<ObjectStore["look"]>) {
    return this.#within(() => this.#inner.look(...given), given[2]);
  }

  get(...given: Parameters<ObjectStore["get"]>) {
    return this.#within(() => this.#inner.get(...given));
  }

  list(...given: Parameters<ObjectStore["list"]>) {
    return this.#inner.list(...given);
  }

  remove(...given: Parameters<ObjectStore["remove"]>) {
    return this.#inner.remove(...given);
  }

  place(...given: Parameters<ObjectStore["place"]>) {
    return this.#inner.place(...given);
  }

  close(): void {
    // The test reads the inner one when the agent has ended.
  }

  async #within<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#step()) return await never(signal);
    const answer = await call();
    return this.#step() ? await never(signal) : answer;
  }

  #step(): boolean {
    this.#left--;
    if (this.#left === 0) this.onDeath();
    return this.#left <= 0;
  }
}

function never(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
}
