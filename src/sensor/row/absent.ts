/** Values that mean "no value": `"NA"`, in any case; `-999` and the text `"-999"`; `"nan"` and the number NaN. */
import { notFiniteOf } from "./not-finite.ts";

export class AbsentValues {
  /** As the map has them. */
  readonly given: readonly (string | number)[];
  readonly #values: ReadonlySet<string | number>;

  constructor(given: readonly (string | number)[]) {
    this.given = given;
    this.#values = new Set(given.flatMap(everyForm));
  }

  get size(): number {
    return this.#values.size;
  }

  /** Whether a value, of any type, means that there is none. */
  has(value: unknown): boolean {
    if (this.#values.size === 0) return false;
    if (typeof value === "string") return this.#values.has(value) || this.#values.has(folded(value));
    return typeof value === "number" && this.#values.has(value);
  }

  /** The same values and more. */
  and(more: readonly (string | number)[]): AbsentValues {
    return more.length === 0 ? this : new AbsentValues([...this.given, ...more]);
  }
}

export const NONE_ABSENT = new AbsentValues([]);

/** A word as it is compared: case and blanks around it do not matter. */
export function folded(text: string): string {
  return text.trim().toLowerCase();
}

/** A number also matches its text, and a word such as "nan" the value that a line or a database has in its place. */
function everyForm(value: string | number): (string | number)[] {
  if (typeof value === "number") return [value, String(value)];
  const number = notFiniteOf(value);
  return number === null ? [folded(value)] : [folded(value), number];
}
