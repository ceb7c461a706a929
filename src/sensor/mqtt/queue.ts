/** Messages that were received and are in no block yet. */
import type { RecordContext } from "../context.ts";
import type { Delivery } from "./deliveries.ts";
import type { Message } from "./frames.ts";

/** Above one of these, nothing more is read. One message may be beyond. */
export const QUEUE = { messages: 5_000, bytes: 4 * 1024 * 1024 } as const;

/** Taking one off the front of a long list is slow. */
const FORGOTTEN_AT_ONCE = 500;

/** A topic whose text was read once: there are many messages of each. */
export type Topic = { readonly context: RecordContext; readonly seed: number };

export type Waiting = {
  readonly message: Message;
  readonly topic: Topic;
  /** Null with QoS 0. */
  readonly delivery: Delivery | null;
};

export class MessageQueue {
  readonly #items: Waiting[] = [];
  #head = 0;
  #bytes = 0;

  get hasRoom(): boolean {
    return this.#items.length - this.#head < QUEUE.messages && this.#bytes < QUEUE.bytes;
  }

  /** Messages in memory, those that were taken and not yet forgotten included. */
  get held(): number {
    return this.#items.length;
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
    // Under a backlog the queue is never empty: what was taken must not stay in memory until it is.
    if (this.isEmpty || this.#head >= FORGOTTEN_AT_ONCE) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return waiting;
  }
}
