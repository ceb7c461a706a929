/**
 * The messages of QoS 1 that the broker may send again. It does so for each whose PUBACK it has not read: with the same id,
 * marked as sent again, in the order in which it sent them first. The cursor has the newest of them, committed together with their
 * readings, so that one that was kept before a kill is acknowledged, and not taken twice.
 *
 * A broker may have read fewer acknowledgements than a cursor has room for: what is in the socket of a killed process is lost, and mosquitto
 * 2.0.11 sends more messages than it was told. Most brokers number their messages one after the other. Then it is enough to know how
 * many before the last one had such ids: `run`.
 */

/** The most messages that a cursor names: 512 of 5 bytes are 3.4 KB of Base64. */
export const NAMED_MOST = 512;
/** The most messages that wait for a PUBACK: two commits. Only where the run names those that the cursor has no room for. */
export const UNANSWERED_MOST = 2_000;
const ENTRY_BYTES = 5;
/** Ids are 1 to 65,535. Of a longer run it could not be said whether an id is before its end or behind it. */
const IDS = 65_535;
const RUN_MOST = 32_767;

/** What a cursor has of them. */
export type DeliveriesText = {
  /** The newest, Base64. */
  readonly ids: string;
  readonly usesIdsAgain: boolean;
  /** The id of the last that was taken, and how many up to it had ids one after the other; 0: there is none. */
  readonly last: number;
  readonly run: number;
};
export const NO_DELIVERIES: DeliveriesText = { ids: "", usesIdsAgain: false, last: 0, run: 0 };

export type Delivery = {
  readonly id: number;
  /** Of topic and payload, 24 bits: ids are used again. */
  readonly hash: number;
  /** `waiting`: received, its readings are in no block. `taken`: they are. `kept`: they are committed, or it has none. */
  state: "waiting" | "taken" | "kept";
  /** A PUBACK was sent, or may have been sent by an earlier process. */
  isAnswered: boolean;
};

export class Deliveries {
  readonly #byId = new Map<number, Delivery>();
  #last: number;
  #run: number;
  /** So many messages in a row had ids one after the other, in this process. */
  #inOrder = 0;
  /** On this connection only messages came until now that had been taken before. */
  #isRepeating = false;
  /**
   * The broker gives an id to a new message as soon as it is free. Then an id and equal contents do not show that a message is the
   * same, unless no two contents are equal.
   */
  #usesIdsAgain: boolean;

  constructor({ ids, usesIdsAgain, last, run }: DeliveriesText) {
    this.#usesIdsAgain = usesIdsAgain;
    this.#last = last;
    this.#run = run;
    const bytes = Buffer.from(ids, "base64");
    for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
      const id = bytes.readUInt16BE(at);
      const hash = bytes.readUIntBE(at + 2, 3);
      this.#byId.set(id, { id, hash, state: "kept", isAnswered: true });
    }
  }

  get size(): number {
    return this.#byId.size;
  }

  /** How many messages may wait for a PUBACK: after a kill each of them must be known. */
  get most(): number {
    return this.#inOrder >= NAMED_MOST ? UNANSWERED_MOST : NAMED_MOST;
  }

  /** A new connection to the same session: what was not acknowledged comes first. */
  begin(): void {
    this.#isRepeating = true;
  }

  /** The earlier delivery of this message, which is not to be taken again; null: it is new. */
  earlier(id: number, hash: number, isAgain: boolean): Delivery | null {
    const found = this.#found(id, hash, isAgain);
    if (found !== null) {
      found.isAnswered = false;
      this.#byId.delete(id);
      this.#byId.set(id, found);
      return found;
    }
    const isOld = isAgain && this.#isRepeating && !this.#byId.has(id) && this.#isInRun(id);
    return isOld ? { id, hash, state: "kept", isAnswered: false } : null;
  }

  add(id: number, hash: number): Delivery {
    this.#isRepeating = false;
    if (this.#byId.delete(id)) this.#usesIdsAgain = true;
    const added: Delivery = { id, hash, state: "waiting", isAnswered: false };
    this.#byId.set(id, added);
    if (this.#byId.size > 2 * UNANSWERED_MOST) this.#forgetOldest();
    return added;
  }

  /** In the order in which they came. */
  taken(delivery: Delivery): void {
    const isNext = delivery.id === (this.#last % IDS) + 1;
    this.#run = isNext ? Math.min(this.#run + 1, RUN_MOST) : 1;
    this.#inOrder = isNext ? this.#inOrder + 1 : 1;
    this.#last = delivery.id;
  }

  /** The broker has read the acknowledgements up to this one. */
  confirmed(id: number): void {
    if (this.#isInRun(id)) this.#run = (this.#last - id + IDS) % IDS;
  }

  /** The broker has no session: its ids mean nothing any more. */
  forgetAll(): void {
    this.#byId.clear();
    this.#usesIdsAgain = false;
    this.#isRepeating = false;
    this.#run = 0;
    this.#inOrder = 0;
    this.#last = 0;
  }

  /** Those whose readings are in a block, the newest at most. */
  text(): DeliveriesText {
    const all = [...this.#byId.values()].filter(({ state }) => state !== "waiting").slice(-NAMED_MOST);
    const bytes = Buffer.alloc(all.length * ENTRY_BYTES);
    all.forEach(({ id, hash }, i) => {
      bytes.writeUInt16BE(id, i * ENTRY_BYTES);
      bytes.writeUIntBE(hash, i * ENTRY_BYTES + 2, 3);
    });
    const ids = bytes.toString("base64");
    return { ids, usesIdsAgain: this.#usesIdsAgain, last: this.#last, run: this.#run };
  }

  #found(id: number, hash: number, isAgain: boolean): Delivery | null {
    const found = this.#byId.get(id);
    if (found === undefined || found.hash !== hash) return null;
    // The broker cannot have freed the id of one that was never answered.
    if (!found.isAnswered) return found;
    return isAgain && !(this.#usesIdsAgain && this.#hasEqualContents()) ? found : null;
  }

  #isInRun(id: number): boolean {
    return (this.#last - id + IDS) % IDS < this.#run;
  }

  #forgetOldest(): void {
    let rest = this.#byId.size - NAMED_MOST;
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
