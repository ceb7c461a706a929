/**
 * The messages of QoS 1 that the broker may send again. It does so for each whose PUBACK it has not seen: with the same id,
 * marked as sent again. The cursor has the newest of them, committed together with their readings, so that one
 * that was kept before a kill is acknowledged, and not taken twice.
 */

/** The most messages that wait for a PUBACK, and that a cursor names: 512 of 5 bytes are 3.4 KB of Base64. */
export const UNANSWERED_MOST = 512;
const ENTRY_BYTES = 5;

export type Delivery = {
  readonly id: number;
  /** Of topic and payload, 24 bits: ids are used again. */
  readonly hash: number;
  /** `waiting`: received, its readings are in no block. `taken`: they are. `kept`: they are committed, or it has none. */
  state: "waiting" | "taken" | "kept";
  /** A PUBACK was sent, or may have been sent by an earlier process. */
  isAnswered: boolean;
  /** Counts connections: that on which it was received last. */
  connection: number;
};

export class Deliveries {
  readonly #byId = new Map<number, Delivery>();
  /**
   * The broker gives an id to a new message as soon as it is free. Then an id and equal contents do not show that a message is the
   * same, unless no two contents are equal.
   */
  usesIdsAgain = false;

  constructor(idsText: string, usesIdsAgain: boolean) {
    this.usesIdsAgain = usesIdsAgain;
    const bytes = Buffer.from(idsText, "base64");
    for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
      const id = bytes.readUInt16BE(at);
      const hash = bytes.readUIntBE(at + 2, 3);
      this.#byId.set(id, { id, hash, state: "kept", isAnswered: true, connection: 0 });
    }
  }

  get size(): number {
    return this.#byId.size;
  }

  /** The earlier delivery of this message, or null where it is new. */
  earlier(id: number, hash: number, isAgain: boolean): Delivery | null {
    const found = this.#byId.get(id);
    if (found === undefined || found.hash !== hash) return null;
    // The broker cannot have freed the id of one that was never answered.
    if (!found.isAnswered) return found;
    return isAgain && !(this.usesIdsAgain && this.#hasEqualContents()) ? found : null;
  }

  add(id: number, hash: number, connection: number): Delivery {
    if (this.#byId.delete(id)) this.usesIdsAgain = true;
    const added: Delivery = { id, hash, state: "waiting", isAnswered: false, connection };
    this.#byId.set(id, added);
    if (this.#byId.size > 2 * UNANSWERED_MOST) this.#forgetOldest();
    return added;
  }

  /** It came again: it is among the newest. */
  renew(delivery: Delivery, connection: number): void {
    delivery.connection = connection;
    delivery.isAnswered = false;
    this.#byId.delete(delivery.id);
    this.#byId.set(delivery.id, delivery);
  }

  /** The broker has no session: its ids mean nothing any more. */
  forgetAll(): void {
    this.#byId.clear();
    this.usesIdsAgain = false;
  }

  /** Those whose readings are in a block, the newest at most. */
  text(): string {
    const all = [...this.#byId.values()].filter(({ state }) => state !== "waiting").slice(-UNANSWERED_MOST);
    const bytes = Buffer.alloc(all.length * ENTRY_BYTES);
    all.forEach(({ id, hash }, i) => {
      bytes.writeUInt16BE(id, i * ENTRY_BYTES);
      bytes.writeUIntBE(hash, i * ENTRY_BYTES + 2, 3);
    });
    return bytes.toString("base64");
  }

  #forgetOldest(): void {
    let rest = this.#byId.size - UNANSWERED_MOST;
    for (const { id, state } of this.#byId.values()) {
      if (rest-- <= 0) return;
      if (state === "kept") this.#byId.delete(id);
    }
  }

  #hasEqualContents(): boolean {
    const hashes = new Set(Array.from(this.#byId.values(), ({ hash }) => hash));
    return hashes.size < this.#byId.size;
  }
}
