/**
 * `mqtt://HOST/TOPIC`: the messages of a broker. One with QoS 1 is acknowledged after the commit that holds its readings, in the order
 * in which messages came. What was kept and not acknowledged before a kill is in the cursor (deliveries.ts): when the broker
 * sends it again, it is acknowledged and not taken twice. Nothing is dropped: without room, the socket is not read.
 */
import { TransientError, UsageError } from "../../core/errors.ts";
import type { Problem } from "../../core/problem.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { MS_PER_DAY } from "../../core/time/duration.ts";
import type { Normalizer } from "../row/normalize.ts";
import type { Source, Taken } from "../source.ts";
import { type MqttCursor, newClientId, readCursor, writeCursor } from "./cursor.ts";
import { Deliveries, type Delivery, NO_DELIVERIES, UNANSWERED_MOST } from "./deliveries.ts";
import type { Message } from "./frames.ts";
import { type Login, loginFor, openLogin } from "./login.ts";
import { EMPTY, isBlank, MessageRows, RETAINED } from "./message-rows.ts";
import { MessageQueue } from "./queue.ts";
import { placeOf } from "./refused.ts";
import { MqttSession, type SessionEvents } from "./session.ts";
import { Topics } from "./topics.ts";
import { type MqttUri, parseMqttUri } from "./uri.ts";
import { AckWindow } from "./window.ts";

/** With `once`, a source has ended when no message came for this long. */
export const ONCE_IDLE_MS = 2_000;
/** With `once`, a broker that could not be reached so often in a row is given up. */
const MOST_FAILURES = 4;
/** What may pass by itself is asked for again after this; the source calls before, too. */
const ASK_AGAIN_MS = 1_000;

export type MqttOptions = {
  readonly uri: string;
  readonly normalizer: Normalizer;
  readonly cursor: string | null;
  readonly nodeId: string;
  /** Where the URI has none. */
  readonly login: Login;
  readonly once: boolean;
  readonly cwd: string;
  readonly now: () => number;
  readonly random?: () => number;
  readonly notice: (line: string) => void;
};

export class MqttSource implements Source, SessionEvents {
  readonly uri: string;
  onReady: (() => void) | null = null;
  hasMoved = false;
  readonly #options: MqttOptions;
  readonly #address: MqttUri;
  readonly #rows: MessageRows;
  readonly #deliveries: Deliveries;
  readonly #window = new AckWindow(UNANSWERED_MOST / 2);
  readonly #topics = new Topics();
  readonly #queue = new MessageQueue();
  readonly #clientId: string;
  readonly #session: MqttSession;
  /** Their readings are in a block that is not committed. */
  #taken: Delivery[] = [];
  /** Of this connection, in the order in which they came. */
  #unanswered: Delivery[] = [];
  #isSubscribed: boolean;
  /** The ids of a lost session must be gone from the cursor before new ones can come. */
  #subscribesLater = false;
  /** Why nothing can come now. */
  #trouble: TransientError | null;
  #failures = 0;
  #refusedTopics: readonly string[] = [];
  #loweredTopics: readonly string[] = [];
  #quietSinceMs = Number.POSITIVE_INFINITY;
  #lostSessionMs = Number.NEGATIVE_INFINITY;

  constructor(options: MqttOptions) {
    const address = parseMqttUri(options.uri);
    this.uri = address.name;
    this.#address = address;
    this.#options = options;
    this.#rows = new MessageRows(options.normalizer);
    const stored = address.clean ? null : options.cursor;
    const cursor = stored === null ? null : readCursor(stored);
    if (stored !== null && cursor === null) {
      throw new UsageError(`Cannot resume "${this.uri}": its cursor was written by a newer version of the agent`, {
        tryHint: "agent --version",
      });
    }
    this.#deliveries = new Deliveries(cursor?.deliveries ?? NO_DELIVERIES);
    this.#isSubscribed = cursor?.isSubscribed ?? false;
    this.#clientId = address.clientId ?? cursor?.clientId ?? newClientId(options.nodeId, this.uri);
    this.#trouble = new TransientError(`the broker ${placeOf(address)} does not answer until now`, {
      retryAfterMs: ASK_AGAIN_MS,
    });
    const login = loginFor(address, options.login);
    const open = openLogin(address, login);
    if (open !== null) options.notice(open);
    this.#session = new MqttSession({
      uri: address,
      connect: {
        login,
        clientId: this.#clientId,
        receiveMost: UNANSWERED_MOST,
        maxPayloadBytes: options.normalizer.maxLineBytes,
        cwd: options.cwd,
      },
      random: options.random ?? Math.random,
      events: this,
    });
  }

  take(block: ReadingBlock, nowMs: number): Taken {
    const before = block.count;
    while (!this.#queue.isEmpty && !block.full) this.#append(block, nowMs);
    this.#options.normalizer.names?.took(block.count - before, false);
    this.#answer();
    if (this.hasRoom()) this.#session.read();
    if (!this.#queue.isEmpty) return { state: "more" };
    if (this.#trouble !== null && block.count === before) throw this.#trouble;
    if (!this.#options.once || this.#trouble !== null) return { state: "idle", wakeAtMs: null };
    const endMs = this.#quietSinceMs + ONCE_IDLE_MS;
    return endMs <= nowMs ? { state: "ended" } : { state: "idle", wakeAtMs: Number.isFinite(endMs) ? endMs : null };
  }

  get senderWaits(): boolean {
    return this.#subscribesLater || this.#window.isFull(this.#unanswered.length);
  }

  cursor(): string | null {
    if (this.#address.clean) return null;
    const cursor: MqttCursor = {
      clientId: this.#clientId,
      isSubscribed: this.#isSubscribed,
      deliveries: this.#deliveries.text(),
    };
    return writeCursor(cursor);
  }

  committed(): void {
    this.hasMoved = false;
    for (const delivery of this.#taken) delivery.state = "kept";
    this.#taken = [];
    this.#answer();
    if (this.#subscribesLater) this.#session.subscribe();
    this.#subscribesLater = false;
    if (this.hasRoom()) this.#session.read();
  }

  problems(): readonly Problem[] {
    const found: Problem[] = [];
    if (this.#refusedTopics.length > 0) {
      const message = `"${this.uri}": the broker does not let the agent subscribe to ${named(this.#refusedTopics)}`;
      found.push({ code: "topic_refused", message, try: "agent status" });
    }
    if (this.#loweredTopics.length > 0) {
      const message = `"${this.uri}": the broker gives ${named(this.#loweredTopics)} with QoS 0 only, without acknowledgements: messages are lost when the agent or the network is away`;
      found.push({ code: "qos_lowered", message, try: "agent status" });
    }
    if (this.#options.now() - this.#lostSessionMs < MS_PER_DAY) {
      found.push({ code: "session_lost", message: lostSession(this.uri), try: "agent status" });
    }
    return [...found, ...(this.#options.normalizer.names?.problems() ?? [])];
  }

  otherTime(timeMs: number): string | null {
    return this.#options.normalizer.timestamps.otherMeaning(timeMs);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  hasRoom(): boolean {
    return this.#queue.hasRoom && this.#unanswered.length < this.#deliveries.most;
  }

  message(message: Message): void {
    this.#trouble = null;
    const topic = this.#topics.of(message.topic);
    this.#quietSinceMs = this.#options.now();
    const { qos, id, again, payload, length } = message;
    let delivery: Delivery | null = null;
    if (qos > 0) {
      const hash = (Bun.hash.crc32(payload) ^ topic.seed ^ length) & 0xffffff;
      const earlier = this.#deliveries.earlier(id, hash, again);
      delivery = earlier ?? this.#deliveries.add(id, hash);
      this.#unanswered.push(delivery);
      this.#window.received(this.#unanswered.length, this.#quietSinceMs);
      if (earlier !== null) {
        this.onReady?.();
        return;
      }
    }
    this.#queue.push({ message, topic, delivery });
    this.onReady?.();
  }

  connected(sessionPresent: boolean, isV5: boolean): "now" | "later" | "not" {
    this.#failures = 0;
    if (sessionPresent) {
      this.#trouble = null;
      this.#deliveries.begin();
      return this.#isSubscribed && !isV5 ? "not" : "now";
    }
    this.#trouble = new TransientError(`the broker ${placeOf(this.#address)} has not confirmed the topics until now`, {
      retryAfterMs: ASK_AGAIN_MS,
    });
    if (this.#isSubscribed && !this.#address.clean) {
      this.#lostSessionMs = this.#options.now();
      this.#options.notice(lostSession(this.uri));
    }
    this.#isSubscribed = false;
    if (this.#deliveries.size === 0 || this.#address.clean) {
      this.#deliveries.forgetAll();
      return "now";
    }
    this.#deliveries.forgetAll();
    this.#subscribesLater = true;
    this.#move();
    return "later";
  }

  subscribed(refused: readonly string[], lowered: readonly string[]): void {
    this.#trouble = null;
    this.#refusedTopics = refused;
    this.#loweredTopics = lowered.filter((topic) => !refused.includes(topic));
    this.#quietSinceMs = this.#options.now();
    if (!this.#isSubscribed) {
      this.#isSubscribed = true;
      if (this.#options.once && !this.#address.clean) {
        const retained = this.#address.takesRetained ? "" : ", and retained ones are left out without retained=take";
        const before = `messages of the time before are not there${retained}`;
        this.#options.notice(`The broker of "${this.uri}" keeps messages for this agent from now on; ${before}`);
      }
      if (!this.#address.clean) this.#move();
    }
    this.onReady?.();
  }

  confirmed(id: number): void {
    this.#deliveries.confirmed(id);
  }

  down(error: TransientError): void {
    this.#unanswered = [];
    this.#subscribesLater = false;
    this.#failures++;
    this.#quietSinceMs = Number.POSITIVE_INFINITY;
    const isFinal = this.#options.once && this.#failures >= MOST_FAILURES;
    this.#trouble = isFinal ? new TransientError(error.message, { tryHint: error.tryHint, isFinal }) : error;
    this.onReady?.();
  }

  #append(block: ReadingBlock, nowMs: number): void {
    const waiting = this.#queue.shift();
    if (waiting === null) return;
    const { message, topic, delivery } = waiting;
    const { payload, retained } = message;
    const before = block.count;
    const skipped = isBlank(payload) ? EMPTY : retained && !this.#address.takesRetained ? RETAINED : null;
    if (skipped === null) {
      this.#rows.context = topic.context;
      this.#rows.append(block, message, nowMs);
    } else block.addFlaw(skipped);
    if (delivery === null) return;
    this.#deliveries.taken(delivery);
    delivery.state = block.count > before ? "taken" : "kept";
    if (delivery.state === "taken") this.#taken.push(delivery);
  }

  /** Acknowledges the first of those that were not, up to one whose readings are not committed. */
  #answer(): void {
    const first = this.#unanswered.findIndex(({ state }) => state !== "kept");
    const answered = this.#unanswered.splice(0, first < 0 ? this.#unanswered.length : first);
    if (answered.length === 0) return;
    for (const delivery of answered) delivery.isAnswered = true;
    this.#session.acknowledge(answered.map(({ id }) => id));
    this.#window.answered(answered.length, this.#options.now());
  }

  #move(): void {
    this.hasMoved = true;
    this.onReady?.();
  }
}

function lostSession(uri: string): string {
  return `The broker of "${uri}" had lost the session of this agent: what came while the agent was not connected is not known`;
}

function named(topics: readonly string[]): string {
  const shown = topics.slice(0, 3).map((topic) => `"${topic}"`);
  return shown.join(", ") + (topics.length > 3 ? ` and ${topics.length - 3} more` : "");
}
