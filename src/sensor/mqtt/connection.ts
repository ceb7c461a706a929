/**
 * One connection to a broker: its handshake, its packets in both directions, and its end. mqtt-packet writes and reads
 * all packets but those of messages (frames.ts) and their acknowledgements. Reading is at the receiver's pace: without room for
 * messages the socket is paused, and the broker waits.
 */
import { readFileSync } from "node:fs";
import { connect as connectPlain, isIP, type Socket } from "node:net";
import { resolve } from "node:path";
import { connect as connectTls } from "node:tls";
import { generate, type IConnackPacket, type Packet } from "mqtt-packet";
import { TransientError } from "../../core/errors.ts";
import { ControlPackets } from "./control-packet.ts";
import { Frames, type Message, messageIn, NotMqttError, PUBLISH } from "./frames.ts";
import { type Login, passwordOf } from "./login.ts";
import { BrokerRefusal, codeFrom, connectionTrouble, placeOf } from "./refused.ts";
import type { MqttAddress } from "./uri.ts";

/** A broker that says nothing for this long in the handshake is not there. */
const HANDSHAKE_MS = 10_000;
/** The broker ends the connection of an agent that it hears nothing of for one and a half times this. */
export const KEEPALIVE_S = 30;
/** Received and not read: above this the socket is paused. */
const UNREAD_BYTES = 256 * 1024;
/** The fixed header of a PUBACK, as one number. */
const PUBACK = 0x4002;
/** So many acknowledgements are followed by a ping. */
const CONFIRMED_AT_ONCE = 256;
/** How long a goodbye may take. */
const GOODBYE_MS = 200;

export type ConnectOptions = {
  readonly address: MqttAddress;
  readonly login: Login;
  readonly clientId: string;
  readonly clean: boolean;
  readonly sessionMs: number;
  /** The most messages that the broker may send before one is acknowledged. */
  readonly receiveMost: number;
  readonly maxPayloadBytes: number;
  readonly protocol: "5" | "3.1.1";
  readonly cwd: string;
};

export interface Receiver {
  /** False: no message is read until `read()` is called again. */
  hasRoom(): boolean;
  message(message: Message): void;
  packet(packet: Packet): void;
  /** The broker has read the acknowledgements up to this one. */
  confirmed(id: number): void;
  /** Once, unless it was closed by us. */
  lost(error: TransientError): void;
}

export class MqttConnection {
  readonly address: MqttAddress;
  readonly isV5: boolean;
  /** The broker knew this client, and has kept what was not acknowledged. */
  sessionPresent = false;
  /** How many messages it takes from us before it has acknowledged one. */
  sendMost = 65_535;
  readonly #options: ConnectOptions;
  readonly #frames: Frames;
  readonly #packets: ControlPackets;
  readonly #receiver: Receiver;
  readonly #socket: Socket;
  readonly #begun = Promise.withResolvers<void>();
  #isUp = false;
  #isOver = false;
  #isPaused = false;
  /** Nothing is read between the broker's yes and the first `read`. */
  #isHeld = true;
  #heardAt = performance.now();
  #timer: Timer | null = null;
  /** Acknowledgements since the last ping that followed some. */
  #unconfirmed = 0;
  /** Of each ping without an answer, the last id that was acknowledged before it, or 0. */
  readonly #pings: number[] = [];

  /** Resolves when the broker has accepted; rejects with a TransientError that says why it did not. */
  static async open(options: ConnectOptions, receiver: Receiver): Promise<MqttConnection> {
    const connection = new MqttConnection(options, receiver);
    await connection.#begun.promise;
    return connection;
  }

  private constructor(options: ConnectOptions, receiver: Receiver) {
    this.#options = options;
    this.address = options.address;
    this.isV5 = options.protocol === "5";
    this.#receiver = receiver;
    this.#frames = new Frames(options.maxPayloadBytes);
    this.#packets = new ControlPackets(this.isV5);
    this.#socket = this.#connect();
    this.#timer = setTimeout(() => this.#fail(timeOut()), HANDSHAKE_MS);
  }

  /** Reads what came until now. To be called once after `open`, and when there is room for messages again. */
  read(): void {
    this.#isHeld = false;
    this.#read();
  }

  #read(): void {
    const frames = this.#frames;
    try {
      while (!this.#isOver && !(this.#isUp && this.#isHeld) && this.#receiver.hasRoom() && frames.next()) {
        if (frames.type === PUBLISH) this.#receiver.message(messageIn(frames, this.isV5));
        else this.#control();
      }
    } catch (error) {
      if (!(error instanceof NotMqttError)) throw error;
      this.#fail(error);
    }
    const isFull = frames.waitingBytes > UNREAD_BYTES;
    if (isFull === this.#isPaused || this.#isOver) return;
    this.#isPaused = isFull;
    if (isFull) this.#socket.pause();
    else this.#socket.resume();
  }

  send(packet: Packet): void {
    this.write(generate(packet, { protocolVersion: this.isV5 ? 5 : 4 }));
  }

  write(bytes: Uint8Array): void {
    if (!this.#isOver) this.#socket.write(bytes);
  }

  /** It answers packets in their order: the answer to a ping says that it has read the acknowledgements before it. */
  acknowledge(ids: readonly number[]): void {
    const bytes = Buffer.alloc(ids.length * 4);
    ids.forEach((id, i) => {
      bytes.writeUInt16BE(PUBACK, i * 4);
      bytes.writeUInt16BE(id, i * 4 + 2);
    });
    this.write(bytes);
    this.#unconfirmed += ids.length;
    if (this.#unconfirmed < CONFIRMED_AT_ONCE || this.#pings.length > 0) return;
    this.#unconfirmed = 0;
    this.#ping(ids.at(-1) ?? 0);
  }

  /** Resolves when the other side has taken most of what was written. */
  async drained(): Promise<void> {
    if (this.#isOver || this.#socket.writableLength < UNREAD_BYTES) return;
    await new Promise<void>((done) => {
      this.#socket.once("drain", done);
      this.#socket.once("close", () => done());
    });
  }

  /** Says goodbye: what was written before is sent first. */
  async close(): Promise<void> {
    if (this.#isOver) return;
    if (this.#isUp) this.send({ cmd: "disconnect" });
    this.#isOver = true;
    this.#stopTimer();
    await new Promise<void>((done) => {
      const timer = setTimeout(done, GOODBYE_MS);
      this.#socket.once("close", () => {
        clearTimeout(timer);
        done();
      });
      this.#socket.end();
      this.#socket.resume();
    });
    this.#socket.destroy();
  }

  #connect(): Socket {
    const { address, cwd } = this.#options;
    const { host, port } = address;
    const read = (path: string | null) => (path === null ? undefined : readFileSync(resolve(cwd, path)));
    const socket = address.tls
      ? connectTls({
          host,
          port,
          ...(isIP(host) === 0 && { servername: host }),
          ca: read(address.ca),
          cert: read(address.cert),
          key: read(address.key),
        })
      : connectPlain({ host, port });
    socket.setNoDelay(true);
    socket.on(address.tls ? "secureConnect" : "connect", () => this.#hello());
    socket.on("data", (chunk: Buffer) => {
      this.#heardAt = performance.now();
      this.#frames.push(chunk);
      this.#read();
    });
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(Object.assign(new Error("closed"), { code: "ECONNRESET" })));
    return socket;
  }

  #hello(): void {
    const { login, clientId, clean, sessionMs, receiveMost, cwd } = this.#options;
    let password: Buffer | null;
    try {
      password = passwordOf(login, cwd);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.send({
      cmd: "connect",
      clientId,
      protocolId: "MQTT",
      protocolVersion: this.isV5 ? 5 : 4,
      clean,
      keepalive: KEEPALIVE_S,
      ...(login.user !== null && { username: login.user }),
      ...(password !== null && { password }),
      ...(this.isV5 && {
        properties: { sessionExpiryInterval: clean ? 0 : Math.round(sessionMs / 1_000), receiveMaximum: receiveMost },
      }),
    });
  }

  #control(): void {
    const packet = this.#packets.read(this.#frames);
    if (!this.#isUp) this.#accepted(packet);
    else if (packet.cmd === "disconnect") {
      this.#fail(new BrokerRefusal(this.#options, codeFrom(packet), packet.properties?.reasonString));
    } else if (packet.cmd === "pingresp") {
      const id = this.#pings.shift() ?? 0;
      if (id > 0) this.#receiver.confirmed(id);
    } else this.#receiver.packet(packet);
  }

  #accepted(packet: Packet): void {
    if (packet.cmd !== "connack") throw new NotMqttError("it does not answer as a broker does");
    const code = codeFrom(packet);
    if (code !== 0) {
      this.#fail(new BrokerRefusal(this.#options, code, packet.properties?.reasonString));
      return;
    }
    this.#isUp = true;
    this.sessionPresent = packet.sessionPresent;
    this.sendMost = packet.properties?.receiveMaximum ?? this.sendMost;
    this.#stopTimer();
    this.#timer = setInterval(() => this.#keepAlive(), keepaliveMs(packet));
    this.#begun.resolve();
  }

  #keepAlive(): void {
    // Without room for messages the answer cannot be read either.
    const isSilent = performance.now() - this.#heardAt > 2 * KEEPALIVE_S * 1_000;
    if (isSilent && !this.#isPaused && this.#frames.waitingBytes === 0) this.#fail(timeOut());
    else this.#ping(0);
  }

  #ping(acknowledged: number): void {
    this.#pings.push(acknowledged);
    this.send({ cmd: "pingreq" });
  }

  #fail(cause: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopTimer();
    this.#socket.destroy();
    const error =
      cause instanceof NotMqttError
        ? new TransientError(`${placeOf(this.address)} does not speak MQTT: ${cause.message}`, {
            tryHint: "agent status",
          })
        : connectionTrouble(this.address, cause, this.#isUp);
    if (this.#isUp) this.#receiver.lost(error);
    else this.#begun.reject(error);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer ?? undefined);
    this.#timer = null;
  }
}

function keepaliveMs({ properties }: IConnackPacket): number {
  return Math.min(KEEPALIVE_S, Math.max(1, properties?.serverKeepAlive ?? KEEPALIVE_S)) * 1_000;
}

function timeOut(): Error {
  return Object.assign(new Error("timeout"), { code: "ETIMEDOUT" });
}
