/**
 * Keeps a connection to the broker: connects, subscribes, and connects again with full jitter when it is lost. It never gives up. Loaded
 * only where a source needs it: mqtt-packet comes with it.
 */
import type { Packet } from "mqtt-packet";
import type { TransientError } from "../../core/errors.ts";
import { type ConnectOptions, MqttConnection } from "./connection.ts";
import type { Message } from "./frames.ts";
import { BrokerRefusal, connectionTrouble } from "./refused.ts";
import type { MqttUri } from "./uri.ts";

/** Try n waits a random time between 0 and min(ceiling, base × 2^(n-1)). */
const BACKOFF = { baseMs: 500, ceilingMs: 30_000 } as const;
/** A connection that lasted this long was good: the next loss begins with a short wait. */
const GOOD_AFTER_MS = 30_000;
const SUBSCRIBE_ID = 1;

export type SessionParts = {
  readonly uri: MqttUri;
  readonly connect: Omit<ConnectOptions, "address" | "clean" | "sessionMs" | "protocol">;
  readonly random: () => number;
  readonly events: SessionEvents;
};

export interface SessionEvents {
  hasRoom(): boolean;
  message(message: Message): void;
  /** The broker accepted. Returns how to subscribe; `later`: when `subscribe` is called; `not`: it knows the topics. */
  connected(sessionPresent: boolean, isV5: boolean): "now" | "later" | "not";
  /** The broker has read the acknowledgements up to this one. */
  confirmed(id: number): void;
  /** `refused`: topics that the broker does not give, with its reason; `lowered`: those that it gives with QoS 0 only. */
  subscribed(refused: readonly string[], lowered: readonly string[]): void;
  /** No connection, and why: until the next call of `connected`. */
  down(error: TransientError): void;
}

export class MqttSession {
  readonly #parts: SessionParts;
  #connection: MqttConnection | null = null;
  #protocol: "5" | "3.1.1";
  #attempt = 0;
  #upSince = 0;
  #timer: Timer | null = null;
  #isClosed = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#protocol = parts.uri.protocol ?? "5";
    void this.#connect();
  }

  /** Messages that waited for room. */
  read(): void {
    this.#connection?.read();
  }

  acknowledge(ids: readonly number[]): void {
    this.#connection?.acknowledge(ids);
  }

  subscribe(): void {
    const { topics, qos } = this.#parts.uri;
    this.#connection?.send({
      cmd: "subscribe",
      messageId: SUBSCRIBE_ID,
      // rh: retained messages come with a new subscription, to be taken, or to be counted; 3.1.1 does not know it.
      subscriptions: topics.map((topic) => ({ topic, qos, nl: false, rap: false, rh: 1 })),
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer ?? undefined);
    await this.#connection?.close();
  }

  async #connect(): Promise<void> {
    const { uri, connect, events } = this.#parts;
    const receiver = {
      hasRoom: () => events.hasRoom(),
      message: (message: Message) => events.message(message),
      packet: (packet: Packet) => this.#packet(packet),
      confirmed: (id: number) => events.confirmed(id),
      lost: (error: TransientError) => this.#lost(error),
    };
    const { clean, sessionMs } = uri;
    const options = { ...connect, address: uri, clean, sessionMs, protocol: this.#protocol };
    try {
      const connection = await MqttConnection.open(options, receiver);
      if (this.#isClosed) return void connection.close();
      this.#connection = connection;
      this.#upSince = performance.now();
      const how = events.connected(connection.sessionPresent, connection.isV5);
      if (how === "now") this.subscribe();
      else if (how === "not") events.subscribed([], []);
      connection.read();
    } catch (cause) {
      const isOld = cause instanceof BrokerRefusal && cause.isVersion;
      if (isOld && uri.protocol === null && this.#protocol === "5") {
        this.#protocol = "3.1.1";
        return this.#connect();
      }
      this.#lost(connectionTrouble(uri, cause, false));
    }
  }

  #packet(packet: Packet): void {
    if (packet.cmd !== "suback") return;
    const { topics, qos } = this.#parts.uri;
    const granted = packet.granted.map((code) => (typeof code === "number" ? code : 128));
    const refused = topics.filter((_, i) => (granted[i] ?? 0) >= 128);
    const lowered = topics.filter((_, i) => (granted[i] ?? 0) < qos);
    this.#parts.events.subscribed(refused, lowered);
  }

  #lost(error: TransientError): void {
    if (this.#isClosed) return;
    if (this.#connection !== null && performance.now() - this.#upSince >= GOOD_AFTER_MS) this.#attempt = 0;
    this.#connection = null;
    const widest = Math.min(BACKOFF.ceilingMs, BACKOFF.baseMs * 2 ** this.#attempt++);
    this.#timer = setTimeout(() => void this.#connect(), this.#parts.random() * widest);
    this.#parts.events.down(error);
  }
}
