/**
 * Every kind with a memory must find the same as a plain implementation that sees the whole stream at once, however the
 * stream is cut into blocks, judged again after a failed commit, and continued over restarts.
 */
import { expect } from "bun:test";
import fc from "fast-check";
import { type Finding, ReadingBlock } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, SensorCatalogue } from "../../core/sensor.ts";
import { cases } from "../../testing/needs.ts";
import { loadRuleTexts } from "../files/load.ts";
import { formatProblem, type RuleSet } from "../rule-set.ts";
import { SET_BACK_AFTER } from "./event-time.ts";

export const MINUTE = 60_000;
export const START = Date.UTC(2026, 0, 1);

export type Sample = {
  readonly sensor: string;
  readonly time: number;
  /** Of the measure `m`; null: absent. */
  readonly value: number | null;
  readonly fields?: Readonly<Record<string, string>>;
};

export function setOf(rules: object | readonly object[], catalogue: SensorCatalogue): RuleSet {
  const loaded = loadRuleTexts([{ name: "rules.json", text: JSON.stringify(rules) }], catalogue);
  if ("refused" in loaded) throw new Error(loaded.refused.map(formatProblem).join("\n"));
  return loaded.ok;
}

export function addSample(block: ReadingBlock, catalogue: SensorCatalogue, sample: Sample): void {
  const of: Readonly<Record<string, string>> = { ...sample.fields, sensor_id: sample.sensor };
  const label = catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
  const sensor = catalogue.internSensor(
    IDENTITY_COLUMNS.map((column) => of[column] ?? null),
    ["m"],
  );
  const row = block.add(sensor, sample.time, label);
  block.column(catalogue.slotOf("m"))[row] = sample.value ?? Number.NaN;
}

/** The first finding of each sample, all in one block that is kept. */
export function findingsOf(rule: object, samples: readonly Sample[]): readonly (Finding | null)[] {
  const catalogue = new SensorCatalogue();
  const set = setOf({ name: "r", ...rule }, catalogue);
  const block = new ReadingBlock(Math.max(1, samples.length));
  for (const sample of samples) addSample(block, catalogue, sample);
  set.judge(block);
  return samples.map((_, row) => block.findings.get(row)?.[0] ?? null);
}

/** One sensor's values a minute apart; which of them break the rule. */
export function broken(rule: object, values: readonly (number | null)[], everyMs = MINUTE): readonly boolean[] {
  const samples = values.map((value, i) => ({ sensor: "a", time: START + i * everyMs, value }));
  return findingsOf(rule, samples).map((finding) => finding !== null);
}

/** The clock of event-time.ts, written plainly. */
export class NaiveClock {
  last: number | null = null;
  /** While readings of an earlier time count: the newest time before them. */
  peak: number | null = null;
  #late: number[] = [];

  step(time: number): NaiveStep {
    const { last, peak } = this;
    if (last === null || time > last) {
      this.last = time;
      this.#late = [];
      if (last === null) return "first";
      if (peak === null) return "later";
      if (time <= peak) return "catches up";
      this.peak = null;
      return "passes";
    }
    const rising = time > (this.#late.at(-1) ?? Number.POSITIVE_INFINITY);
    this.#late = rising ? [...this.#late, time] : [time];
    if (this.#late.length < SET_BACK_AFTER) return "late";
    this.last = time;
    this.#late = [];
    if (peak !== null) return "set back again";
    this.peak = last;
    return "set back";
  }
}

type NaiveStep = "first" | "later" | "late" | "set back" | "set back again" | "catches up" | "passes";

/** The clock of a sensor with what a rule remembers of it, set aside while a backlog comes. */
export class NaiveMemory<T extends object> {
  readonly clock = new NaiveClock();
  readonly #begin: (before: T | null) => T;
  #aside: { readonly last: number | null; readonly content: T } | null = null;
  /** The times since the last step back. */
  #earlier: number[] = [];
  content: T;
  /** The time of the last reading that the content knows. */
  last: number | null = null;

  /** `begin`: the content at the first reading, or after the one before was set aside. */
  constructor(begin: (before: T | null) => T) {
    this.#begin = begin;
    this.content = begin(null);
  }

  /** Null: the reading is late. */
  step(time: number): T | null {
    const last = this.clock.last;
    const step = this.clock.step(time);
    if (step === "late") return null;
    this.last = last;
    if (step === "set back") this.#aside = { last, content: structuredClone(this.content) };
    if (step.startsWith("set back")) {
      this.last = null;
      this.#earlier = [];
      this.content = this.#begin(this.content);
    }
    if (step === "passes") {
      const steps = this.#earlier.slice(1).map((one, i) => one - this.#earlier[i]!);
      const usual = steps.reduce((longest, one) => Math.max(one, longest / 4), 0);
      if (time - last! > 3 * usual) ({ content: this.content, last: this.last } = this.#aside!);
    }
    this.#earlier.push(time);
    return this.content;
  }
}

/** Says whether each reading breaks the rule. One for each stream, called in its order. */
export type Naive = () => (sample: Sample) => boolean;

/** One memory for each sensor, made when the sensor is first seen. */
export function perSensor<T>(make: () => T): (sample: Sample) => T {
  const all = new Map<string, T>();
  return ({ sensor }) => {
    const known = all.get(sensor);
    if (known !== undefined) return known;
    const made = make();
    all.set(sensor, made);
    return made;
  };
}

type Cut = "none" | "keep" | "fail" | "restart";
type Event = {
  readonly sensor: number;
  readonly stepMs: number;
  readonly clock: number | null;
  readonly lateMs: number;
  readonly value: number | null;
  readonly site: string;
  readonly cut: Cut;
};

const common = <T>(usual: T, ...rare: T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...rare) });

function someEvents(values: fc.Arbitrary<number>, length: number): fc.Arbitrary<Event[]> {
  return fc.array(
    fc.record<Event>({
      sensor: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) }),
      stepMs: fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom(20_000, MINUTE, 61_000) },
        { weight: 1, arbitrary: fc.constantFrom(0, 1, 7 * MINUTE, 40 * MINUTE) },
      ),
      // From here on the clocks are wrong by this much; null: as before.
      clock: common<number | null>(null, 0, 0, 86_400_000, -3_600_000),
      lateMs: common(0, 30_000, 3 * MINUTE, 20 * MINUTE),
      value: fc.oneof({ weight: 9, arbitrary: values }, { weight: 1, arbitrary: fc.constant(null) }),
      site: fc.constantFrom("north", "north", "north", "south"),
      cut: fc.constantFrom<Cut>("none", "none", "none", "none", "keep", "fail", "restart"),
    }),
    { maxLength: length, size: "max" },
  );
}

function samplesOf(events: readonly Event[]): readonly Sample[] {
  let now = START;
  let clock = 0;
  return events.map((event) => {
    now += event.stepMs;
    clock = event.clock ?? clock;
    // The same sensor is seen under two identities: another site is another handle, but the same subject.
    const fields = { location: event.site };
    return { sensor: `s${event.sensor}`, time: now + clock - event.lateMs, value: event.value, fields };
  });
}

/** The verdicts of the real judge, for the samples in blocks that are cut where the events say. */
function judged(rule: object, samples: readonly Sample[], cuts: readonly Cut[]): readonly boolean[] {
  let catalogue = new SensorCatalogue();
  let set = setOf(rule, catalogue);
  let block = new ReadingBlock(samples.length + 1);
  let first = 0;
  const all: boolean[] = [];
  samples.forEach((sample, i) => {
    addSample(block, catalogue, sample);
    const cut = i === samples.length - 1 ? "keep" : cuts[i];
    if (cut === "none") return;
    set.judge(block);
    const found = JSON.stringify([...block.findings]);
    if (cut === "fail") {
      // The commit failed: the block is judged again as it was, or with the samples that came meanwhile.
      if (i % 2 === 0) return;
      set.judge(block);
      expect(JSON.stringify([...block.findings])).toBe(found);
    }
    for (let row = 0; row < block.count; row++) all[first + row] = block.findings.has(row);
    first = i + 1;
    set.keep();
    block.clear();
    if (cut !== "restart") return;
    const saved = set.saveState();
    catalogue = new SensorCatalogue();
    catalogue.slotOf("something else");
    block = new ReadingBlock(samples.length + 1);
    set = setOf(rule, catalogue);
    expect(set.loadState(saved)).toEqual([]);
  });
  return all;
}

export type Options = {
  readonly values?: fc.Arbitrary<number>;
  readonly length?: number;
  readonly runs?: number;
};

export function agreesWithNaive(rule: object, naive: Naive, options: Options = {}): void {
  const values = options.values ?? fc.constantFrom(0, 0, 0.5, 1, 2, 9);
  let seen = 0;
  fc.assert(
    fc.property(someEvents(values, options.length ?? 80), (events) => {
      const samples = samplesOf(events);
      const says = naive();
      const expected = samples.map((sample) => says(sample));
      seen += expected.filter((one) => one).length;
      const cuts = events.map((event) => event.cut);
      expect(judged({ name: "r", ...rule }, samples, cuts)).toEqual(expected);
    }),
    { numRuns: cases(options.runs ?? 150, 60) },
  );
  // A comparison of nothing with nothing proves nothing.
  expect(seen).toBeGreaterThan(0);
}

type Backlog = {
  readonly after: number;
  readonly stepMs: number;
  readonly values: readonly number[];
  readonly behindMs: number;
};

/** Readings of an earlier time, ten and more in a row, that end well before the newest one. */
function someBacklog(values: fc.Arbitrary<number>): fc.Arbitrary<Backlog> {
  return fc.record({
    after: fc.nat(40),
    stepMs: fc.constantFrom(1_000, 20_000, MINUTE),
    values: fc.array(values, { minLength: SET_BACK_AFTER, maxLength: 3 * SET_BACK_AFTER, size: "max" }),
    behindMs: fc.constantFrom(10 * MINUTE, 45 * MINUTE, 111 * MINUTE, 3 * 1_440 * MINUTE),
  });
}

/** The findings of a stream that comes in order are the same, to the letter, when backlogs of its sensors come in between. */
export function backlogChangesNothing(rule: object, values: fc.Arbitrary<number | null>): void {
  const present = values.map((value) => value ?? 0);
  const live = fc.array(fc.record({ stepMs: fc.constantFrom(20_000, MINUTE, 4 * MINUTE, 7 * MINUTE), value: values }), {
    minLength: 2,
    maxLength: 60,
    size: "max",
  });
  let found = 0;
  fc.assert(
    fc.property(live, fc.array(someBacklog(present), { minLength: 1, maxLength: 3 }), (steps, backlogs) => {
      const samples: Sample[] = [];
      const mixed: Sample[] = [];
      const isLive: boolean[] = [];
      let time = START;
      for (const [i, { stepMs, value }] of steps.entries()) {
        time += stepMs;
        // Three sensors take turns, so that each has neighbours; a backlog is of the one that came last.
        const sensor = `s${i % 3}`;
        const sample = { sensor, time, value, fields: { location: "hall" } };
        samples.push(sample);
        mixed.push(sample);
        isLive.push(true);
        if (value === null) continue;
        for (const { behindMs, stepMs: apartMs, values: old } of backlogs.filter(({ after }) => after === i)) {
          const end = time - behindMs;
          old.forEach((value, n) => {
            mixed.push({ ...sample, time: end - (old.length - n) * apartMs, value });
            isLive.push(false);
          });
        }
      }
      const expected = findingsOf(rule, samples);
      found += expected.filter((finding) => finding !== null).length;
      expect(findingsOf(rule, mixed).filter((_, i) => isLive[i])).toEqual([...expected]);
    }),
    { numRuns: cases(200, 40) },
  );
  expect(found).toBeGreaterThan(0);
}
