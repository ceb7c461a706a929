/** Times that are numbers, in one format or several that are tried in order. */
import { MS_PER_DAY } from "../../core/time/duration.ts";
import { ANY_UNIX, type EpochFormat, epochFromMs, epochToMs, isEpoch, otherEpoch, unixFormatOf } from "./epoch.ts";

export type NumberFormat = EpochFormat | typeof ANY_UNIX;

export const isNumberFormat = (format: string): format is NumberFormat => format === ANY_UNIX || isEpoch(format);

/** A day more than the years that are read: a local time may be there. */
const LEAST_MS = -MS_PER_DAY;
const MOST_MS = Date.UTC(9999, 11, 31) + 2 * MS_PER_DAY;

export class NumberTimes {
  readonly formats: readonly NumberFormat[];
  /** Of the number that was read last: it says more than the millisecond. */
  isFiner = false;
  /** It counts days of local time. */
  isLocal = false;

  constructor(formats: readonly NumberFormat[]) {
    this.formats = formats;
  }

  /** Ms since 1970, or NaN. */
  read(value: number): number {
    const { formats } = this;
    for (let i = 0; i < formats.length; i++) {
      const epoch = this.#epochAt(i, value);
      const ms = epoch === null ? Number.NaN : epochToMs(epoch, value);
      if (epoch === null || !(ms >= LEAST_MS && ms <= MOST_MS)) continue;
      this.isFiner = epochFromMs(epoch, ms) !== value;
      this.isLocal = epoch === "excel_day";
      return ms;
    }
    return Number.NaN;
  }

  /** The same of a number whose text is known: a double has no more than some 256 ns of a time in nanoseconds. */
  readExact(value: number, text: string): number {
    const ms = this.read(value);
    const digits = this.#isNanoseconds(value) ? (/^"?\s*(\d{7,})\s*"?$/.exec(text)?.[1] ?? "") : "";
    if (Number.isNaN(ms) || digits === "") return ms;
    this.isFiner = /[1-9]/.test(digits.slice(-6));
    return Number(digits.slice(0, -6));
  }

  /** `; as unix_ms it is 2023-11-14`, of a number that cannot be a time in this format; empty where it fits no other. */
  otherFormat(value: number): string {
    const other = otherEpoch(this.formats, value);
    return other === null ? "" : `; as ${other.format} it is ${dayOf(other.ms)}`;
  }

  /** `unix_ms gives 1970-01-20 here; as unix_s it is 2023-11-14`; null where the number fits no other format, or several are read. */
  otherMeaning(timeMs: number): string | null {
    const [epoch, second] = this.formats;
    if (epoch === undefined || second !== undefined || epoch === ANY_UNIX) return null;
    const other = otherEpoch([epoch], epochFromMs(epoch, timeMs));
    return other === null ? null : `${epoch} gives ${dayOf(timeMs)} here; as ${other.format} it is ${dayOf(other.ms)}`;
  }

  #epochAt(at: number, value: number): EpochFormat | null {
    const format = this.formats[at];
    return format === undefined || format === ANY_UNIX ? unixFormatOf(value) : format;
  }

  /** Whether the first format that reads the number is nanoseconds. */
  #isNanoseconds(value: number): boolean {
    const epochs = this.formats.map((_, at) => this.#epochAt(at, value));
    const read = epochs.find((epoch) => epoch !== null && epochToMs(epoch, value) <= MOST_MS);
    return read === "unix_ns";
  }
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
