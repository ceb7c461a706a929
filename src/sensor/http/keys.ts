/**
 * Idempotency keys of requests: what each was answered, kept in the transaction that has its readings. So a sender that got no answer
 * sends again under the same key, before or after a restart, and nothing is taken twice. A request that was committed in part continues
 * behind that part.
 */
import { createHash } from "node:crypto";
import { text } from "../../core/outside/scalar-shapes.ts";
import { optional } from "../../core/outside/shape.ts";
import { anyNumber, atLeast, readStored } from "../../core/outside/stored-json.ts";
import type { RequestHead } from "./admission.ts";
import type { Tally } from "./reply.ts";

/** A key is remembered for this long, and at most so many are. */
export const KEY_LIMITS = { keys: 10_000, ms: 24 * 3_600_000, characters: 255 };

/** Where a request continues of which some records are committed. */
export type PartTaken = { readonly position: number; readonly state: string | null };

export type KnownKey = Tally & {
  /** Of the request: the same key with another body is a mistake of the sender. */
  readonly hash: string;
  readonly atMs: number;
  /** Null: all of it is taken. */
  readonly part: PartTaken | null;
};

const anyText = text(/^/, "a text");
const STORED = atLeast({
  hash: anyText,
  atMs: anyNumber,
  accepted: anyNumber,
  malformed: anyNumber,
  filtered: anyNumber,
  position: optional(anyNumber),
  state: optional(anyText),
});

export class KeyBook {
  /** The oldest first. */
  readonly #known: Map<string, KnownKey>;
  #changed = new Map<string, string | null>();

  /** `stored`: what was committed of `changes`. */
  constructor(stored: ReadonlyMap<string, string>) {
    const read = [...stored].flatMap(([key, value]) => {
      const known = knownOf(value);
      return known === null ? [] : [[key, known] as const];
    });
    this.#known = new Map(read.sort(([, a], [, b]) => a.atMs - b.atMs));
  }

  find(key: string): KnownKey | null {
    return this.#known.get(key) ?? null;
  }

  /** To be committed with the readings of the request. */
  set(key: string, known: KnownKey): void {
    this.#known.delete(key);
    this.#known.set(key, known);
    this.#changed.set(key, storedOf(known));
    for (const [oldest, { atMs }] of this.#known) {
      if (this.#known.size <= KEY_LIMITS.keys && known.atMs - atMs <= KEY_LIMITS.ms) break;
      this.#known.delete(oldest);
      this.#changed.set(oldest, null);
    }
  }

  changes(): ReadonlyMap<string, string | null> {
    return this.#changed;
  }

  changeAll(): void {
    for (const [key, known] of this.#known) this.#changed.set(key, storedOf(known));
  }

  committed(): void {
    if (this.#changed.size > 0) this.#changed = new Map();
  }
}

function storedOf({ hash, atMs, accepted, malformed, filtered, part }: KnownKey): string {
  const { position, state } = part ?? { position: undefined, state: undefined };
  return JSON.stringify({ hash, atMs, accepted, malformed, filtered, position, state: state ?? undefined });
}

/** What cannot be read is of a newer binary, or damaged: such a key is not known. */
function knownOf(value: string): KnownKey | null {
  const read = readStored(STORED, value);
  if (!("value" in read)) return null;
  const { position, state, ...rest } = read.value;
  return { ...rest, part: position === undefined ? null : { position, state: state ?? null } };
}

/** Visible ASCII, as RFC 8941 has in a string; the quotes of such a string are left as they are. */
export function isKey(key: string): boolean {
  return key.length <= KEY_LIMITS.characters && /^[\x21-\x7e][\x20-\x7e]*$/.test(key);
}

/** What a repeated request must have in common with the first. */
export function hashOf({ path, query, headers }: RequestHead, body: Buffer): string {
  const head = `${path}\n${query}\n${String(headers["content-type"] ?? "")}\n`;
  return createHash("sha256").update(head).update(body).digest("hex").slice(0, 32);
}
