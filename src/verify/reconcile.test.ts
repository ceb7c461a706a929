import { expect, test } from "bun:test";
import fc from "fast-check";
import { mergeRanges, overlaps, type SeqRange, subtractRanges } from "../core/seq-range.ts";
import { READING_STAGES, type ReadingStage, STAGES, type Stage } from "../core/stage.ts";
import { cases } from "../testing/needs.ts";
import { parseKey, readingKey, windowKey } from "../uplink/object-key.ts";
import type { Audit, PromisedBatch, Promises, StoredObject } from "./audit.ts";
import { reconcile } from "./reconcile.ts";

const EPOCH = "01j0000000000000000000test";
const NODE = "edge-7";
const HOUR = 3_600_000;
const START = Date.UTC(2026, 10, 23, 8);

function stored(stage: Stage, key: string): StoredObject {
  const of = parseKey(stage, key);
  if (of === null) throw new Error(`no key of ours: ${key}`);
  return { stage, key, of };
}
const seqs = (first: number, last = first): SeqRange => ({ first, last });
const keyOf = (hour: number, first: number, last: number, count: number) =>
  readingKey({ hourMs: START + hour * HOUR, node: NODE, epoch: EPOCH, first, last, count });
const windowKeyOf = (startMs: number, revision: number, count = 2) =>
  windowKey({ windowStartMs: startMs, node: NODE, epoch: EPOCH, revision, count });

const NOTHING: Promises = {
  epoch: EPOCH,
  nodeId: NODE,
  from: 1,
  accepted: 0,
  plannedThrough: 0,
  batches: [],
  folded: [],
  lost: [],
  unplanned: { raw: [], validated: [], anomalies: [], schematized: [] },
  windows: [],
  openWindows: [],
};
const batch = (
  stage: ReadingStage,
  [first, last]: readonly [first: number, last: number],
  count: number,
  { state = "delivered", hour = 0 }: { state?: PromisedBatch["state"]; hour?: number } = {},
): PromisedBatch => ({ stage, key: keyOf(hour, first, last, count), count, range: seqs(first, last), state });
const objectsOf = (batches: readonly PromisedBatch[]) => batches.map(({ stage, key }) => stored(stage, key));

test("nothing accepted and nothing stored: all is where it belongs", () => {
  expect(reconcile(NOTHING, []).ok).toBe(true);
});

const TWENTY: Promises = {
  ...NOTHING,
  accepted: 20,
  plannedThrough: 20,
  batches: [
    batch("raw", [1, 10], 10),
    batch("validated", [1, 10], 7),
    batch("anomalies", [1, 10], 3),
    batch("schematized", [1, 10], 7),
    batch("raw", [11, 20], 10),
    batch("validated", [11, 20], 10),
    batch("schematized", [11, 20], 10),
  ],
};

test("every promised object is there: ok, with rows and objects by stage", () => {
  const audit = reconcile(TWENTY, objectsOf(TWENTY.batches));
  expect(audit.ok).toBe(true);
  expect(audit.stages.raw).toEqual({ rows: 20, objects: 2, missing: [], duplicate: [], pending: [], parked: [] });
  expect(audit.stages.validated).toMatchObject({ rows: 17, objects: 2 });
  expect(audit.stages.anomalies).toMatchObject({ rows: 3, objects: 1 });
});

test("an object that was deleted is missing in its stage, and in no other", () => {
  const objects = objectsOf(TWENTY.batches.filter(({ stage, range }) => stage !== "validated" || range?.first !== 11));
  const audit = reconcile(TWENTY, objects);
  expect(audit.ok).toBe(false);
  expect(audit.stages.validated.missing).toEqual([seqs(11, 20)]);
  for (const stage of ["raw", "anomalies", "schematized"] as const) expect(audit.stages[stage].missing).toEqual([]);
});

test("a row that is on its way or not yet planned is pending, and not missing", () => {
  const promises: Promises = {
    ...TWENTY,
    accepted: 25,
    batches: TWENTY.batches.map((one) => (one.range?.first === 11 ? { ...one, state: "planned" } : one)),
    unplanned: { raw: [seqs(21, 25)], validated: [seqs(21, 24)], anomalies: [seqs(25)], schematized: [seqs(21, 24)] },
  };
  const { ok, stages } = reconcile(promises, objectsOf(TWENTY.batches.filter(({ range }) => range?.first === 1)));
  expect(ok).toBe(true);
  expect(stages.raw).toMatchObject({ missing: [], pending: [seqs(11, 25)], duplicate: [] });
  expect(stages.anomalies).toMatchObject({ missing: [], pending: [seqs(25)] });
});

test("the whole of a halved batch that had been stored after all is a duplicate", () => {
  const halves = [batch("raw", [1, 5], 5), batch("raw", [6, 10], 5)];
  const promises = { ...NOTHING, accepted: 10, plannedThrough: 10, batches: halves };
  const whole = stored("raw", keyOf(0, 1, 10, 10));
  const audit = reconcile(promises, [...objectsOf(halves), whole]);
  expect(audit.stages.raw.duplicate).toEqual([seqs(1, 10)]);
  expect(audit.strays).toEqual([whole]);
});

test("a parked batch is missing, and reported as parked", () => {
  const promises = {
    ...NOTHING,
    accepted: 1,
    plannedThrough: 1,
    batches: [batch("raw", [1, 1], 1, { state: "parked" })],
  };
  expect(reconcile(promises, []).stages.raw).toMatchObject({ missing: [seqs(1)], parked: [seqs(1)], pending: [] });
});

test("readings that no stage ever planned are missing, although no batch says so", () => {
  const promises = { ...NOTHING, accepted: 30, plannedThrough: 30, batches: [batch("raw", [1, 10], 10)] };
  expect(reconcile(promises, objectsOf(promises.batches)).stages.raw.missing).toEqual([seqs(11, 30)]);
  const counted = { ...promises, lost: [seqs(11, 30)] };
  expect(reconcile(counted, objectsOf(promises.batches)).ok).toBe(true);
});

test("a plan that promised a reading to neither validated nor anomalies does not add up", () => {
  const batches = [batch("raw", [1, 10], 10), batch("validated", [1, 10], 6), batch("anomalies", [1, 10], 3)];
  const audit = reconcile({ ...NOTHING, accepted: 10, plannedThrough: 10, batches }, objectsOf(batches));
  expect(audit.stages.validated.missing).toEqual([seqs(1, 10)]);
  expect(audit.stages.anomalies.missing).toEqual([seqs(1, 10)]);
});

test("a stage that was switched off is not missed", () => {
  const batches = [batch("validated", [1, 10], 6)];
  expect(reconcile({ ...NOTHING, accepted: 10, plannedThrough: 10, batches }, objectsOf(batches)).ok).toBe(true);
});

test("folded runs are judged by their sums, and the listing says where", () => {
  const folded = READING_STAGES.map((stage) => {
    const own = TWENTY.batches.filter((one) => one.stage === stage);
    const range = seqs(own[0]!.range!.first, own.at(-1)!.range!.last);
    return { stage, range, rows: own.reduce((sum, one) => sum + one.count, 0), objects: own.length };
  });
  const promises: Promises = { ...TWENTY, batches: [], folded };
  const all = objectsOf(TWENTY.batches);
  expect(reconcile(promises, all).ok).toBe(true);
  const withoutRaw = reconcile(promises, all.slice(1));
  expect(withoutRaw.stages.raw.missing).toEqual([seqs(1, 10)]);
  expect(withoutRaw.stages.validated.missing).toEqual([]);
  const twice = reconcile(promises, [...all, stored("raw", keyOf(1, 11, 20, 4))]);
  expect(twice.stages.raw.duplicate).toEqual([seqs(11, 20)]);
});

test("folded runs of one stage may overlap: an hour of a range was halved and another was not", () => {
  const objects = [keyOf(0, 1, 20, 12), keyOf(1, 1, 10, 3), keyOf(1, 11, 20, 5)].map((key) => stored("raw", key));
  const folded = [
    { stage: "raw", range: seqs(1, 20), rows: 15, objects: 2 },
    { stage: "raw", range: seqs(11, 20), rows: 5, objects: 1 },
  ] as const;
  const promises: Promises = { ...NOTHING, accepted: 20, plannedThrough: 20, folded };
  expect(reconcile(promises, objects).ok).toBe(true);
  expect(reconcile(promises, objects.slice(1)).stages.raw.missing).toEqual([seqs(1, 20)]);
});

test("of every window each revision must be there once", () => {
  const [a, b] = [START, START + 60_000];
  const promises: Promises = {
    ...NOTHING,
    windows: [
      { startMs: a, revision: 1 },
      { startMs: b, revision: 0 },
    ],
    batches: [{ stage: "aggregated", key: windowKeyOf(b, 0), count: 2, range: null, state: "delivered" }],
  };
  const all = [stored("aggregated", windowKeyOf(a, 0)), stored("aggregated", windowKeyOf(a, 1))];
  const last = stored("aggregated", windowKeyOf(b, 0));
  expect(reconcile(promises, [...all, last]).ok).toBe(true);
  expect(reconcile(promises, [all[1]!, last]).stages.aggregated.missing).toEqual([seqs(a)]);
  const other = stored("aggregated", windowKeyOf(b, 0, 3));
  const audit = reconcile(promises, [...all, last, other]);
  expect(audit.stages.aggregated).toMatchObject({ missing: [], duplicate: [seqs(b)] });
  expect(audit.strays).toEqual([other]);
  const open = reconcile({ ...promises, openWindows: [b + 60_000] }, [...all, last]);
  expect(open.stages.aggregated).toMatchObject({ missing: [], pending: [seqs(b + 60_000)] });
  expect(open.ok).toBe(true);
});

// --- Any plan, any faults -------------------------------------------------------------------------------------------

type PlannedRow = { readonly hour: number; readonly valid: boolean };
type Plan = {
  readonly promises: Promises;
  readonly objects: readonly StoredObject[];
  readonly rows: readonly PlannedRow[];
};

/** Batches as the outbox would write them down, of the rows of [first, last] that were not lost. */
function batchesOf(rows: readonly PlannedRow[], first: number, last: number, lostThrough: number): PromisedBatch[] {
  const made: PromisedBatch[] = [];
  for (const hour of [0, 1, 2]) {
    const own = rows.slice(Math.max(first - 1, lostThrough), last).filter((row) => row.hour === hour);
    const valid = own.filter((row) => row.valid).length;
    const counts = { raw: own.length, validated: valid, anomalies: own.length - valid, schematized: valid };
    for (const stage of READING_STAGES) {
      if (counts[stage] > 0) made.push(batch(stage, [first, last], counts[stage], { hour }));
    }
  }
  return made;
}

const rowArbitrary = fc.record({ hour: fc.integer({ min: 0, max: 2 }), valid: fc.boolean() });
const planArbitrary = fc
  .record({
    rows: fc.array(rowArbitrary, { maxLength: 120 }),
    cuts: fc.array(fc.integer({ min: 1, max: 25 }), { maxLength: 12 }),
    stages: fc.oneof(
      { weight: 3, arbitrary: fc.constant(READING_STAGES as readonly ReadingStage[]) },
      fc.constant(["raw"] as const),
      fc.constant(["validated", "schematized"] as const),
      fc.constant(["raw", "validated", "anomalies"] as const),
    ),
    halve: fc.array(fc.boolean(), { minLength: 200, maxLength: 200 }),
    open: fc.array(fc.constantFrom("delivered", "planned", "stored", "parked"), { minLength: 200, maxLength: 200 }),
    foldedRanges: fc.integer({ min: 0, max: 14 }),
    deliveredRanges: fc.integer({ min: 0, max: 14 }),
    drop: fc.option(fc.integer({ min: 1, max: 40 }), { freq: 3 }),
    windows: fc.array(fc.record({ revision: fc.integer({ min: 0, max: 3 }), folded: fc.boolean() }), { maxLength: 4 }),
    tail: fc.integer({ min: 0, max: 5 }),
  })
  .map((input) => planOf(input));

type PlanInput = {
  rows: PlannedRow[];
  cuts: number[];
  stages: readonly ReadingStage[];
  halve: boolean[];
  open: ("delivered" | "planned" | "stored" | "parked")[];
  foldedRanges: number;
  deliveredRanges: number;
  drop: number | null;
  windows: { revision: number; folded: boolean }[];
  tail: number;
};

function planOf(input: PlanInput): Plan {
  const { rows, stages } = input;
  const ranges: SeqRange[] = [];
  for (const cut of [...input.cuts, 50]) {
    const first = (ranges.at(-1)?.last ?? 0) + 1;
    if (first <= rows.length - input.tail)
      ranges.push(seqs(first, Math.min(first + cut - 1, rows.length - input.tail)));
  }
  let plannedThrough = ranges.at(-1)?.last ?? 0;
  const done = Math.max(input.deliveredRanges, input.foldedRanges);
  const settled = ranges[Math.min(done, ranges.length) - 1]?.last ?? 0;
  const lostThrough = input.drop === null ? settled : Math.min(rows.length, settled + input.drop);
  const lost: SeqRange[] = lostThrough > settled ? [seqs(settled + 1, lostThrough)] : [];
  plannedThrough = Math.max(plannedThrough, lostThrough);
  let draw = 0;
  const batches: PromisedBatch[] = [];
  const unsettledButStored: StoredObject[] = [];
  for (const { first, last } of ranges) {
    const isOpen = first > settled;
    // A reading that was dropped before it was delivered is in no batch any more; the rest of its range was halved.
    if (isOpen && last <= lostThrough) continue;
    const from = isOpen ? lostThrough : 0;
    for (const whole of batchesOf(rows, first, last, from)) {
      if (!stages.includes(whole.stage as ReadingStage)) continue;
      const middle = Math.floor((first + last) / 2);
      const isHalved = first < last && (input.halve[draw++ % 200]! || (isOpen && first <= lostThrough));
      const pieces = isHalved
        ? [...batchesOf(rows, first, middle, from), ...batchesOf(rows, middle + 1, last, from)].filter(
            (half) => half.stage === whole.stage && half.key.slice(0, 23) === whole.key.slice(0, 23),
          )
        : [whole];
      for (const piece of pieces) {
        const how = isOpen ? input.open[draw++ % 200]! : "delivered";
        batches.push({ ...piece, state: how === "stored" ? "planned" : how });
        if (how === "stored") unsettledButStored.push(stored(piece.stage, piece.key));
      }
    }
  }
  const objects = [...objectsOf(batches.filter(({ state }) => state === "delivered")), ...unsettledButStored];
  const foldThrough = ranges[Math.min(input.foldedRanges, ranges.length) - 1]?.last ?? 0;
  const isFolded = (one: PromisedBatch) => one.range!.last <= foldThrough;
  const folded = READING_STAGES.flatMap((stage) => {
    const own = batches.filter((one) => one.stage === stage && isFolded(one));
    if (own.length === 0) return [];
    const planned = own.map((one) => one.range!);
    const range = seqs(Math.min(...planned.map(({ first }) => first)), Math.max(...planned.map(({ last }) => last)));
    return [{ stage, range, rows: own.reduce((sum, one) => sum + one.count, 0), objects: own.length }];
  });
  const windows = input.windows.map(({ revision }, i) => ({ startMs: START + i * 60_000, revision }));
  const windowKeys = windows.flatMap(({ startMs, revision }, i) =>
    Array.from({ length: revision + 1 }, (_, r) => ({
      key: windowKeyOf(startMs, r),
      folded: input.windows[i]!.folded,
    })),
  );
  const windowBatches = windowKeys
    .filter((one) => !one.folded)
    .map(({ key }): PromisedBatch => ({ stage: "aggregated", key, count: 2, range: null, state: "delivered" }));
  const tailOf = (has: (row: PlannedRow) => boolean): SeqRange[] => {
    const tail = rows.flatMap((row, i) => (i + 1 > plannedThrough && has(row) ? [i + 1] : []));
    return tail.length === 0 ? [] : [seqs(tail[0]!, tail.at(-1))];
  };
  const on = (stage: ReadingStage, has: (row: PlannedRow) => boolean) => (stages.includes(stage) ? tailOf(has) : []);
  return {
    rows,
    objects: [...objects, ...windowKeys.map(({ key }) => stored("aggregated", key))],
    promises: {
      epoch: EPOCH,
      nodeId: NODE,
      from: 1,
      accepted: rows.length,
      plannedThrough,
      folded,
      lost,
      windows,
      openWindows: [],
      batches: [...batches.filter((one) => !isFolded(one)), ...windowBatches],
      unplanned: {
        raw: on("raw", () => true),
        validated: on("validated", (row) => row.valid),
        anomalies: on("anomalies", (row) => !row.valid),
        schematized: on("schematized", (row) => row.valid),
      },
    },
  };
}

/** What the plan itself says is not there yet, by stage. */
function waiting(plan: Plan, stage: Stage): SeqRange[] {
  const tail = stage === "aggregated" ? [] : plan.promises.unplanned[stage];
  return subtractRanges([...absent(plan, stage, "planned"), ...tail], plan.promises.lost);
}

/** What the store refused for good. */
const parked = (plan: Plan, stage: Stage) => subtractRanges(absent(plan, stage, "parked"), plan.promises.lost);

function absent({ promises, objects }: Plan, stage: Stage, state: PromisedBatch["state"]): SeqRange[] {
  const there = new Set(objects.filter((object) => object.stage === stage).map((object) => object.key));
  return promises.batches.flatMap((one) =>
    one.stage === stage && one.state === state && one.range !== null && !there.has(one.key) ? [one.range] : [],
  );
}

const RUNS = { numRuns: cases(1_000) };

test("without a fault rows on their way are pending, and nothing is double, or missing but for what the store refused", () => {
  fc.assert(
    fc.property(planArbitrary, (plan) => {
      const audit = reconcile(plan.promises, plan.objects);
      for (const stage of STAGES) {
        expect([stage, audit.stages[stage].missing]).toEqual([stage, parked(plan, stage)]);
        expect([stage, audit.stages[stage].pending]).toEqual([stage, waiting(plan, stage)]);
        expect([stage, audit.stages[stage].duplicate]).toEqual([stage, []]);
      }
      expect(audit.ok).toBe(STAGES.every((stage) => parked(plan, stage).length === 0));
    }),
    RUNS,
  );
});

type Fault = { readonly kind: "gone" | "half" | "recount"; readonly object: StoredObject };

function rangeOf({ of }: StoredObject): SeqRange {
  return of.kind === "window" ? seqs(of.windowStartMs) : seqs(of.first, of.last);
}

/** An object that holds rows of another under a second name. */
function doubleOf({ kind, object }: Fault): StoredObject | null {
  const { of, stage } = object;
  if (of.kind === "window") return stored(stage, windowKey({ ...of, count: of.count + 1 }));
  const last = kind === "half" ? Math.floor((of.first + of.last) / 2) : of.last;
  const count = Math.min(kind === "half" ? of.count : of.count - 1, last - of.first + 1);
  const key = readingKey({ ...of, last, count });
  return count < 1 || key === object.key ? null : stored(stage, key);
}

const faultArbitrary = fc.array(
  fc.record({ kind: fc.constantFrom("gone", "half", "recount"), at: fc.nat() }) as fc.Arbitrary<{
    kind: Fault["kind"];
    at: number;
  }>,
  { minLength: 1, maxLength: 4 },
);

test("every object that is gone or double is named, whatever the plan and however many faults", () => {
  let injected = 0;
  fc.assert(
    fc.property(planArbitrary, faultArbitrary, (plan, wanted) => {
      fc.pre(plan.objects.length > 0);
      const faults = [...new Map(wanted.map(({ kind, at }) => [at % plan.objects.length, kind]))].map(
        ([at, kind]): Fault => ({ kind, object: plan.objects[at]! }),
      );
      const gone = faults.filter(({ kind }) => kind === "gone").map(({ object }) => object);
      const doubles = faults.flatMap((fault) => (fault.kind === "gone" ? [] : (doubleOf(fault) ?? [])));
      const left = plan.objects.filter((object) => !gone.includes(object));
      const audit = reconcile(plan.promises, [...left, ...doubles]);
      for (const object of gone) expectMissing(audit, object, plan);
      for (const object of doubles) expectDuplicate(audit, object);
      injected += gone.length + doubles.length;
      if (plan.promises.folded.length > 0) return;
      // With every batch still known, only the fault is named.
      for (const stage of READING_STAGES) {
        const own = (objects: readonly StoredObject[]) => objects.filter((o) => o.stage === stage).map(rangeOf);
        const [late, lost] = [gone.filter(isOnItsWay(plan)), gone.filter((object) => !isOnItsWay(plan)(object))];
        const pending = subtractRanges([...own(late), ...waiting(plan, stage)], plan.promises.lost);
        const missing = subtractRanges([...own(lost), ...parked(plan, stage)], plan.promises.lost);
        expect([stage, audit.stages[stage].missing]).toEqual([stage, missing]);
        expect([stage, audit.stages[stage].pending]).toEqual([stage, pending]);
        expect([stage, audit.stages[stage].duplicate]).toEqual([stage, mergeRanges(own(doubles))]);
      }
    }),
    RUNS,
  );
  expect(injected).toBeGreaterThan(RUNS.numRuns / 2);
});

/** Its batch is not settled: the agent sends it again. */
const isOnItsWay =
  ({ promises }: Plan) =>
  ({ stage, key }: StoredObject) =>
    promises.batches.some((one) => one.stage === stage && one.key === key && one.state === "planned");

/** Every reading that was in the object (and was not lost) is named as missing, or as pending where it is sent again. */
function expectMissing(audit: Audit, object: StoredObject, plan: Plan): void {
  const { rows, promises } = plan;
  const { of, stage } = object;
  const isLate = isOnItsWay(plan)(object);
  const named = audit.stages[stage][isLate ? "pending" : "missing"];
  if (of.kind === "window") {
    expect(named).toContainEqual(seqs(of.windowStartMs));
    return;
  }
  const belongs: Record<string, (row: PlannedRow) => boolean> = { raw: () => true, anomalies: (row) => !row.valid };
  const held = rows.flatMap((row, i): SeqRange[] => {
    const isInside = i + 1 >= of.first && i + 1 <= of.last && START + row.hour * HOUR === of.hourMs;
    return isInside && (belongs[stage] ?? ((one: PlannedRow) => one.valid))(row) ? [seqs(i + 1)] : [];
  });
  const gone = subtractRanges(held, promises.lost);
  expect([stage, subtractRanges(gone, named)]).toEqual([stage, []]);
  if (gone.length > 0 && !isLate) expect(audit.ok).toBe(false);
}

function expectDuplicate(audit: Audit, object: StoredObject): void {
  const own = rangeOf(object);
  expect(audit.stages[object.stage].duplicate.some((range) => overlaps(range, own))).toBe(true);
  expect(audit.ok).toBe(false);
}
