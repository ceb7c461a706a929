/**
 * `http://HOST:PORT/PATH` listens: each POST is a batch of records, answered after the commit of the last of them. A sender without
 * an answer sends again: at least once, and exactly once with an Idempotency-Key.
 */
import { TransientError } from "../../core/errors.ts";
import type { Problem } from "../../core/problem.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { precisionOf } from "../influx/line-protocol.ts";
import type { SourceNormalizers } from "../normalizers.ts";
import type { Source, Taken } from "../source.ts";
import { fieldOf, type RequestHead, refusalOfHead } from "./admission.ts";
import { BodyFormats } from "./body-format.ts";
import { HttpFigures } from "./figures.ts";
import { hashOf, isKey, KEY_LIMITS, KeyBook } from "./keys.ts";
import { HTTP_LIMITS, type HttpLimits } from "./limits.ts";
import { addressFor, type Endpoint, type HttpAddress, type PostedRequest } from "./listener.ts";
import { badPrecision, kindOfPath, NO_CONTENT, NOTHING_TO_DO } from "./paths.ts";
import { type HttpReply, keptReply, later, refusal } from "./reply.ts";
import { RequestContexts } from "./request-context.ts";
import type { HttpUri } from "./uri.ts";
import { type RequestKey, WaitingRequest } from "./waiting-request.ts";

export type HttpSourceOptions = {
  readonly uri: string;
  readonly at: HttpUri;
  readonly normalizers: SourceNormalizers;
  readonly token: string | null;
  readonly maxBodyBytes: number;
  /** What was committed of `changes`. */
  readonly state: ReadonlyMap<string, string>;
  readonly now: () => number;
  readonly running?: () => number;
  readonly limits?: HttpLimits;
};

const LISTEN_EVERY_MS = 1_000;

export class HttpSource implements Source, Endpoint {
  readonly uri: string;
  readonly token: string | null;
  readonly maxBodyBytes: number;
  onReady: (() => void) | null = null;
  readonly #options: HttpSourceOptions;
  readonly #limits: HttpLimits;
  readonly #running: () => number;
  readonly #address: HttpAddress;
  readonly #formats: BodyFormats;
  readonly #contexts: RequestContexts;
  readonly #keys: KeyBook;
  readonly #figures = new HttpFigures();
  readonly #queue: WaitingRequest[] = [];
  /** Every row of them is in a block that is not committed. */
  readonly #taken: WaitingRequest[] = [];
  /** By key: in the queue, or taken. */
  readonly #byKey = new Map<string, WaitingRequest>();
  #takenAtMs: number;
  /** A request was given up since then. */
  #gaveUp = false;
  #listenAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: HttpSourceOptions) {
    const { normalizers } = options;
    this.uri = options.uri;
    this.token = options.token;
    this.maxBodyBytes = options.maxBodyBytes;
    this.#options = options;
    this.#limits = options.limits ?? HTTP_LIMITS;
    this.#running = options.running ?? (() => performance.now());
    this.#takenAtMs = this.#running();
    this.#formats = new BodyFormats(normalizers, options.at);
    this.#contexts = new RequestContexts(normalizers.typed.mapping);
    this.#keys = new KeyBook(options.state);
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

  /** A request without a row waits for its answer, too, and its key is kept. */
  get hasMoved(): boolean {
    return this.#taken.length > 0;
  }

  take(block: ReadingBlock, nowMs: number): Taken {
    this.#takenAtMs = this.#running();
    this.#gaveUp = false;
    this.#listen();
    const before = block.count;
    const { capacity } = block;
    while (block.count < capacity) {
      const [first] = this.#queue;
      if (first === undefined) break;
      if (first.isGone && !first.isBegun) {
        this.#drop(first);
        continue;
      }
      const isWhole = first.read(block, nowMs);
      const known = first.known(nowMs);
      if (first.key !== null && known !== null) this.#keys.set(first.key.key, known);
      if (!isWhole) break;
      this.#queue.shift();
      this.#taken.push(first);
    }
    this.#options.normalizers.typed.names?.took(block.count - before, false);
    return this.#queue.length > 0 ? { state: "more" } : { state: "idle", wakeAtMs: null };
  }

  cursor(): string | null {
    return null;
  }

  changes(): ReadonlyMap<string, string | null> {
    return this.#keys.changes();
  }

  changeAll(): void {
    this.#keys.changeAll();
  }

  committed(): void {
    this.#keys.committed();
    for (const waiting of this.#taken.splice(0)) {
      const { accepted, malformed } = waiting.tally;
      this.#figures.took(accepted + malformed, this.#running());
      this.#over(waiting);
      waiting.answer(waiting.isPoints ? NO_CONTENT : keptReply(waiting.tally, false));
    }
  }

  otherTime(timeMs: number): string | null {
    return this.#options.normalizers.typed.timestamps.otherMeaning(timeMs);
  }

  problems(): readonly Problem[] {
    return this.#options.normalizers.typed.names?.problems() ?? [];
  }

  notes(): readonly string[] {
    const { url } = this;
    return [url === null ? "does not listen" : `listens on ${url}`, ...this.#figures.notes(this.#running())];
  }

  answers(): ReadonlyMap<number, number> {
    return this.#figures.byStatus;
  }

  close(): void {
    this.#address.leave(this);
    for (const waiting of [...this.#queue, ...this.#taken]) waiting.end();
  }

  serves(path: string): "exactly" | "also" | null {
    const found = kindOfPath(path, this.#options.at.path);
    if (found === null) return null;
    return found.isOwn ? "exactly" : "also";
  }

  answerOf(head: RequestHead): HttpReply | null {
    const kind = kindOfPath(head.path, this.#options.at.path)?.kind;
    if (kind === "ping") return NO_CONTENT;
    const { token, maxBodyBytes } = this;
    const { takesGet } = this.#options.at;
    const methods = takesGet && kind === "records" ? ["POST", "PUT", "GET"] : ["POST", "PUT"];
    const refused = refusalOfHead(head, { token, maxBodyBytes, methods });
    if (refused !== null) return refused;
    if (kind === "query") return NOTHING_TO_DO;
    const given = new URLSearchParams(head.query).get("precision");
    if (kind === "points" && precisionOf(given) === null) return badPrecision(given ?? "");
    const key = head.headers["idempotency-key"];
    if (key !== undefined && (typeof key !== "string" || !isKey(key))) return BAD_KEY;
    return (this.#queue.length > 0 || this.#gaveUp) && this.#isStalled ? STALLED : null;
  }

  posted(request: PostedRequest): void {
    const { head } = request;
    const asked = { ...head, headers: { "content-type": "application/x-www-form-urlencoded" } };
    void (head.method === "GET"
      ? this.#post(request, asked, Buffer.from(head.query))
      : this.#post(request, head, request.bytes));
  }

  answered(reply: HttpReply): void {
    this.#figures.answered(reply, this.#options.now());
  }

  changed(): void {
    this.onReady?.();
  }

  /** Never throws. */
  async #post(request: PostedRequest, head: RequestHead, bytes: Buffer): Promise<void> {
    const spec = this.#formats.specOf(head, bytes);
    if (typeof spec === "object") await this.#formats.load(spec);
    const isPoints = spec === "points";
    const refuse = (reply: HttpReply): void => {
      request.release();
      request.answer(reply);
    };
    if (isBlank(bytes)) return refuse(refusal(400, "the body is empty"));
    const key = keyOf(head, bytes);
    const known = key === null ? null : this.#keys.find(key.key);
    const same = key === null ? undefined : this.#byKey.get(key.key);
    const hash = same?.key?.hash ?? known?.hash;
    if (hash !== undefined && hash !== key?.hash) return refuse(OTHER_BODY);
    if (same !== undefined) return same.join(request);
    if (known !== null && known.part === null) return refuse(isPoints ? NO_CONTENT : keptReply(known, true));
    const { untakenMs, answerMs } = this.#limits;
    const sinceMs = this.#running();
    const body = { bytes, context: this.#contexts.of(head), start: known?.part ?? null };
    const waiting = new WaitingRequest({
      request,
      format: this.#formats.open(spec, head, body),
      key,
      isPoints,
      before: known,
      lateMs: Math.min(untakenMs, answerMs),
      late: (late) => this.#checkLate(late, this.#running() - sinceMs),
    });
    if (key !== null) this.#byKey.set(key.key, waiting);
    this.#queue.push(waiting);
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

  /** Asked to take, the agent has not come for a while: its disk or its buffer is full. */
  get #isStalled(): boolean {
    return this.#running() - this.#takenAtMs > this.#limits.stalledMs;
  }

  /** What is in a block will be committed all the same, whatever the sender hears. */
  #checkLate(waiting: WaitingRequest, waitedMs: number): void {
    const { answerMs, untakenMs } = this.#limits;
    const { isBegun } = waiting;
    const leftMs = answerMs - waitedMs;
    if (leftMs > 1 && (isBegun || !this.#isStalled)) {
      waiting.lateAgain(Math.min(leftMs, untakenMs));
      return;
    }
    waiting.answer(STALLED);
    if (isBegun) return;
    this.#gaveUp = true;
    this.#drop(waiting);
  }

  /** Nothing of it was taken. */
  #drop(waiting: WaitingRequest): void {
    const at = this.#queue.indexOf(waiting);
    if (at >= 0) this.#queue.splice(at, 1);
    this.#over(waiting);
  }

  #over(waiting: WaitingRequest): void {
    waiting.end();
    if (waiting.key !== null) this.#byKey.delete(waiting.key.key);
  }
}

const STALLED = later(
  503,
  "the agent can keep no more readings now, its disk or its buffer is full; send again later",
  10,
);
const BAD_KEY = refusal(400, `the Idempotency-Key is 1 to ${KEY_LIMITS.characters} visible characters, once`);
const OTHER_BODY = refusal(422, "the Idempotency-Key was used for another request; each request needs its own");

function keyOf(head: RequestHead, bytes: Buffer): RequestKey | null {
  const key = fieldOf(head.headers, "idempotency-key");
  return key === null ? null : { key, hash: hashOf(head, bytes) };
}

function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte > 0x20) return false;
  return true;
}
