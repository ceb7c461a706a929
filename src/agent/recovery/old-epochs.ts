/** A buffer's record of the corrupt ones that were set aside before it: for `status`, `why` and `verify`. */
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import { boolean, text } from "../../core/outside/scalar-shapes.ts";
import { optional, type Shape } from "../../core/outside/shape.ts";
import { anyNumber, atLeast, storedEntries, storedJson } from "../../core/outside/stored-json.ts";
import type { Problem } from "../../core/problem.ts";
import { MS_PER_DAY } from "../../core/time/duration.ts";
import type { Recovered } from "./readings.ts";

/** The problem is shown for this long; the file and the losses stay. */
const SHOWN_MS = MS_PER_DAY;
const META_CORRUPT = "corrupt";
const META_COPIED = "copied";
const META_OLD_EPOCHS = "old_epochs";

/** The record of a buffer that was set aside: `verify` accounts for it under its own epoch. */
export type OldEpoch = Omit<Recovered, "kept" | "unknown"> & {
  readonly file: string;
  readonly atMs: number;
  /** Its first seq, where an epoch before it was of the same buffer; absent: 1. */
  readonly from?: number | undefined;
  /** It ended where the data dir was copied: another copy may have continued it. */
  readonly wasCopied?: boolean | undefined;
};

const anyText = text(/^/, "a text");
const NOTED = atLeast({
  code: anyText,
  message: anyText,
  try: anyText,
  atMs: anyNumber,
  acknowledgedAtMs: optional(anyNumber),
});
const OLD_EPOCH: Shape<OldEpoch> = atLeast({
  epoch: anyText,
  nodeId: anyText,
  accepted: anyNumber,
  certain: boolean,
  lost: anyNumber,
  file: anyText,
  atMs: anyNumber,
  from: optional(anyNumber),
  wasCopied: optional(boolean),
});

type Meta = Pick<SqliteBuffer, "meta">;

/** The problems that showed when the buffer was opened, which `status` reports for a day or until they are acknowledged: it was corrupt, or a copy. */
export function openingProblems(buffer: Meta, nowMs: number): Problem[] {
  return [META_CORRUPT, META_COPIED].flatMap((key) => {
    const noted = storedJson(NOTED, buffer.meta(key) ?? "null");
    if (noted === null || noted.acknowledgedAtMs !== undefined) return [];
    const { atMs, acknowledgedAtMs: _, ...problem } = noted;
    return Math.abs(nowMs - atMs) < SHOWN_MS ? [problem] : [];
  });
}

/** A person has looked at them: they are shown no more. Returns how many. */
export function acknowledgeOpening(buffer: Meta & SetMeta, nowMs: number): number {
  const shown = openingProblems(buffer, nowMs).length;
  for (const key of [META_CORRUPT, META_COPIED]) {
    const noted = storedJson(NOTED, buffer.meta(key) ?? "null");
    if (noted !== null && noted.acknowledgedAtMs === undefined)
      buffer.setMeta(key, JSON.stringify({ ...noted, acknowledgedAtMs: nowMs }));
  }
  return shown;
}

type SetMeta = Pick<SqliteBuffer, "setMeta">;

/** Records why the previous buffer was set aside. */
export function rememberCorrupt(buffer: SetMeta, problem: Problem, atMs: number): void {
  buffer.setMeta(META_CORRUPT, JSON.stringify({ ...problem, atMs }));
}

/** Records why the buffer began a new epoch. */
export function rememberCopied(buffer: SetMeta, problem: Problem, atMs: number): void {
  buffer.setMeta(META_COPIED, JSON.stringify({ ...problem, atMs }));
}

/** The buffers that were set aside before this one, oldest first. A record that is damaged is left out. */
export function oldEpochs(of: { meta(key: string): string | null }): OldEpoch[] {
  return storedEntries(OLD_EPOCH, of.meta(META_OLD_EPOCHS) ?? "[]") ?? [];
}

/** Records all of them, oldest first. */
export function rememberOldEpochs(buffer: SetMeta, epochs: readonly OldEpoch[]): void {
  buffer.setMeta(META_OLD_EPOCHS, JSON.stringify(epochs));
}
