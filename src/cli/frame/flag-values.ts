/** Values of flags that are not settings: a length of time, a whole number. Each throws a UsageError for any other text. */
import { UsageError } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";
import { parseDuration, unitMeant } from "../../core/time/duration.ts";

/** `--for 30s`: milliseconds above 0. `command`: a command line to try with a value that works, without this flag. */
export function durationFlag(name: string, text: string, command: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0) return ms;
  const meant = unitMeant(text);
  throw new UsageError(
    `Cannot use --${name} "${text}": ${meant === "" ? "expected a time above 0, such as 30s or 5m" : meant}`,
    {
      tryHint: `${command} --${name} ${meant === "" ? "30s" : shellWord(`${text.trim()}s`)}`,
    },
  );
}

const INTERVAL_LEAST_MS = 100;
const INTERVAL_MOST_MS = 3_600_000;

/** `--interval 1s`: how often a command looks at a node that a person watches, in ms. */
export function intervalFlag(name: string, text: string, command: string): number {
  const ms = durationFlag(name, text, command);
  if (ms >= INTERVAL_LEAST_MS && ms <= INTERVAL_MOST_MS) return ms;
  throw new UsageError(`Cannot use --${name} "${text}": expected a time from 100ms to 1h`, {
    tryHint: `${command} --${name} 1s`,
  });
}

type WholeNumber = {
  readonly least: number;
  readonly most: number;
  /** A command line that works. */
  readonly example: string;
};

/** `--count 10` */
export function wholeNumberFlag(name: string, text: string, { least, most, example }: WholeNumber): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(`Cannot use --${name} "${text}": expected a whole number from ${least} to ${most}`, {
    tryHint: example,
  });
}

type Moment = {
  readonly nowMs: number;
  /** A command line to try with a value that works, without this flag. */
  readonly command: string;
};

/** `--since 24h` or `--since 2026-11-23T08:00Z`, ms. A bare number would be milliseconds to `parseDuration`, which is never meant here. */
export async function momentFlag(name: string, given: string, { nowMs, command }: Moment): Promise<number> {
  const text = given.trim();
  const ago = /\d$/.test(text) ? undefined : parseDuration(text);
  if (ago !== undefined) return nowMs - ago;
  const { TimestampReader } = await import("../../sensor/row/timestamp.ts");
  const ms = new TimestampReader().fromText(text.length === 10 ? `${text}T00:00Z` : text);
  if (!Number.isNaN(ms)) return ms;
  throw new UsageError(
    `Cannot use --${name} "${text}": expected a time ago, such as 24h, or a moment in UTC, such as 2026-11-23T08:00:00Z`,
    { tryHint: `${command} --${name} 24h` },
  );
}
