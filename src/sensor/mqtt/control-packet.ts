/** All packets but messages and their acknowledgements: mqtt-packet reads them. */
import { type Packet, parser } from "mqtt-packet";
import { type Frames, NotMqttError } from "./frames.ts";

export class ControlPackets {
  readonly #parser: ReturnType<typeof parser>;
  #packet: Packet | null = null;
  #error: Error | null = null;

  constructor(isV5: boolean) {
    this.#parser = parser({ protocolVersion: isV5 ? 5 : 4 });
    this.#parser.on("packet", (packet: Packet) => (this.#packet = packet));
    this.#parser.on("error", (error: Error) => (this.#error = error));
  }

  /** Throws NotMqttError. */
  read({ type, flags, body }: Frames): Packet {
    this.#packet = null;
    this.#parser.parse(Buffer.concat([fixedHeader(type, flags, body.length), body]));
    if (this.#error !== null) throw new NotMqttError(this.#error.message);
    if (this.#packet === null) throw new NotMqttError("a packet cannot be read");
    return this.#packet;
  }
}

function fixedHeader(type: number, flags: number, length: number): Buffer {
  const bytes = [(type << 4) | flags];
  let rest = length;
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Buffer.from(bytes);
}
