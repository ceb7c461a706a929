/**
 * Cuts what a broker sends into packets. Those of messages are read here, in place, because there may be tens of thousands a
 * second; of one above the limit only the beginning is kept, so that its length costs no memory.
 */
import { MALFORMED_KEPT_BYTES } from "../../core/reading.ts";

export const PUBLISH = 3;
/** The longest topic and its neighbours, and some user properties: kept beside the payload. */
const HEADER_BYTES = 128 * 1024;
const FIRST_CARRY = 4 * 1024;
const EMPTY = Buffer.alloc(0);

/** What cannot be MQTT: another program answers on this port. */
export class NotMqttError extends Error {}

export type Message = {
  /** As in the packet; a broker sends UTF-8. */
  readonly topic: Buffer;
  /** All of it, or its beginning. */
  readonly payload: Buffer;
  /** The length of the whole payload. */
  readonly length: number;
  readonly qos: number;
  /** The packet's id; 0 with QoS 0. */
  readonly id: number;
  /** The broker sends it again. */
  readonly again: boolean;
  readonly retained: boolean;
};

/** After `next()` returned true: `type`, `flags`, and the packet behind its fixed header; valid until the chunks are released. */
export class Frames {
  type = 0;
  flags = 0;
  body: Buffer = EMPTY;
  /** The length of the whole body: more than `body` has where it was too long to keep. */
  length = 0;
  readonly #mostBytes: number;
  readonly #chunks: Buffer[] = [];
  #chunk: Buffer = EMPTY;
  #at = 0;
  #waiting = 0;
  /** Of a fixed header that is not complete: how many bytes were read, and the length so far. */
  #headBytes = 0;
  #head = 0;
  #announced = 0;
  /** A body whose end is in a later chunk. */
  #carry: Buffer = EMPTY;
  #carried = 0;
  #missing = 0;

  constructor(mostPayloadBytes: number) {
    this.#mostBytes = mostPayloadBytes + HEADER_BYTES;
  }

  /** Bytes that were received and not yet read. */
  get waitingBytes(): number {
    return this.#waiting + this.#chunk.length - this.#at;
  }

  /** Takes over the chunk: it is not copied. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
  }

  /** The next whole packet. Throws NotMqttError for bytes that cannot be one. */
  next(): boolean {
    for (;;) {
      if (this.#at === this.#chunk.length && !this.#nextChunk()) return false;
      if (this.#missing > 0) {
        if (this.#fill()) return true;
      } else if (this.#readHead() && this.#begin()) return true;
    }
  }

  #readHead(): boolean {
    while (this.#at < this.#chunk.length) {
      const byte = this.#chunk[this.#at++] ?? 0;
      if (this.#headBytes === 0) {
        this.#head = byte;
        this.#announced = 0;
      } else {
        if (this.#headBytes > 4) throw new NotMqttError("a packet has no length");
        this.#announced += (byte & 0x7f) * 2 ** (7 * (this.#headBytes - 1));
        if (byte < 0x80) {
          this.#headBytes = 0;
          return true;
        }
      }
      this.#headBytes++;
    }
    return false;
  }

  /** Returns whether the body is in this chunk. */
  #begin(): boolean {
    const type = this.#head >> 4;
    if (type === 0 || (type !== PUBLISH && this.#announced > HEADER_BYTES)) throw new NotMqttError("no such packet");
    const end = this.#at + this.#announced;
    if (end > this.#chunk.length) {
      this.#missing = this.#announced;
      this.#carried = 0;
      this.#carry = EMPTY;
      return false;
    }
    this.#emit(this.#chunk.subarray(this.#at, end));
    this.#at = end;
    return true;
  }

  #fill(): boolean {
    const taken = Math.min(this.#missing, this.#chunk.length - this.#at);
    const most = this.#announced <= this.#mostBytes ? this.#announced : HEADER_BYTES + MALFORMED_KEPT_BYTES;
    const kept = Math.min(taken, most - this.#carried);
    if (kept > 0) {
      if (this.#carried + kept > this.#carry.length) this.#grow(this.#carried + kept, most);
      this.#chunk.copy(this.#carry, this.#carried, this.#at, this.#at + kept);
      this.#carried += kept;
    }
    this.#at += taken;
    this.#missing -= taken;
    if (this.#missing > 0) return false;
    const body = this.#carry.subarray(0, this.#carried);
    this.#carry = EMPTY;
    this.#emit(body);
    return true;
  }

  #grow(needed: number, most: number): void {
    const grown = Buffer.alloc(Math.min(most, Math.max(FIRST_CARRY, this.#carry.length * 2, needed)));
    this.#carry.copy(grown, 0, 0, this.#carried);
    this.#carry = grown;
  }

  #emit(body: Buffer): void {
    this.type = this.#head >> 4;
    this.flags = this.#head & 15;
    this.body = body;
    this.length = this.#announced;
  }

  #nextChunk(): boolean {
    const chunk = this.#chunks.shift();
    this.#chunk = chunk ?? EMPTY;
    this.#at = 0;
    this.#waiting -= this.#chunk.length;
    return chunk !== undefined;
  }
}

/** The message in a frame of type PUBLISH. Throws NotMqttError where it has none. */
export function messageIn({ body, flags, length }: Frames, hasProperties: boolean): Message {
  const qos = (flags >> 1) & 3;
  if (body.length < 2 || qos > 1) throw new NotMqttError("a message has no topic, or a QoS that nothing asked for");
  const topicEnd = 2 + body.readUInt16BE(0);
  let at = topicEnd + (qos > 0 ? 2 : 0);
  if (at > body.length) throw new NotMqttError("a message is shorter than its topic");
  const id = qos > 0 ? body.readUInt16BE(topicEnd) : 0;
  if (hasProperties) {
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = body[at++];
      if (byte === undefined || shift > 21) throw new NotMqttError("a message has no end of its properties");
      size += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    at += size;
    if (at > length) throw new NotMqttError("a message is shorter than its properties");
  }
  return {
    topic: body.subarray(2, topicEnd),
    payload: body.subarray(Math.min(at, body.length)),
    length: length - at,
    qos,
    id,
    again: (flags & 8) !== 0,
    retained: (flags & 1) !== 0,
  };
}
