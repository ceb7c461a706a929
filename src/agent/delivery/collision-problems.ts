/** What the buffer remembers of keys that were taken: for `status`, whether the agent runs or not. */
import type { Database } from "bun:sqlite";
import { conflictSummary } from "../../buffer/conflicts.ts";
import { text } from "../../core/outside/scalar-shapes.ts";
import { anyNumber, atLeast, storedJson } from "../../core/outside/stored-json.ts";
import type { Problem } from "../../core/problem.ts";
import { grouped } from "../../core/readable-numbers.ts";
import { MS_PER_DAY } from "../../core/time/duration.ts";

/** A problem is shown for this long after the last one; the counts stay. */
export const SHOWN_MS = MS_PER_DAY;
const META_UNSEEN = "unseen_objects";

/** Objects under the keys of new batches that may not be looked at; `key` is that of the first. */
export type UnseenObjects = {
  readonly count: number;
  readonly key: string;
  readonly because: string;
  readonly missing: string;
  readonly try: string;
  readonly atMs: number;
};

type Meta = { meta(key: string): string | null };

const anyText = text(/^/, "a text");
const UNSEEN = atLeast({
  count: anyNumber,
  key: anyText,
  because: anyText,
  missing: anyText,
  try: anyText,
  atMs: anyNumber,
});

export function unseenObjects(buffer: Meta): UnseenObjects | null {
  return storedJson(UNSEEN, buffer.meta(META_UNSEEN) ?? "null");
}

export function rememberUnseen(buffer: { setMeta(key: string, value: string): void }, unseen: UnseenObjects): void {
  buffer.setMeta(META_UNSEEN, JSON.stringify(unseen));
}

/** Since the buffer was made. */
export type CollisionCounts = { readonly conflicts: number; readonly unseen: number };

export function collisionCounts(buffer: Meta & { readonly db: Database }): CollisionCounts {
  return { conflicts: conflictSummary(buffer)?.count ?? 0, unseen: unseenObjects(buffer)?.count ?? 0 };
}

export function collisionProblems(buffer: Meta & { readonly db: Database }, nowMs: number): Problem[] {
  return [...conflictProblems(buffer, nowMs), ...unseenProblems(buffer, nowMs)];
}

function conflictProblems(buffer: { readonly db: Database }, nowMs: number): Problem[] {
  const conflict = conflictSummary(buffer);
  if (conflict === null || Math.abs(nowMs - conflict.atMs) >= SHOWN_MS) return [];
  const { count, stage, key, found, epoch } = conflict;
  const objects =
    count === 1
      ? "An object that this agent did not write is"
      : `${grouped(count)} objects that this agent did not write are`;
  const message =
    `${objects} under its keys, the newest ${stage}/${key}: ${found}. The rows that belong there are sent again under epoch ` +
    `${epoch}. Another agent may have a copy of this data dir`;
  return [{ code: "object_conflict", message, try: "agent verify" }];
}

export function unseenProblems(buffer: Meta, nowMs: number): Problem[] {
  const unseen = unseenObjects(buffer);
  if (unseen === null || Math.abs(nowMs - unseen.atMs) >= SHOWN_MS) return [];
  const { count, key, because, missing } = unseen;
  const which =
    count === 1
      ? "An object was under the key of a new batch"
      : `${grouped(count)} objects were under the keys of new batches`;
  const message =
    `${which}, the first "${key}", and the agent cannot compare: ${because}. The rows count as delivered; if another ` +
    `program wrote there, they are not. Allow ${missing}, and the agent compares and sends again what is not ours`;
  return [{ code: "object_unseen", message, try: unseen.try }];
}
