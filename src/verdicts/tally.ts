/**
 * The counts of a backtest for each rule: the readings that would break it and those that did, where and when, and a few
 * examples that differ.
 */

import type { StoredBlock } from "../buffer/buffer.ts";
import type { Finding, ReadingBlock } from "../core/reading.ts";
import { IDENTITY_COLUMNS, NO_SENSOR, type SensorCatalogue } from "../core/sensor.ts";
import { hourOf } from "../core/time/duration.ts";
import { type Caught, type TruthRow, truthRows } from "./truth.ts";

export type Counts = { would: number; did: number };

/** A reading whose two verdicts differ in a rule: the reason of the one that has it, null for the other. */
export type Difference = {
  readonly seq: number;
  readonly timeMs: number;
  readonly sensorId: string;
  readonly would: string | null;
  readonly did: string | null;
};

export type RuleTally = Counts & {
  both: number;
  readonly bySensor: Map<string, Counts>;
  /** By hour of event time, as `2026-11-23T08:00Z`. */
  readonly byHour: Map<string, Counts>;
  readonly onlyWould: Difference[];
  readonly onlyDid: Difference[];
};

export type TruthTables = {
  readonly all: readonly TruthRow[];
  readonly withoutLabelRules: readonly TruthRow[];
  readonly labelRules: readonly string[];
};

/** Examples of each direction and rule: the newest, which stay in the buffer for longest. */
const EXAMPLES = 3;
/** This many sensors (and hours) are counted one by one, over all rules; all others are counted together. */
export const CELLS = 10_000;
export const OTHERS = "(others)";

type TruthCounts = { readings: number; caught: number; caughtAlone: number };
const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");

export class BacktestTally {
  readings = 0;
  malformed = 0;
  /** Readings that would be, were, would newly be, and would no longer be anomalies. */
  readonly anomalous = { would: 0, did: 0, onlyWould: 0, onlyDid: 0 };
  readonly rules = new Map<string, RuleTally>();
  readonly judgedBy = new Map<string, number>();
  readonly #catalogue: SensorCatalogue;
  readonly #labelRules: ReadonlySet<string>;
  readonly #truth = new Map<string | null, TruthCounts>();
  readonly #cells = { bySensor: 0, byHour: 0 };

  constructor(catalogue: SensorCatalogue, ruleNames: readonly string[], labelRules: readonly string[]) {
    this.#catalogue = catalogue;
    this.#labelRules = new Set(labelRules);
    for (const name of ruleNames) this.#rule(name);
  }

  /** `did`: the findings as they were stored; those of the block itself are the candidate's. */
  add(stored: StoredBlock, did: ReadonlyMap<number, readonly Finding[]>): void {
    const { block, facts } = stored;
    const judged = block.count - block.malformed.size;
    this.readings += judged;
    this.malformed += block.malformed.size;
    this.judgedBy.set(facts.rulesVersion, (this.judgedBy.get(facts.rulesVersion) ?? 0) + judged);
    for (const label of block.label.subarray(0, block.count)) if (label >= 0) this.#truthOf(label).readings++;
    for (const [row, would] of block.findings) {
      this.#compare(stored, row, would, did.get(row) ?? []);
      const truth = this.#truthOf(block.label[row]);
      truth.caught++;
      if (would.some(({ rule }) => !this.#labelRules.has(rule))) truth.caughtAlone++;
    }
    for (const [row, broken] of did) if (!block.findings.has(row)) this.#compare(stored, row, [], broken);
  }

  /** Null where no reading carries a ground truth. */
  truth(): TruthTables | null {
    const types = [...this.#truth].filter((entry): entry is [string, TruthCounts] => entry[0] !== null);
    if (types.length === 0) return null;
    const healthy = this.#truth.get(null) ?? { readings: 0, caught: 0, caughtAlone: 0 };
    const alone = ({ readings, caughtAlone }: TruthCounts): Caught => ({ readings, caught: caughtAlone });
    return {
      all: truthRows(new Map(types), healthy),
      withoutLabelRules: truthRows(new Map(types.map(([type, counts]) => [type, alone(counts)])), alone(healthy)),
      labelRules: [...this.#labelRules],
    };
  }

  #compare(stored: StoredBlock, row: number, would: readonly Finding[], did: readonly Finding[]): void {
    const { anomalous } = this;
    if (would.length > 0) anomalous.would++;
    if (did.length > 0) anomalous.did++;
    if (did.length === 0) anomalous.onlyWould++;
    if (would.length === 0) anomalous.onlyDid++;
    for (const { rule, reason } of would) {
      const tally = this.#rule(rule);
      this.#count(tally, "would", stored, row);
      if (did.some((finding) => finding.rule === rule)) tally.both++;
      else this.#remember(tally.onlyWould, stored, row, { would: reason, did: null });
    }
    for (const { rule, reason } of did) {
      const tally = this.#rule(rule);
      this.#count(tally, "did", stored, row);
      if (!would.some((finding) => finding.rule === rule)) {
        this.#remember(tally.onlyDid, stored, row, { would: null, did: reason });
      }
    }
  }

  #count(tally: RuleTally, what: keyof Counts, { block }: StoredBlock, row: number): void {
    tally[what]++;
    this.#cell(tally, "bySensor", this.#sensorId(block.sensor[row]))[what]++;
    this.#cell(tally, "byHour", hourText(timeAt(block, row)))[what]++;
  }

  #cell(tally: RuleTally, by: "bySensor" | "byHour", key: string): Counts {
    const known = tally[by].get(key);
    if (known !== undefined) return known;
    const isFull = this.#cells[by] >= CELLS;
    const shared = isFull ? tally[by].get(OTHERS) : undefined;
    if (shared !== undefined) return shared;
    const made = { would: 0, did: 0 };
    tally[by].set(isFull ? OTHERS : key, made);
    this.#cells[by]++;
    return made;
  }

  #remember(list: Difference[], stored: StoredBlock, row: number, reasons: Pick<Difference, "would" | "did">): void {
    const { block, firstSeq } = stored;
    const sensorId = this.#sensorId(block.sensor[row]);
    list.push({ seq: firstSeq + row, timeMs: timeAt(block, row), sensorId, ...reasons });
    // Within a block they come by rule, not by seq.
    list.sort((a, b) => a.seq - b.seq);
    if (list.length > EXAMPLES) list.shift();
  }

  #rule(name: string): RuleTally {
    const known = this.rules.get(name);
    if (known !== undefined) return known;
    const made = { would: 0, did: 0, both: 0, bySensor: new Map(), byHour: new Map(), onlyWould: [], onlyDid: [] };
    this.rules.set(name, made);
    return made;
  }

  #truthOf(label: number | undefined): TruthCounts {
    const type = this.#catalogue.labels[label ?? -1]?.anomalyType ?? null;
    const known = this.#truth.get(type);
    if (known !== undefined) return known;
    const made = { readings: 0, caught: 0, caughtAlone: 0 };
    this.#truth.set(type, made);
    return made;
  }

  #sensorId(handle = NO_SENSOR): string {
    return String(this.#catalogue.sensors[handle]?.identity[SENSOR_ID] ?? "-");
  }
}

function timeAt({ time }: ReadingBlock, row: number): number {
  return time[row] ?? Number.NaN;
}

function hourText(timeMs: number): string {
  return `${new Date(hourOf(timeMs)).toISOString().slice(0, 16)}Z`;
}
