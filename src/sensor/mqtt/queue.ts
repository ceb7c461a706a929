/** Messages that were received and are in no block yet. */
import type { RecordContext } from "../context.ts";
import type { Delivery } from "./deliveries.ts";
import type { Message } from "./frames.ts";

/** Above one of these, nothing more is read. One message may be beyond. */
export const QUEUE = { messages: 5_000, bytes: 4 * 1024 * 1024 } as const;

/** A topic whose text was read once: there are many messages of each. */
export type Topic = { readonly context: RecordContext; readonly seed: number };

export type Waiting = {
  readonly message: Message;
  readonly topic: Topic;
  /** Null with QoS 0. */
  readonly delivery: Delivery | null;
};

export class MessageQueue {
  #items: Waiting[] = [];
  #head = 0;
  #bytes = 0;

  get hasRoom(): boolean {
    return this.#items.length - this.#head < QUEUE.messages && this.#bytes < QUEUE.bytes;
  }

  get isEmpty(): boolean {
    return this.#head === this.#items.length;
  }

  push(waiting: Waiting): void {
    this.#items.push(waiting);
    this.#bytes += waiting.message.payload.length;
  }

  /** The oldest; null where there is none. */
  shift(): Waiting | null {
    const waiting = this.#items[this.#head];
    if (waiting === undefined) return null;
    this.#head++;
    this.#bytes -= waiting.message.payload.length;
    if (this.isEmpty) {
      this.#items = [];
      this.#head = 0;
    }
    return waiting;
  }
}
