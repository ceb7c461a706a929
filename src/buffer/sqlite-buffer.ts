/**
 * The durable buffer: one SQLite database in WAL mode with synchronous=FULL. On return of `commit` the readings, their
 * verdicts and the sources' cursors have been written and synced in one transaction. Seqs start at 1 and are never
 * used twice, also after everything was pruned. Only the process that holds the data dir's lock opens it for writing.
 */
import type { Database } from "bun:sqlite";
import { join } from "node:path";
import type { ReadingBlock } from "../core/reading.ts";
import { SensorCatalogue } from "../core/sensor.ts";
import type { SeqRange } from "../core/seq-range.ts";
import { type CommitFacts, type SourceShare, type StoredBlock, verdictOf } from "./buffer.ts";
import { type EarlierEpoch, earlierEpochs, ownerOf, type SeqOwner } from "./earlier-epochs.ts";
import { newEpoch } from "./epoch.ts";
import { noteGaps } from "./forget-sensors.ts";
import { BlockReader, lastCommitted, loadCatalogue } from "./read-back.ts";
import { RecentBlocks } from "./recent.ts";
import { addMeasureColumns, openDatabase } from "./schema.ts";
import { saveShare, takeOverCursor } from "./source-shares.ts";

export const BUFFER_FILE = "buffer.db";

export type OpenBuffer = {
  readonly dataDir: string;
  /** The node's id; a function makes one for a buffer that has none yet, and is asked by no other. */
  readonly nodeId: string | (() => string);
  readonly nowMs: number;
  /** At least 10 random bytes. */
  readonly chance: Uint8Array;
  /** Rows a block may hold, and rows kept in memory behind the last commit. */
  readonly blockRows: number;
  readonly recentRows: number;
  /** What sources and rules refer to already, where a new buffer takes the place of a corrupt one; else a new one. */
  readonly catalogue?: SensorCatalogue;
  /** Called with the database before anything of it is read: it may begin a new epoch there, or forget sensors. */
  readonly opened?: (db: Database) => void;
};

/** Twenty rows a statement cost a third less than one (docs/decisions.md, "Where the time goes"). */
const ROWS_A_STATEMENT = 20;
type Insert = {
  readonly rows: number;
  /** Takes its parameters as one array, used again and again; Bun's types only know them one by one. */
  readonly statement: { run(params: readonly (number | null)[]): unknown; finalize(): void };
  readonly params: (number | null)[];
};
type Inserts = { readonly many: Insert; readonly one: Insert };
type Persisted = { sensors: number; labels: number; measures: number };

export class SqliteBuffer {
  readonly db: Database;
  readonly epoch: string;
  /** The epochs that it had before, oldest first. */
  readonly earlier: readonly EarlierEpoch[];
  /** The id that the node had when the buffer was opened last, where that was another one; else null. */
  readonly nodeIdBefore: string | null;
  readonly catalogue: SensorCatalogue;
  readonly recent: RecentBlocks;
  #nodeId: string;
  #lastSeq: number;
  #persisted: Persisted;
  readonly #reader: BlockReader;
  #inserts: Inserts;

  constructor(options: OpenBuffer) {
    const path = join(options.dataDir, BUFFER_FILE);
    const stored = new SensorCatalogue();
    this.db = openDatabase(path, (db) => {
      options.opened?.(db);
      loadCatalogue(db, stored);
    });
    this.#persisted = sizesOf(stored);
    this.catalogue = options.catalogue ?? stored;
    this.epoch = this.#meta("epoch", () => newEpoch(options.nowMs, options.chance));
    this.earlier = earlierEpochs(this);
    const nodeIdBefore = this.meta("node_id");
    const { nodeId } = options;
    this.#nodeId = typeof nodeId === "string" ? nodeId : (nodeIdBefore ?? nodeId());
    this.nodeIdBefore = nodeIdBefore === this.#nodeId ? null : nodeIdBefore;
    this.setMeta("node_id", this.#nodeId);
    this.#lastSeq = Math.max(Number(this.meta("last_seq") ?? "0"), lastCommitted(this.db));
    this.recent = new RecentBlocks(options.recentRows, options.blockRows);
    this.#reader = new BlockReader(this.db, this.catalogue);
    if (options.catalogue !== undefined) {
      noteGaps(this, this.catalogue);
      this.transact(() => this.#persistCatalogue());
      this.#persisted = sizesOf(this.catalogue);
    }
    this.#inserts = this.#prepareInserts();
  }

  get nodeId(): string {
    return this.#nodeId;
  }

  /** Before the first reading: the id of the buffer that this one replaces. */
  takeOverNodeId(nodeId: string): void {
    this.#nodeId = nodeId;
    this.setMeta("node_id", nodeId);
  }

  /** Whose ids the reading with this seq has. */
  ownerOf(seq: number): SeqOwner {
    return ownerOf(seq, { epoch: this.epoch, nodeId: this.#nodeId }, this.earlier);
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /**
   * Commits a block's readings under the next seqs, with what their sources shared, in one transaction; the block then
   * belongs to the buffer. Throws the database's error (SQLITE_FULL, SQLITE_BUSY, …) and has then changed nothing.
   * `also` writes more in that transaction; it gets the seq of the last reading in it.
   */
  commit(
    block: ReadingBlock,
    facts: CommitFacts,
    shares: readonly SourceShare[],
    also?: (lastSeq: number) => void,
  ): StoredBlock {
    const firstSeq = this.#lastSeq + 1;
    this.transact(() => {
      this.#persistCatalogue();
      if (block.count > 0) this.#insertRows(block, firstSeq, facts);
      for (const share of shares) saveShare(this.db, share);
      also?.(firstSeq + block.count - 1);
    });
    this.#persisted = sizesOf(this.catalogue);
    this.#lastSeq += block.count;
    const stored = { firstSeq, block, facts };
    if (block.count > 0) this.recent.add(stored);
    else this.recent.giveBack(block);
    return stored;
  }

  /** The readings of a range that the buffer still holds, in seq order, from memory or from the database. */
  read(range: SeqRange): StoredBlock[] {
    return this.recent.cover(range) ?? this.#reader.read(range);
  }

  /** Runs `work` in one IMMEDIATE transaction, or in the caller's: all of it is durable on return, or none of it happened. */
  transact<T>(work: () => T): T {
    if (this.db.inTransaction) return work();
    this.db.run("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.db.run("COMMIT");
      return result;
    } catch (error) {
      // A full disk may have rolled back by itself already.
      if (this.db.inTransaction) this.db.run("ROLLBACK");
      throw error;
    }
  }

  /** The last cursor under this URI, or under one that `isSame` says is the same source, which counts under this one from now on. */
  cursor(uri: string, isSame: (other: string) => boolean = () => false): string | null {
    return takeOverCursor(this.db, uri, isSame);
  }

  rememberRules(version: string, canonical: string, nowMs: number): void {
    this.db.query("INSERT INTO rule_set VALUES (?, ?, ?) ON CONFLICT DO NOTHING").run(version, canonical, nowMs);
  }

  /** The canonical text of the rule set that was in force last, or null. */
  lastRules(): string | null {
    const row = this.db
      .query<{ canonical: string }, [string]>("SELECT canonical FROM rule_set WHERE version = ?")
      .get(this.meta("rules_version") ?? "");
    return row?.canonical ?? null;
  }

  meta(key: string): string | null {
    return this.db.query<{ value: string }, [string]>("SELECT value FROM meta WHERE key = ?").get(key)?.value ?? null;
  }

  setMeta(key: string, value: string): void {
    this.db
      .query("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2 WHERE value <> ?2")
      .run(key, value);
  }

  close(): void {
    // A statement that is left keeps the file open.
    for (const { statement } of Object.values(this.#inserts)) statement.finalize();
    this.db.close();
  }

  #meta(key: string, make: () => string): string {
    const known = this.meta(key);
    if (known !== null) return known;
    const made = make();
    this.setMeta(key, made);
    return made;
  }

  #insertRows(block: ReadingBlock, firstSeq: number, facts: CommitFacts): void {
    this.db
      .query("INSERT INTO commit_group VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .run(
        firstSeq,
        firstSeq + block.count - 1,
        facts.ingestedAtMs,
        facts.rulesVersion,
        facts.timeQuality,
        facts.agentVersion,
        facts.earliestMs ?? null,
        facts.latestMs ?? null,
      );
    const { many, one } = this.#inserts;
    let row = 0;
    while (row + many.rows <= block.count) row = this.#insert(many, block, row, firstSeq);
    while (row < block.count) row = this.#insert(one, block, row, firstSeq);
    this.#insertSides(block, firstSeq);
  }

  /** Inserts as many rows as the statement has; returns the row behind them. Its parameters are used again and again. */
  #insert({ statement, params, rows }: Insert, block: ReadingBlock, from: number, firstSeq: number): number {
    const slots = this.catalogue.measureNames.length;
    const columns = block.measures;
    let at = 0;
    for (let row = from; row < from + rows; row++) {
      params[at++] = firstSeq + row;
      params[at++] = block.sensor[row]!;
      params[at++] = block.time[row]!;
      params[at++] = block.label[row]!;
      params[at++] = verdictOf(block, row);
      for (let slot = 0; slot < slots; slot++) {
        const value = slot < columns.length ? columns[slot]![row]! : Number.NaN;
        params[at++] = Number.isNaN(value) ? null : value;
      }
    }
    statement.run(params);
    return from + rows;
  }

  #insertSides(block: ReadingBlock, firstSeq: number): void {
    if (block.findings.size > 0) {
      const insert = this.db.query("INSERT INTO finding VALUES (?, ?)");
      for (const [row, findings] of block.findings) insert.run(firstSeq + row, JSON.stringify(findings));
    }
    if (block.extra.size > 0) {
      const insert = this.db.query("INSERT INTO extra VALUES (?, ?)");
      for (const [row, fields] of block.extra) insert.run(firstSeq + row, fields);
    }
    if (block.malformed.size > 0) {
      const insert = this.db.query("INSERT INTO malformed VALUES (?, ?, ?, ?, ?, ?)");
      for (const [row, m] of block.malformed) {
        insert.run(firstSeq + row, m.reason, m.detail, m.received, m.encoding, m.bytes);
      }
    }
  }

  /** New sensors, labels and measures are stored with the first readings that use them. */
  #persistCatalogue(): void {
    const { interned, labels, measureNames } = this.catalogue;
    if (measureNames.length > this.#persisted.measures) {
      addMeasureColumns(this.db, this.catalogue, this.#persisted.measures);
      this.#inserts = this.#prepareInserts();
    }
    for (const sensor of interned.slice(this.#persisted.sensors)) {
      this.db
        .query(`INSERT INTO sensor VALUES (?, ${sensor.identity.map(() => "?").join(", ")}, ?)`)
        .run(sensor.handle, ...sensor.identity, JSON.stringify(sensor.measures));
    }
    const { labels: persisted } = this.#persisted;
    const insert = "INSERT INTO label VALUES (?, ?, ?, ?, ?)";
    for (const [at, { statusCode, anomalyFlag, anomalyType, isArrival }] of labels.slice(persisted).entries()) {
      this.db.query(insert).run(persisted + at, statusCode, anomalyFlag, anomalyType, isArrival ? 1 : null);
    }
  }

  #prepareInserts(): Inserts {
    const columns = [
      "seq",
      "sensor",
      "time",
      "label",
      "verdict",
      ...this.catalogue.measureNames.map((_, i) => `m${i}`),
    ];
    const row = `(${columns.map(() => "?").join(", ")})`;
    const prepare = (rows: number): Insert => ({
      rows,
      statement: this.db.prepare(
        `INSERT INTO reading (${columns.join(", ")}) VALUES ${new Array(rows).fill(row).join(", ")}`,
      ) as unknown as Insert["statement"],
      params: new Array<number | null>(columns.length * rows).fill(null),
    });
    return { many: prepare(ROWS_A_STATEMENT), one: prepare(1) };
  }
}

function sizesOf(catalogue: SensorCatalogue): Persisted {
  return {
    sensors: catalogue.interned.length,
    labels: catalogue.labels.length,
    measures: catalogue.measureNames.length,
  };
}
