/**
 * Local times of a place to UTC, for timestamps that carry no zone. When clocks go back an hour of local times occurs
 * twice: the first is given, and `repeatMs` says how much later the second is (row/repeated-times.ts chooses). When they go forward an hour never occurs: it
 * is read with the offset that was in force before. (The same choices as RFC 5545 and Temporal's "compatible".)
 */
import { MS_PER_DAY, MS_PER_MINUTE } from "../../core/time/duration.ts";
import { type OffsetSpan, offsetSpanAt } from "../../core/time/zone-offset.ts";

/** In local time, how long one rule leads to UTC. */
type Piece = OffsetSpan & { readonly repeatMs: number };

/** More than any place is from UTC, or clocks are changed by (Alaska in 1867, Samoa in 2011). */
const FAR_MS = 2 * MS_PER_DAY;

export class Zone {
  readonly name: string;
  /** Of the time that `toUtc` read last: how much later its second occurrence is; 0 where it occurs once. */
  repeatMs = 0;
  readonly #spanAt: (utcMs: number) => OffsetSpan;
  /** Those that were asked for, in order. A year has two changes of the clocks, and so four at most. */
  readonly #pieces: Piece[] = [];
  #from = Number.NaN;
  #until = Number.NaN;
  #offsetMs = 0;

  constructor(name: string, spanAt: (utcMs: number) => OffsetSpan) {
    this.name = name;
    this.#spanAt = spanAt;
  }

  toUtc(localMs: number): number {
    if (!(localMs >= this.#from && localMs < this.#until)) {
      const piece = this.#pieceAt(localMs);
      this.#from = piece.from;
      this.#until = piece.until;
      this.#offsetMs = piece.offsetMs;
      this.repeatMs = piece.repeatMs;
    }
    return localMs - this.#offsetMs;
  }

  #pieceAt(localMs: number): Piece {
    const at = this.#pieces.findLastIndex(({ from }) => from <= localMs);
    const known = this.#pieces[at];
    if (known !== undefined && localMs < known.until) return known;
    const made = pieceOf(localMs, this.#spansAround(localMs));
    this.#pieces.splice(at + 1, 0, made);
    return made;
  }

  /** Every span that the local time may be in, and one more on both sides. */
  #spansAround(localMs: number): OffsetSpan[] {
    const spans = [this.#spanAt(localMs - FAR_MS)];
    for (let last = spans[0]; last !== undefined && last.until < localMs + FAR_MS; last = spans.at(-1)) {
      spans.push(this.#spanAt(last.until));
    }
    const [first, last] = [spans[0], spans.at(-1)];
    if (first !== undefined && first.from > Number.NEGATIVE_INFINITY) spans.unshift(this.#spanAt(first.from - 1));
    if (last !== undefined && last.until < Number.POSITIVE_INFINITY) spans.push(this.#spanAt(last.until));
    return spans;
  }
}

/** `spans`: without gaps, the ones that hold the local time and their neighbours. */
function pieceOf(localMs: number, spans: readonly OffsetSpan[]): Piece {
  const local = spans.map(({ from, until, offsetMs }) => {
    return { from: from + offsetMs, until: until + offsetMs, offsetMs };
  });
  const ends = local.flatMap(({ from, until }) => [from, until]);
  const from = Math.max(...ends.filter((end) => end <= localMs));
  const until = Math.min(...ends.filter((end) => end > localMs));
  const [first, second] = local.filter((span) => localMs >= span.from && localMs < span.until);
  // In a gap between two spans, the one before it is over.
  const { offsetMs } = first ?? local.findLast((span) => span.until <= localMs) ?? { offsetMs: 0 };
  return { from, until, offsetMs, repeatMs: second === undefined ? 0 : offsetMs - second.offsetMs };
}

/** `UTC`, `Z`, `+01:00`, `-0330`, or an IANA name (`Europe/Brussels`); null where there is no such zone. */
export function zoneOf(name: string): Zone | null {
  const fixed = /^([+-])([01]\d|2[0-3]):?([0-5]\d)$/.exec(name === "UTC" || name === "Z" ? "+00:00" : name);
  if (fixed !== null) {
    const ms = (Number(fixed[2]) * 60 + Number(fixed[3])) * MS_PER_MINUTE * (fixed[1] === "-" ? -1 : 1);
    const always = { from: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY, offsetMs: ms };
    return new Zone(name, () => always);
  }
  try {
    // Temporal would also take a whole timestamp for the name of its zone.
    new Intl.DateTimeFormat("en-US", { timeZone: name });
    return new Zone(name, (utcMs) => offsetSpanAt(name, utcMs));
  } catch {
    return null;
  }
}
