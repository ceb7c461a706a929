/**
 * `verify --databricks`: compares the objects that the buckets list with the rows that the tables hold. First by sums of each hour
 * of event time; the objects of an hour only where its sums differ. In memory are the sums, and the objects of a few hours.
 */

import { AgentError } from "../../core/errors.ts";
import { grouped } from "../../core/readable-numbers.ts";
import { STAGES, type Stage } from "../../core/stage.ts";
import type { SqlRunner } from "../../databricks/sql.ts";
import type { Pace } from "../../databricks/wire.ts";
import type { JobIngest } from "../../lakehouse/ingest.ts";
import type { LakeNames } from "../../lakehouse/names.ts";
import { listObjects } from "../../uplink/list-objects.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";
import { compareHours, KINDS, type Kind, type TableFinding } from "./compare.ts";
import { type HeldSums, NAMED_MOST, quarantinedObjects, StageTable, type TableSums } from "./sql.ts";
import { hourOfKey, NO_SUMS, type OwnObject, plus, type Sums, wantedObjects } from "./sums.ts";

/** Hours of a stage that are examined; of further hours that differ only the names are reported. */
const HOURS_MOST = 500;
/** Hours and objects (by the sums) of one statement. */
const HOURS_AT_ONCE = 24;
const OBJECTS_AT_ONCE = 20_000;
/** An hour with more objects is reported, and not examined. */
const OBJECTS_IN_HOUR = 50_000;
/** The clocks of a store and of a workspace may differ. */
const CLOCKS_MS = 60_000;
/** Where only the table shows when it was loaded: a load lists first and writes later. */
const LOAD_MS = 15 * 60_000;

export type TablesOptions = {
  readonly store: ObjectStore;
  readonly sql: Pick<SqlRunner, "run">;
  readonly pace: Pace;
  readonly names: LakeNames;
  /** Null: this login sees no job. */
  readonly ingest: JobIngest | null;
};

export type NodeStage = {
  bucket: Sums;
  table: Pick<Sums, "objects" | "rows">;
  readonly counts: Record<Kind, number>;
};

export type StageTables = {
  readonly stage: Stage;
  readonly nodes: ReadonlyMap<string, NodeStage>;
  /** At most NAMED_MOST; the counts are whole. */
  readonly findings: readonly TableFinding[];
  readonly unnamed: number;
  /** An object that is not in the table and was stored after this only waits; null: the table was never loaded. */
  readonly loadedMs: number | null;
  /** Rows of hours before the first that the bucket lists. */
  readonly cleaned: { readonly objects: number; readonly rows: number };
  /** Objects of the bucket whose names are not the agent's, and the first of them: nothing reads them. */
  readonly foreign: { readonly objects: number; readonly named: readonly string[] };
  /** Rows from objects whose names are not the agent's. */
  readonly foreignRows: number;
  /** The bucket lists nothing, and the table holds rows: its objects were deleted, or it is another store. */
  readonly isBucketEmpty: boolean;
  /** Hours that differ and were not examined. */
  readonly unexamined: readonly string[];
};

export type TablesVerification = {
  readonly ok: boolean;
  readonly names: LakeNames;
  readonly ingest: JobIngest | null;
  readonly stages: readonly StageTables[];
};

/** Nothing differs. */
export function isClean({ counts }: NodeStage): boolean {
  return KINDS.every((kind) => counts[kind] === 0);
}

export async function verifyTables(options: TablesOptions): Promise<TablesVerification> {
  const { sql, pace, names, ingest } = options;
  const quarantined = await quarantinedObjects(sql, pace, names);
  const stages: StageTables[] = [];
  for (const stage of STAGES) stages.push(await new StageComparison(options, stage, quarantined).run());
  return { ok: stages.every(isWell), names, ingest, stages };
}

function isWell({ nodes, isBucketEmpty, unexamined }: StageTables): boolean {
  return !isBucketEmpty && unexamined.length === 0 && [...nodes.values()].every(isClean);
}

type Differing = { readonly hour: string; readonly objects: number; readonly held: HeldSums | undefined };

class StageComparison {
  readonly #options: TablesOptions;
  readonly #stage: Stage;
  readonly #table: StageTable;
  readonly #quarantined: ReadonlyMap<string, string>;
  readonly #nodes = new Map<string, NodeStage>();
  readonly #findings: TableFinding[] = [];
  #unnamed = 0;
  #foreign = 0;
  readonly #foreignNamed: string[] = [];

  constructor(options: TablesOptions, stage: Stage, quarantined: ReadonlyMap<string, string>) {
    this.#options = options;
    this.#stage = stage;
    this.#table = new StageTable(options.sql, options.pace, options.names, stage);
    this.#quarantined = quarantined;
  }

  async run(): Promise<StageTables> {
    // The table before the bucket: an object that is stored in between is listed and younger than the load, so it waits.
    const sums = await this.#table.sums();
    const loadedMs = loadedThrough(this.#options.ingest, sums.newestMs);
    for (const [node, { objects, rows }] of sums.nodes) {
      if (node !== "") this.#node(node).table = { objects, rows };
    }
    const { firstHour, differing } = await this.#differing(sums);
    const examined: Differing[] = [];
    const unexamined: string[] = [];
    for (const one of differing) {
      const isTooMuch = one.objects > OBJECTS_IN_HOUR || examined.length >= HOURS_MOST;
      if (isTooMuch) unexamined.push(one.hour);
      else examined.push(one);
    }
    for (const hours of batches(examined)) await this.#lookInto(hours, firstHour ?? "~", loadedMs);
    const before = [...sums.hours].filter(([hour]) => hour !== "" && (firstHour === null || hour < firstHour));
    return {
      nodes: new Map([...this.#nodes].sort(([a], [b]) => (a < b ? -1 : 1))),
      stage: this.#stage,
      findings: this.#findings,
      unnamed: this.#unnamed,
      loadedMs,
      cleaned: {
        objects: before.reduce((sum, [, { objects }]) => sum + objects, 0),
        rows: before.reduce((sum, [, { rows }]) => sum + rows, 0),
      },
      foreign: { objects: this.#foreign, named: this.#foreignNamed },
      foreignRows: sums.hours.get("")?.rows ?? 0,
      isBucketEmpty: firstHour === null && before.length > 0,
      unexamined,
    };
  }

  /** The hours whose sums are not those of the bucket, in order. */
  async #differing({ hours }: TableSums): Promise<{ firstHour: string | null; differing: Differing[] }> {
    const differing: Differing[] = [];
    const left = new Map([...hours].filter(([hour]) => hour !== ""));
    let firstHour: string | null = null;
    const end = (hour: string, listed: Sums) => {
      const held = left.get(hour);
      left.delete(hour);
      if (!isSame(listed, held)) differing.push({ hour, objects: Math.max(listed.objects, held?.objects ?? 0), held });
    };
    let [hour, listed] = ["", NO_SUMS];
    for await (const object of wantedObjects(this.#stage, this.#listed("", new Set()))) {
      const own = hourOfKey(object.key);
      if (own !== hour && hour !== "") end(hour, listed);
      if (own !== hour) [hour, listed] = [own, NO_SUMS];
      firstHour ??= own;
      listed = plus(listed, object);
      const node = this.#node(object.of.node);
      node.bucket = plus(node.bucket, object);
    }
    if (hour !== "") end(hour, listed);
    for (const [only, held] of left) {
      const isCleaned = firstHour === null || only < firstHour;
      if (!(isCleaned && isEven(held))) differing.push({ hour: only, objects: held.objects, held });
    }
    return { firstHour, differing: differing.sort((a, b) => (a.hour < b.hour ? -1 : 1)) };
  }

  async #lookInto(hours: readonly Differing[], firstHour: string, loadedMs: number | null): Promise<void> {
    const foreign = new Set<string>();
    const wanted = new Map<string, OwnObject>();
    for (const { hour } of hours) {
      for await (const object of wantedObjects(this.#stage, this.#listed(`${hour}/`, foreign))) {
        wanted.set(object.key, object);
      }
    }
    const inTable = hours.filter(({ held }) => held !== undefined).map(({ hour }) => hour);
    const double = hours.filter(({ held }) => (held?.spare ?? 0) > 0).map(({ hour }) => hour);
    const held = inTable.length === 0 ? [] : await this.#table.objects(inTable);
    const twice = double.length === 0 ? [] : await this.#table.twice(double);
    const compared = { wanted, held, twice, foreign, quarantined: this.#quarantined, loadedMs, firstHour };
    for (const finding of compareHours({ stage: this.#stage, ...compared })) {
      this.#node(finding.node).counts[finding.kind]++;
      if (this.#findings.length < NAMED_MOST) this.#findings.push(finding);
      else this.#unnamed++;
    }
  }

  /** The agent's objects whose key begins with a prefix; other names are added to `foreign`. */
  async *#listed(prefix: string, foreign: Set<string>): AsyncIterable<OwnObject> {
    const { store, pace } = this.#options;
    const seen = (n: number) => pace.tell(`${this.#stage}: ${grouped(n)} objects listed`);
    const options = { stop: pace.stop, seen, prefix };
    for await (const { key, of, storedMs } of listObjects(store, [this.#stage], options)) {
      if (of !== null) yield { key, of, storedMs };
      else if (prefix !== "") foreign.add(key);
      else {
        this.#foreign++;
        if (this.#foreignNamed.length < FOREIGN_NAMED) this.#foreignNamed.push(key);
      }
    }
  }

  #node(name: string): NodeStage {
    let node = this.#nodes.get(name);
    if (node === undefined) {
      if (this.#nodes.size >= NODES_MOST) {
        throw new AgentError(`Cannot verify more than ${grouped(NODES_MOST)} nodes at once`);
      }
      node = { bucket: NO_SUMS, table: NO_SUMS, counts: noCounts() };
      this.#nodes.set(name, node);
    }
    return node;
  }
}

const NODES_MOST = 20_000;
/** Of the objects that are not the agent's. */
const FOREIGN_NAMED = 5;

function noCounts(): Record<Kind, number> {
  return { lost: 0, waiting: 0, quarantined: 0, older: 0, short: 0, surplus: 0, twice: 0, unread: 0, unlisted: 0 };
}

/** An object that was stored before this should be in the table: after it, the object waits; before it, it is lost. */
export function loadedThrough(ingest: JobIngest | null, newestMs: number | null): number | null {
  if (ingest !== null && ingest.startedMs !== null) return ingest.startedMs - CLOCKS_MS;
  // The first load is running: an object that it has not read yet may be as old as one that it has.
  if (newestMs === null || ingest?.isRunning === true) return null;
  return newestMs - LOAD_MS;
}

function isSame(listed: Sums, held: HeldSums | undefined): boolean {
  if (held === undefined || !isEven(held)) return false;
  return listed.objects === held.objects && listed.rows === held.rows && listed.fingerprint === held.fingerprint;
}

/** Each object has the rows that its name says, each of them a reading, and each reading once. */
function isEven({ uneven, unread, spare }: HeldSums): boolean {
  return uneven === 0 && unread === 0 && spare === 0;
}

function* batches(hours: readonly Differing[]): Iterable<readonly Differing[]> {
  let [batch, objects]: [Differing[], number] = [[], 0];
  for (const one of hours) {
    if (batch.length > 0 && (batch.length >= HOURS_AT_ONCE || objects + one.objects > OBJECTS_AT_ONCE)) {
      yield batch;
      [batch, objects] = [[], 0];
    }
    batch.push(one);
    objects += one.objects;
  }
  if (batch.length > 0) yield batch;
}
