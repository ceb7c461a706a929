/** The time of a foreign row while it is read: of one field, of several together, or of its arrival. */
import { type FromRow, readNumber, type Value } from "../row/quantity.ts";
import { type Original, type RowProblem, shortened, shown, wrongType } from "../row/row-problem.ts";
import { PLAIN_NUMBER } from "../row/text-number.ts";
import { FINER, type TimestampReader } from "../row/timestamp.ts";
import { guessedPattern } from "./pattern-guess.ts";
import type { TimeRules } from "./time-rules.ts";

export class RowTime {
  /** Ms since 1970; NaN where there is none yet. */
  ms = Number.NaN;
  /** The flags of `TimestampReader.note`. */
  note = 0;
  /** The timestamp as JSON text, where it is FINER; else empty. */
  received = "";
  /** The row has no time of its own, and has that of its arrival. */
  isArrival = false;
  readonly #rules: TimeRules;
  readonly #timestamps: TimestampReader;
  /** Of a timestamp that is in several fields: their texts; null where one is missing. */
  readonly #parts: (string | null)[];

  constructor(rules: TimeRules, timestamps: TimestampReader) {
    this.#rules = rules;
    this.#timestamps = timestamps;
    this.#parts = rules.from.map(() => null);
  }

  begin(): void {
    this.ms = Number.NaN;
    this.note = 0;
    this.received = "";
    this.isArrival = false;
    if (this.#parts.length > 0) this.#parts.fill(null);
  }

  /** Text by the formats of text, a number by those of numbers; and each by the others, where it may be written so. */
  read(from: FromRow, said: Value): RowProblem | null {
    const timestamps = this.#timestamps;
    const { name, value } = said;
    let problem: RowProblem | null = null;
    // Where no time is no problem, a blank is none.
    if (this.#rules.orArrival && typeof value === "string" && value.trim() === "") return null;
    this.ms = typeof value === "string" ? timestamps.fromText(value) : Number.NaN;
    if (Number.isNaN(this.ms) && timestamps.numeric) {
      const read = readNumber(from, said);
      if ("number" in read && Number.isNaN(read.number)) return null;
      if ("number" in read && read.unit === "") this.#fromNumber(read.number, name, from.original);
      else if (!timestamps.textual)
        problem = "number" in read ? wrongType(from.original, name, value, "a number") : read;
    }
    if (Number.isNaN(this.ms) && typeof value === "number" && timestamps.hasPatterns) {
      this.ms = timestamps.fromText(from.original.textOf(name));
    }
    if (Number.isNaN(this.ms)) return this.#withOtherFormat(value, problem ?? this.#notATime(from.original, said));
    this.note = timestamps.note;
    this.isArrival = from.original.arrivalField === name;
    if (this.note & FINER) this.received = from.original.textOf(name);
    return null;
  }

  #fromNumber(number: number, name: string, original: Original): void {
    const isExact = Math.abs(number) <= Number.MAX_SAFE_INTEGER;
    const timestamps = this.#timestamps;
    this.ms = isExact ? timestamps.fromNumber(number) : timestamps.fromExact(number, original.textOf(name));
  }

  /** One of several fields; digits of a number are read as they are. */
  readPart(index: number, name: string, value: unknown, original: Original): RowProblem | null {
    const text = typeof value === "number" ? original.textOf(name) : value;
    if (typeof text !== "string") return wrongType(original, name, value, "text or a number");
    if (text.trim() !== "") this.#parts[index] = text.trim();
    return null;
  }

  /** When all fields were read: the time of several of them, or that of the arrival. */
  settle(takenAtMs: number, original: Original): RowProblem | null {
    const parts = this.#parts;
    if (parts.length > 1 && !parts.includes(null)) {
      const text = parts.join(" ");
      this.ms = this.#timestamps.fromText(text);
      if (Number.isNaN(this.ms)) {
        const problem = this.#notATime(original, { name: this.#rules.from.join(" "), value: text });
        return this.#withOtherFormat(text, problem);
      }
      this.note = this.#timestamps.note;
      if (this.note & FINER) this.received = JSON.stringify(text);
    }
    if (!this.#rules.orArrival || !Number.isNaN(this.ms)) return null;
    this.ms = takenAtMs;
    this.isArrival = true;
    return null;
  }

  /** The field that is missing, or null where the row has a time. */
  missing(names: readonly string[]): string | null {
    if (!Number.isNaN(this.ms)) return null;
    const { from } = this.#rules;
    return from.find((_, part) => this.#parts[part] === null) ?? names.join(" or ");
  }

  #notATime(original: Original, { name, value }: Pick<Value, "name" | "value">): RowProblem {
    const { numeric, hasPatterns, expected } = this.#timestamps;
    const isRightType = typeof value === "string" || (typeof value === "number" && numeric);
    if (!isRightType) return wrongType(original, name, value, hasPatterns ? expected : "text in ISO 8601");
    const seen = shown(original, name, value);
    return { reason: "bad_timestamp", detail: `${shortened(name)} is ${seen}, ${expected} was expected` };
  }

  /** `problem`, with the format in which the number, or the text of one, is a usual time. */
  #withOtherFormat(value: unknown, problem: RowProblem): RowProblem {
    const number = typeof value === "string" && PLAIN_NUMBER.test(value) ? Number(value) : value;
    const format = typeof number === "number" ? this.#timestamps.otherFormat(number) : "";
    const isText = typeof value === "string" && problem.reason === "bad_timestamp";
    const other = format === "" && isText ? guessedPattern(value) : format;
    return other === "" ? problem : { reason: problem.reason, detail: `${problem.detail}${other}` };
  }
}
