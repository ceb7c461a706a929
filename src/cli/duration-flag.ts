/** A length of time that is given by a flag and is no setting: `--for 30s`. */

import { UsageError } from "../core/errors.ts";
import { parseDuration, unitMeant } from "../core/time/duration.ts";

/** Milliseconds above 0. `example`: a command line's part that works. */
export function durationFlag(name: string, given: unknown, example: string): number {
  const text = String(given);
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0) return ms;
  const meant = unitMeant(text);
  throw new UsageError(`Cannot use --${name} "${text}": ${meant === "" ? "it is no length of time" : meant}`, {
    tryHint: meant === "" ? example : `--${name} ${text.trim()}s`,
  });
}
