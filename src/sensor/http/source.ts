/**
 * `http://HOST:PORT/PATH` listens: each POST is a batch of records, answered after the commit of the last of them. A sender without
 * an answer sends again: at least once, and exactly once with an Idempotency-Key.
 */
import { TransientError } from "../../core/errors.ts";
import type { Problem } from "../../core/problem.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { RECORD_READINGS } from "../../core/reading.ts";
import type { RecordFormat } from "../format.ts";
import { LineDecoder } from "../lines/decoder.ts";
import { NdjsonFormat } from "../lines/ndjson.ts";
import type { Normalizer } from "../row/normalize.ts";
import type { Source, Taken } from "../source.ts";
import { type RequestHead, refusalOfHead } from "./admission.ts";
import { bodyFormatOf, JsonBody } from "./body-format.ts";
import { HttpFigures } from "./figures.ts";
import { JsonValues } from "./json-values.ts";
import { HTTP_LIMITS, type HttpLimits } from "./limits.ts";
import { addressFor, type Endpoint, type HttpAddress, type PostedRequest } from "./listener.ts";
import { type HttpReply, keptReply, later, refusal } from "./reply.ts";
import type { HttpUri } from "./uri.ts";

/** A request with more is in several transactions, in order, and answered after the last. */
const TOGETHER = RECORD_READINGS;
/** A block grows by so many rows at least. */
const GROWTH = 1_000;

type Waiting = {
  readonly request: PostedRequest;
  readonly format: RecordFormat;
  readonly timer: Timer;
  accepted: number;
  malformed: number;
  /** Some of its rows are in a block. */
  isBegun: boolean;
};

export type HttpSourceOptions = {
  readonly uri: string;
  readonly at: HttpUri;
  readonly normalizer: Normalizer;
  readonly token: string | null;
  readonly maxBodyBytes: number;
  readonly now: () => number;
  readonly running?: () => number;
  readonly limits?: HttpLimits;
};

export class HttpSource implements Source, Endpoint {
  readonly uri: string;
  readonly token: string | null;
  readonly maxBodyBytes: number;
  onReady: (() => void) | null = null;
  readonly #options: HttpSourceOptions;
  readonly #limits: HttpLimits;
  readonly #running: () => number;
  readonly #address: HttpAddress;
  readonly #decoder: LineDecoder;
  readonly #figures = new HttpFigures();
  readonly #queue: Waiting[] = [];
  /** Every row of them is in a block that is not committed. */
  readonly #taken: Waiting[] = [];
  #takenAtMs: number;
  #listenAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: HttpSourceOptions) {
    this.uri = options.uri;
    this.token = options.token;
    this.maxBodyBytes = options.maxBodyBytes;
    this.#options = options;
    this.#limits = options.limits ?? HTTP_LIMITS;
    this.#running = options.running ?? (() => performance.now());
    this.#takenAtMs = this.#running();
    this.#decoder = new LineDecoder(options.normalizer);
    this.#address = addressFor(options.at, this, this.#limits);
  }

  /** Where it listens, or null. */
  get url(): string | null {
    const { url } = this.#address;
    return url === null ? null : `${url}${this.#options.at.path}`;
  }

  get senderWaits(): boolean {
    return this.#taken.length > 0;
  }

  /** Also a request without a row waits for its answer. */
  get hasMoved(): boolean {
    return this.#taken.length > 0;
  }

  take(block: ReadingBlock, nowMs: number): Taken {
    this.#takenAtMs = this.#running();
    this.#listen();
    const before = block.count;
    const { capacity } = block;
    while (block.count < capacity) {
      const [first] = this.#queue;
      if (first === undefined) break;
      if (first.request.isGone && !first.isBegun) {
        this.#forget(first);
        continue;
      }
      if (!this.#read(first, block, nowMs)) break;
      this.#queue.shift();
      this.#taken.push(first);
    }
    this.#options.normalizer.names?.took(block.count - before, false);
    return this.#queue.length > 0 ? { state: "more" } : { state: "idle", wakeAtMs: null };
  }

  cursor(): string | null {
    return null;
  }

  committed(): void {
    for (const { request, timer, accepted, malformed } of this.#taken.splice(0)) {
      clearTimeout(timer);
      this.#figures.took(accepted + malformed, this.#running());
      request.release();
      request.answer(keptReply({ accepted, malformed, filtered: 0 }));
    }
  }

  otherTime(timeMs: number): string | null {
    return this.#options.normalizer.timestamps.otherMeaning(timeMs);
  }

  problems(): readonly Problem[] {
    return this.#options.normalizer.names?.problems() ?? [];
  }

  close(): void {
    this.#address.leave(this);
    for (const { timer } of [...this.#queue, ...this.#taken]) clearTimeout(timer);
  }

  serves(path: string): "exactly" | "also" | null {
    return path === this.#options.at.path ? "exactly" : null;
  }

  answerOf(head: RequestHead): HttpReply | null {
    const { token, maxBodyBytes } = this;
    const refused = refusalOfHead(head, { token, maxBodyBytes, methods: ["POST", "PUT"] });
    if (refused !== null) return refused;
    const isStalled = this.#queue.length > 0 && this.#running() - this.#takenAtMs > this.#limits.stalledMs;
    return isStalled ? STALLED : null;
  }

  posted(request: PostedRequest): void {
    if (isBlank(request.bytes)) {
      request.release();
      request.answer(refusal(400, "the body is empty"));
      return;
    }
    const format = this.#formatOf(request);
    format.push(request.bytes);
    format.end();
    const timer = setTimeout(() => this.#giveUp(waiting), this.#limits.answerMs);
    const waiting: Waiting = { request, format, timer, accepted: 0, malformed: 0, isBegun: false };
    timer.unref();
    this.#queue.push(waiting);
    this.onReady?.();
  }

  answered(reply: HttpReply): void {
    this.#figures.answered(reply, this.#options.now());
  }

  changed(): void {
    this.onReady?.();
  }

  #listen(): void {
    const { refused, url } = this.#address;
    if (url !== null) return;
    if (this.#running() >= this.#listenAtMs) {
      this.#listenAtMs = this.#running() + LISTEN_EVERY_MS;
      this.#address.listen();
    }
    if (refused !== null) throw new TransientError(refused, { tryHint: "ss -ltnp" });
  }

  /** Appends its rows; true when all of them are in this block or an earlier one. */
  #read(waiting: Waiting, block: ReadingBlock, nowMs: number): boolean {
    const { format } = waiting;
    const before = block.count;
    const malformed = block.malformed.size;
    waiting.isBegun = true;
    for (;;) {
      format.read(block, nowMs);
      const rows = block.count - before;
      if (format.done || rows >= TOGETHER || block.count < block.capacity) break;
      block.makeRoom(Math.min(Math.max(GROWTH, rows), TOGETHER - rows));
    }
    const refused = block.malformed.size - malformed;
    waiting.malformed += refused;
    waiting.accepted += block.count - before - refused;
    return format.done;
  }

  #formatOf({ head, bytes }: PostedRequest): RecordFormat {
    const { normalizer } = this.#options;
    if (bodyFormatOf(head, bytes) === "ndjson") return new NdjsonFormat(normalizer, null, this.#decoder);
    const values = new JsonValues(bytes, { maxBytes: normalizer.maxLineBytes, keepsArrays: false });
    return new JsonBody(values, this.#decoder);
  }

  /** The sender has waited for long enough. What is in a block will be committed all the same. */
  #giveUp(waiting: Waiting): void {
    waiting.request.answer(STALLED);
    if (!waiting.isBegun) this.#forget(waiting);
  }

  #forget(waiting: Waiting): void {
    clearTimeout(waiting.timer);
    const at = this.#queue.indexOf(waiting);
    if (at >= 0) this.#queue.splice(at, 1);
    waiting.request.release();
  }
}

const LISTEN_EVERY_MS = 1_000;
const STALLED = later(
  503,
  "the agent can keep no more readings now, its disk or its buffer is full; send again later",
  10,
);

function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte > 0x20) return false;
  return true;
}
