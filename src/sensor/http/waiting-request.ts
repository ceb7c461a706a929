/** A request on its way to the commit of its last record, and those that repeat it meanwhile: all hear the same answer. */
import type { ReadingBlock } from "../../core/reading.ts";
import { RECORD_READINGS } from "../../core/reading.ts";
import type { RecordFormat } from "../format.ts";
import type { KnownKey, PartTaken } from "./keys.ts";
import type { PostedRequest } from "./listener.ts";
import type { HttpReply, Tally } from "./reply.ts";

/** A request with more is in several transactions, in order, and answered after the last. */
const TOGETHER = RECORD_READINGS;
/** A block grows by so many rows at least. */
const GROWTH = 1_000;

export type RequestKey = { readonly key: string; readonly hash: string };

export class WaitingRequest {
  /** Null where it has none. */
  readonly key: RequestKey | null;
  readonly isPoints: boolean;
  /** Some of its rows are in a block. */
  isBegun = false;
  #accepted = 0;
  #malformed = 0;
  #filtered = 0;
  readonly #requests: PostedRequest[];
  readonly #format: RecordFormat;
  readonly #late: () => void;
  #timer: Timer;

  /** `lateMs`: after it `late` is called, once, unless the request is over. */
  constructor(options: {
    readonly request: PostedRequest;
    readonly format: RecordFormat;
    readonly key: RequestKey | null;
    /** It is answered as InfluxDB answers. */
    readonly isPoints: boolean;
    /** What was taken of it before. */
    readonly before: Tally | null;
    readonly lateMs: number;
    readonly late: (waiting: WaitingRequest) => void;
  }) {
    this.key = options.key;
    this.isPoints = options.isPoints;
    this.#requests = [options.request];
    this.#format = options.format;
    if (options.before !== null) {
      this.#accepted = options.before.accepted;
      this.#malformed = options.before.malformed;
      this.#filtered = options.before.filtered;
    }
    this.#late = () => options.late(this);
    this.#timer = setTimeout(this.#late, options.lateMs);
    this.#timer.unref();
  }

  /** Calls `late` once more, so much later. */
  lateAgain(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#late, ms);
    this.#timer.unref();
  }

  get tally(): Tally {
    return { accepted: this.#accepted, malformed: this.#malformed, filtered: this.#filtered };
  }

  /** No sender is left that would hear the answer. */
  get isGone(): boolean {
    return this.#requests.every(({ isGone }) => isGone);
  }

  /** The same request once more. */
  join(request: PostedRequest): void {
    request.release();
    this.#requests.push(request);
  }

  answer(reply: HttpReply): void {
    for (const request of this.#requests) request.answer(reply);
  }

  /** It needs its body no more. */
  end(): void {
    clearTimeout(this.#timer);
    for (const request of this.#requests) request.release();
  }

  /** Appends its rows; true when all of them are in this block or an earlier one. */
  read(block: ReadingBlock, nowMs: number): boolean {
    const format = this.#format;
    const before = block.count;
    const malformed = block.malformed.size;
    const filtered = filteredIn(block);
    this.isBegun = true;
    for (;;) {
      format.read(block, nowMs);
      const rows = block.count - before;
      if (format.done || rows >= TOGETHER || block.count < block.capacity) break;
      block.makeRoom(Math.min(Math.max(GROWTH, rows), TOGETHER - rows));
    }
    const refused = block.malformed.size - malformed;
    this.#malformed += refused;
    this.#accepted += block.count - before - refused;
    this.#filtered += filteredIn(block) - filtered;
    return format.done;
  }

  /** What must be known of its key after the commit of what was read. */
  known(nowMs: number): KnownKey | null {
    if (this.key === null) return null;
    const { done, position, state } = this.#format;
    const part: PartTaken | null = done ? null : { position, state };
    return { ...this.tally, hash: this.key.hash, atMs: nowMs, part };
  }
}

function filteredIn(block: ReadingBlock): number {
  let count = 0;
  for (const flaw of block.flaws.values()) if (String(flaw.reason) === "filtered") count += flaw.count;
  return count;
}
