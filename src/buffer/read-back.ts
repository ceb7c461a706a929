/** Reads readings back from the database, as the blocks that they were committed from. */
import type { Database } from "bun:sqlite";
import { text } from "../core/outside/scalar-shapes.ts";
import { list, type Shape } from "../core/outside/shape.ts";
import { storedJson } from "../core/outside/stored-json.ts";
import {
  type ClockQuality,
  type Finding,
  MALFORMED_REASONS,
  type Malformed,
  type MalformedReason,
  ReadingBlock,
} from "../core/reading.ts";
import { IDENTITY_COLUMNS, LIMITS, type SensorCatalogue } from "../core/sensor.ts";
import { intersect, mergeRanges, type SeqRange, sizeOf } from "../core/seq-range.ts";
import { ANOMALOUS, type CommitFacts, MALFORMED, type StoredBlock, VALID } from "./buffer.ts";
import { CorruptRowError, isCorruption } from "./corruption.ts";
import { META_FORGOTTEN } from "./forget-sensors.ts";
import { FINDINGS } from "./ledger/findings.ts";

export type GroupRow = {
  first_seq: number;
  last_seq: number;
  ingested_at: number;
  rules_version: string;
  time_quality: string;
  agent_version: string;
  /** Undefined in a buffer of an older agent. */
  earliest?: number | null;
  latest?: number | null;
};

/** The commits of [?1, ?2], and perhaps the one before them. */
export const GROUPS_OF_RANGE = `SELECT * FROM commit_group WHERE first_seq BETWEEN
  coalesce((SELECT max(first_seq) FROM commit_group WHERE first_seq <= ?1), ?1) AND ?2 ORDER BY first_seq`;

const anyText = text(/^/, "a text");
const MEASURES = list(anyText, { least: 0, most: LIMITS.measures });
/** The range of `Date`, ms. */
const MAX_TIME = 8.64e15;

/**
 * Fills an empty catalogue with the stored one: each handle means the same again. Throws CorruptRowError where it would not.
 */
export function loadCatalogue(db: Database, catalogue: SensorCatalogue): void {
  type MeasureRow = { slot: number; name: string };
  for (const { slot, name } of db.query<MeasureRow, []>("SELECT slot, name FROM measure ORDER BY slot").all()) {
    expectHandle(catalogue.slotOf(name), slot, "measure");
  }
  const slots = catalogue.measureNames.length;
  const sensors = db.query<(string | number | null)[], []>("SELECT * FROM sensor WHERE handle > 0 ORDER BY handle");
  const free: number[] = [];
  catalogue.timesForgotten = timesForgotten(db);
  for (const row of sensors.values()) {
    const handle = Number(row[0]);
    if (handle > LIMITS.sensors) expectHandle(handle, null, "sensor");
    // Without a sensor that was forgotten, a gap is damage.
    for (let gap = catalogue.sensors.length; gap < handle && catalogue.timesForgotten > 0; gap++) free.push(gap);
    if (free.length > 0) catalogue.skipTo(handle);
    const identity = row.slice(1, 1 + IDENTITY_COLUMNS.length) as (string | number | null)[];
    const measures = parsed(MEASURES, String(row[1 + IDENTITY_COLUMNS.length]), "sensor");
    expectHandle(catalogue.internSensor(identity, measures), row[0], "sensor");
  }
  expectHandle(catalogue.measureNames.length, slots, "sensor");
  catalogue.reuse(free);
  type LabelRow = [
    handle: number,
    code: number | null,
    flag: number | null,
    type: string | null,
    arrival?: number | null,
  ];
  const labels = db.query<LabelRow, []>("SELECT * FROM label ORDER BY handle").values() as LabelRow[];
  for (const [handle, statusCode, flag, anomalyType, arrival] of labels) {
    const said = { statusCode, anomalyFlag: flag === null ? null : flag === 0 ? 0 : 1, anomalyType } as const;
    expectHandle(catalogue.internLabel(arrival === 1 ? { ...said, isArrival: true } : said), handle, "label");
  }
}

/** How often the buffer forgot sensors: handles may be another sensor's since. */
export function timesForgotten(db: Database): number {
  const found = db.query<{ value: string }, [string]>("SELECT value FROM meta WHERE key = ?").get(META_FORGOTTEN);
  return Number(found?.value ?? "0");
}

function expectHandle(found: number, stored: unknown, what: string): void {
  if (found !== stored) throw new CorruptRowError(`Cannot read a ${what}: no commit can have written this row`);
}

function parsed<T>(shape: Shape<T>, stored: string, what: string): T {
  const value = storedJson(shape, stored);
  if (value === null) throw new CorruptRowError(`Cannot read a ${what}: no commit can have written this row`);
  return value;
}

/** A row of the table `reading`. */
type StoredRow = readonly [
  seq: number,
  sensor: number,
  time: number,
  label: number,
  verdict: number,
  ...measures: (number | null)[],
];
const FIRST_MEASURE = 5;

export class BlockReader {
  readonly #db: Database;
  readonly #catalogue: SensorCatalogue;
  readonly #unreadable: Finding | null;
  /** Readings whose fields beside the profile could not be read, where that is no error. */
  withoutExtra: readonly SeqRange[] = [];

  /** `unreadable` replaces the findings of an anomalous reading where they are missing; null: that is corruption. */
  constructor(db: Database, catalogue: SensorCatalogue, unreadable: Finding | null = null) {
    this.#db = db;
    this.#catalogue = catalogue;
    this.#unreadable = unreadable;
  }

  /** The readings of a range that exist, cut where a seq is missing, so that row `i` always has seq `firstSeq + i`. */
  read(range: SeqRange): StoredBlock[] {
    const groups = this.#db.query<GroupRow, [number, number]>(GROUPS_OF_RANGE).all(range.first, range.last);
    return groups.flatMap((group) => {
      const own = intersect(range, { first: group.first_seq, last: group.last_seq });
      return sizeOf(own) === 0 ? [] : this.readGroup(own, factsOf(group));
    });
  }

  /** The same for readings of one commit. */
  readGroup({ first, last }: SeqRange, facts: CommitFacts): StoredBlock[] {
    // The stored columns, not the catalogue's: a slot may have been interned whose commit has not happened yet.
    const rows = this.#db
      .query<(number | null)[], [number, number]>("SELECT * FROM reading WHERE seq BETWEEN ? AND ? ORDER BY seq")
      .values(first, last) as (number | null)[][];
    const runs: StoredRow[][] = [];
    let next = Number.NaN;
    for (const row of rows) {
      const least = Number.isNaN(next) ? first : next;
      if (!this.#isOurs(row, least, last)) {
        throw new CorruptRowError(`Cannot read reading ${row[0]}: no commit can have written this row`);
      }
      const run = row[0] === next ? runs.at(-1) : undefined;
      if (run === undefined) runs.push([row]);
      else run.push(row);
      next = row[0] + 1;
    }
    return runs.map((run) => {
      const firstSeq = run[0]?.[0] ?? first;
      return { firstSeq, block: this.#fill(run, firstSeq), facts };
    });
  }

  /** A damaged page can read without an error; a handle from it would lead nowhere, or to another sensor. */
  #isOurs(row: readonly (number | null)[], least: number, last: number): row is StoredRow {
    const [seq, sensor, time, label, verdict] = row;
    const { sensors, labels } = this.#catalogue;
    return (
      areNumbers(row) &&
      isWithin(seq, least, last) &&
      isWithin(sensor, 0, sensors.length - 1) &&
      !(this.#catalogue.hasFree && this.#catalogue.isFree(sensor!)) &&
      isWithin(time, -MAX_TIME, MAX_TIME) &&
      isWithin(label, -1, labels.length - 1) &&
      isWithin(verdict, 0, MALFORMED) &&
      (label === -1) === (verdict === MALFORMED)
    );
  }

  #fill(rows: readonly StoredRow[], firstSeq: number): ReadingBlock {
    const block = new ReadingBlock(rows.length);
    const slots = (rows[0]?.length ?? FIRST_MEASURE) - FIRST_MEASURE;
    const columns = Array.from({ length: slots }, (_, slot) => block.column(slot));
    let sides = false;
    for (const row of rows) {
      const at = block.add(row[1], row[2], row[3]);
      for (let slot = 0, column = columns[0]; column !== undefined; column = columns[++slot]) {
        column[at] = row[FIRST_MEASURE + slot] ?? Number.NaN;
      }
      if (row[4] !== VALID) sides = true;
    }
    if (sides) this.#beside(() => this.#fillVerdicts(block, firstSeq));
    this.#checkVerdicts(rows, block, firstSeq);
    const range = { first: firstSeq, last: firstSeq + block.count - 1 };
    const hasExtra = this.#beside(() => this.#fillExtra(block, range));
    if (!hasExtra) this.withoutExtra = mergeRanges([...this.withoutExtra, range]);
    return block;
  }

  /** Reads the tables beside the readings. Where their rows may be missing, corruption is not an error, but false. */
  #beside(read: () => void): boolean {
    try {
      read();
      return true;
    } catch (error) {
      if (this.#unreadable === null || !isCorruption(error)) throw error;
      return false;
    }
  }

  #checkVerdicts(rows: readonly StoredRow[], block: ReadingBlock, firstSeq: number): void {
    let anomalous = 0;
    let malformed = 0;
    for (const [at, [, , , , verdict]] of rows.entries()) {
      if (verdict === MALFORMED) malformed++;
      if (verdict !== ANOMALOUS) continue;
      anomalous++;
      if (this.#unreadable !== null && !block.findings.has(at)) block.findings.set(at, [this.#unreadable]);
    }
    if (block.findings.size === anomalous && block.malformed.size === malformed) return;
    throw new CorruptRowError(
      `Cannot read readings from ${firstSeq} on: findings or malformed lines of them are missing`,
    );
  }

  #fillExtra(block: ReadingBlock, { first, last }: SeqRange): void {
    type ExtraRow = { seq: number; fields: string };
    const extras = this.#db.query<ExtraRow, [number, number]>("SELECT * FROM extra WHERE seq BETWEEN ? AND ?");
    for (const { seq, fields } of extras.all(first, last)) block.extra.set(seq - first, fields);
  }

  #fillVerdicts(block: ReadingBlock, firstSeq: number): void {
    const lastSeq = firstSeq + block.count - 1;
    type FindingRow = { seq: number; findings: string };
    const findings = this.#db.query<FindingRow, [number, number]>("SELECT * FROM finding WHERE seq BETWEEN ? AND ?");
    for (const row of findings.all(firstSeq, lastSeq)) {
      block.findings.set(row.seq - firstSeq, parsed(FINDINGS, row.findings, "verdict"));
    }
    type MalformedRow = {
      seq: number;
      reason: string;
      detail: string;
      received: string;
      encoding: string;
      bytes: number;
    };
    const malformed = this.#db.query<MalformedRow, [number, number]>(
      "SELECT * FROM malformed WHERE seq BETWEEN ? AND ?",
    );
    for (const row of malformed.all(firstSeq, lastSeq)) block.malformed.set(row.seq - firstSeq, asMalformed(row));
  }
}

export function lastCommitted(db: Database): number {
  return db.query<{ seq: number | null }, []>("SELECT max(last_seq) AS seq FROM commit_group").get()?.seq ?? 0;
}

export function factsOf(group: GroupRow): CommitFacts {
  return {
    ingestedAtMs: group.ingested_at,
    rulesVersion: group.rules_version,
    timeQuality: group.time_quality as ClockQuality,
    ...(typeof group.earliest === "number" && { earliestMs: group.earliest }),
    ...(typeof group.latest === "number" && { latestMs: group.latest }),
    agentVersion: group.agent_version,
  };
}

function areNumbers(row: readonly unknown[]): boolean {
  for (let i = 0; i < row.length; i++) if (row[i] !== null && typeof row[i] !== "number") return false;
  return true;
}

function isWithin(value: number | null | undefined, least: number, most: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;
}

function asMalformed(row: {
  reason: string;
  detail: string;
  received: string;
  encoding: string;
  bytes: number;
}): Malformed {
  const reason = MALFORMED_REASONS.find((known) => known === row.reason) ?? ("not_an_object" satisfies MalformedReason);
  const encoding = row.encoding === "base64" ? "base64" : "utf8";
  return { reason, detail: row.detail, received: row.received, encoding, bytes: row.bytes };
}
