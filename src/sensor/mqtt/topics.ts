/** The topics of messages, whose text is read once. */
import type { Topic } from "./queue.ts";

/** More than these are read again. */
const KEPT = 10_000;

export class Topics {
  readonly #known = new Map<string, Topic>();

  of(bytes: Buffer): Topic {
    const key = bytes.toString("latin1");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const topic = { context: { "@topic": bytes.toString("utf8") }, seed: Bun.hash.crc32(bytes) };
    if (this.#known.size >= KEPT) this.#known.clear();
    this.#known.set(key, topic);
    return topic;
  }
}
