/** The shapes of values that the conditions of several kinds have. */
import { made, named } from "../../core/outside/composed-shapes.ts";
import { NO_LIMIT, number, text } from "../../core/outside/scalar-shapes.ts";
import { mustBe, refuse, type Shape } from "../../core/outside/shape.ts";
import { MS_PER_DAY, parseDuration } from "../../core/time/duration.ts";
import { MEASURE_NAME, RESERVED_FIELDS } from "../field-names.ts";

const MEASURE_EXPECTED = "a measure: lower-case letters, digits and _, beginning with a letter, at most 64";

export const MEASURE: Shape<string> = named(
  "measure",
  text(MEASURE_NAME, MEASURE_EXPECTED, (name) =>
    RESERVED_FIELDS.has(name) ? `"${name}" is not a measure; use "flag" or "expression" for the other fields` : null,
  ),
);

/** Any number that JSON can have. */
export const NUMBER: Shape<number> = number({ min: -NO_LIMIT, max: NO_LIMIT });
export const ABOVE_ZERO: Shape<number> = number({ above: 0, max: NO_LIMIT });
export const ZERO_OR_MORE: Shape<number> = number({ min: 0, max: NO_LIMIT });

export function wholeNumber(min: number, max: number): Shape<number> {
  return number({ min, max, whole: true });
}

const LONGEST_MS = 366 * MS_PER_DAY;
const DURATION_EXPECTED = 'a time from "1ms" to "366d", such as "30s", "5m" or "1h"';
/** A bare number would be milliseconds elsewhere; in a rule it is more likely to be meant as seconds. */
const WITH_UNIT = /^\s*[0-9]{1,15}(\.[0-9]{1,9})?(ms|s|m|h|d)\s*$/;

/** A time, in milliseconds. */
export const DURATION: Shape<number> = named(
  "duration",
  made(text(WITH_UNIT, DURATION_EXPECTED), (written, { path, problems }) => {
    const ms = parseDuration(written);
    if (ms !== undefined && ms >= 1 && ms <= LONGEST_MS) return ms;
    return refuse(problems, path, mustBe(DURATION_EXPECTED, written));
  }),
);
