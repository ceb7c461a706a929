/**
 * Publishes with QoS 1 and waits for the broker's acknowledgements. A connection that is lost is made again, and what was not acknowledged is
 * sent again, as MQTT asks for: a message may arrive twice then, and never not at all.
 */
import { randomUUID } from "node:crypto";
import type { Packet } from "mqtt-packet";
import { AgentError, type TransientError } from "../../core/errors.ts";
import { MqttConnection } from "./connection.ts";
import { type Login, loginFor } from "./login.ts";
import { BrokerRefusal, codeFrom, connectionTrouble } from "./refused.ts";
import type { MqttAddress } from "./uri.ts";

/** Unanswered at once; a broker may ask for fewer. */
const UNANSWERED_MOST = 1_000;
const IDS = 65_535;
const RETRY_MS = { first: 250, most: 10_000 } as const;

export type PublisherOptions = {
  readonly address: MqttAddress;
  readonly login: Login;
  readonly cwd: string;
  /** After it, a broker that is away ends the work with an error. */
  readonly stop: AbortSignal;
  /** For a person: the broker is away, or is there again. */
  readonly say: (line: string) => void;
  readonly nap: (ms: number, stop: AbortSignal) => Promise<void>;
};

export class MqttPublisher {
  readonly #options: PublisherOptions;
  readonly #clientId = `agent-simulate-${randomUUID().slice(0, 8)}`;
  #protocol: "5" | "3.1.1";
  #connection: MqttConnection | null = null;
  /** By id, in the order in which they were sent. */
  readonly #unanswered = new Map<number, { readonly topic: string; readonly payload: Buffer }>();
  #id = 0;
  #news: () => void = () => {};
  #lost: TransientError | null = null;
  #refused: AgentError | null = null;

  /** Throws where the broker cannot be reached or refuses. */
  static async open(options: PublisherOptions): Promise<MqttPublisher> {
    const publisher = new MqttPublisher(options);
    await publisher.#connect();
    return publisher;
  }

  private constructor(options: PublisherOptions) {
    this.#options = options;
    this.#protocol = options.address.protocol ?? "5";
  }

  /** Resolves when it is sent; waits while too many are unanswered. */
  async publish(topic: string, payload: Buffer): Promise<void> {
    await this.#until(() => this.#unanswered.size < Math.min(UNANSWERED_MOST, this.#connection?.sendMost ?? 1));
    do this.#id = (this.#id % IDS) + 1;
    while (this.#unanswered.has(this.#id));
    this.#unanswered.set(this.#id, { topic, payload });
    this.#send(this.#id, topic, payload, false);
    await this.#connection?.drained();
  }

  /** Resolves when the broker has acknowledged everything. */
  async answered(): Promise<void> {
    await this.#until(() => this.#unanswered.size === 0);
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  async #until(is: () => boolean): Promise<void> {
    while (!is()) {
      if (this.#refused !== null) throw this.#refused;
      if (this.#lost !== null) await this.#again(this.#lost);
      else await new Promise<void>((news) => (this.#news = news));
    }
  }

  async #again(error: TransientError): Promise<void> {
    const { say, stop, nap } = this.#options;
    say(`${sentence(error.message)}. Waiting until it can be reached.`);
    for (let waitMs: number = RETRY_MS.first; ; waitMs = Math.min(RETRY_MS.most, waitMs * 2)) {
      await nap(waitMs, stop);
      try {
        await this.#connect();
        break;
      } catch (again) {
        if (stop.aborted) throw again;
      }
    }
    for (const [id, { topic, payload }] of this.#unanswered) this.#send(id, topic, payload, true);
    say("Publishing again.");
  }

  #send(messageId: number, topic: string, payload: Buffer, dup: boolean): void {
    this.#connection?.send({ cmd: "publish", topic, payload, qos: 1, messageId, dup, retain: false });
  }

  async #connect(): Promise<void> {
    const { address, login, cwd } = this.#options;
    const receiver = {
      hasRoom: () => true,
      message: () => {},
      confirmed: () => {},
      packet: (packet: Packet) => this.#answer(packet),
      lost: (error: TransientError) => {
        this.#connection = null;
        this.#lost = error;
        this.#news();
      },
    };
    const who = { address, login: loginFor(address, login), clientId: this.#clientId, clean: true, sessionMs: 0, cwd };
    const limits = { receiveMost: 1, maxPayloadBytes: 1_024 };
    try {
      this.#connection = await MqttConnection.open(Object.assign({ protocol: this.#protocol }, who, limits), receiver);
      this.#lost = null;
      this.#connection.read();
    } catch (cause) {
      const isOld = cause instanceof BrokerRefusal && cause.isVersion;
      if (isOld && address.protocol === null && this.#protocol === "5") {
        this.#protocol = "3.1.1";
        return await this.#connect();
      }
      const { message, tryHint } = connectionTrouble(address, cause, false);
      throw new AgentError(sentence(message), { tryHint, cause });
    }
  }

  #answer(packet: Packet): void {
    if (packet.cmd !== "puback") return;
    const code = codeFrom({ reasonCode: packet.reasonCode ?? 0 });
    this.#unanswered.delete(packet.messageId ?? 0);
    if (code >= 128) {
      const { address, login } = this.#options;
      const who = { address, login: loginFor(address, login) };
      const { message, tryHint } = new BrokerRefusal(who, code, packet.properties?.reasonString);
      this.#refused = new AgentError(sentence(message), { tryHint });
    }
    this.#news();
  }
}

function sentence(message: string): string {
  return `Cannot publish: ${message}`;
}
