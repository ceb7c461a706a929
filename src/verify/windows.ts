/** The part of `reconcile` for `aggregated`: of every window that went out, each revision from 0 on must be there once. */
import type { ParsedKey, WindowKey } from "../uplink/object-key.ts";
import { parseKey } from "../uplink/object-key.ts";
import { type BatchState, type Findings, NOT_HERE, type Promises, type StoredObject } from "./audit.ts";

type Expected = {
  readonly startMs: number;
  /** Null where the buffer has only the window, and not how many rows a revision had. */
  readonly key: string | null;
  readonly state: BatchState;
  claimed: boolean;
};

export function auditWindows(promises: Promises, objects: readonly StoredObject[], found: Findings): void {
  const expected = expectedRevisions(promises);
  for (const object of objects) {
    const { of } = object;
    if (object.stage !== "aggregated" || !isWindow(of)) continue;
    const wanted = expected.get(revisionId(of.windowStartMs, of.revision));
    if (wanted !== undefined && !wanted.claimed && (wanted.key ?? object.key) === object.key) wanted.claimed = true;
    else {
      found.duplicate.push({ first: of.windowStartMs, last: of.windowStartMs });
      found.strays.push(object);
    }
  }
  for (const { startMs, state, claimed } of expected.values()) {
    if (claimed) continue;
    const listOf = { delivered: found.missing, planned: found.pending, parked: found.parked, replanned: NOT_HERE };
    listOf[state].push({ first: startMs, last: startMs });
  }
  for (const startMs of promises.openWindows) found.pending.push({ first: startMs, last: startMs });
}

function expectedRevisions(promises: Promises): Map<string, Expected> {
  const expected = new Map<string, Expected>();
  for (const { startMs, revision } of promises.windows) {
    for (let r = 0; r <= revision; r++) {
      expected.set(revisionId(startMs, r), { startMs, key: null, state: "delivered", claimed: false });
    }
  }
  for (const { stage, key, state } of promises.batches) {
    const of = stage === "aggregated" ? parseKey(stage, key) : null;
    if (of === null || !isWindow(of)) continue;
    const { windowStartMs: startMs, revision } = of;
    expected.set(revisionId(startMs, revision), { startMs, key, state, claimed: false });
  }
  return expected;
}

function isWindow(of: ParsedKey): of is { readonly kind: "window" } & WindowKey {
  return of.kind === "window";
}

function revisionId(startMs: number, revision: number): string {
  return `${startMs}.${revision}`;
}
