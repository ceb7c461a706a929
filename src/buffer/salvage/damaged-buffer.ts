/**
 * Reads the rest of a buffer that was set aside as corrupt, read-only: the file stays as it is. Nothing here throws
 * because of the damage; rows that cannot be read are absent, and the caller counts them.
 */
import { Database } from "bun:sqlite";
import type { ClockQuality } from "../../core/reading.ts";
import { NO_SENSOR, SensorCatalogue } from "../../core/sensor.ts";
import { type HourRange, intersect, type SeqRange, sizeOf, totalSize } from "../../core/seq-range.ts";
import { isStage } from "../../core/stage.ts";
import type { CommitFacts, Loss, StoredBlock } from "../buffer.ts";
import { type Conflict, conflictsOf } from "../conflicts.ts";
import { CorruptRowError } from "../corruption.ts";
import { type LossRow, lossOf, SELECT_LOSSES } from "../ledger/losses.ts";
import { BlockReader, factsOf, GROUPS_OF_RANGE, type GroupRow } from "../read-back.ts";
import { foldLog, isLogDamaged, sealLog } from "./log.ts";
import { copyDatabase, removeCopy, renewFirstPage } from "./page-one.ts";
import { attempt, batchKeys, readInPieces, salvageCatalogue, sweep, type UnknownHandles } from "./tables.ts";
import { type SalvagedWindow, salvagedWindow } from "./windows.ts";

export type SalvagedBatch = {
  readonly id: number;
  readonly stage: string;
  readonly key: string;
  readonly count: number | null;
  /** Null where the batch had a body of its own, or where only its key could be read. */
  readonly range: HourRange | null;
  readonly state: "planned" | "delivered" | "parked" | "unknown";
};

/** A commit that cannot be read costs the facts of at most this many readings around it: they get the nearest ones. */
const FACTS_GRAIN = 256;
/** Probes that find out whether anything of the readings can be read at all. */
const PROBES = 64;
/** A reading takes at least these bytes: a number of readings that is larger than the file allows is damaged. */
const LEAST_ROW_BYTES = 8;
const UNREADABLE_FINDING = {
  ...({ rule: "unreadable", severity: "warning", observed: null, limit: null, window: null } as const),
  reason: "The buffer was corrupt: which rules this reading broke could not be read",
};

export class DamagedBuffer {
  readonly db: Database;
  readonly catalogue = new SensorCatalogue();
  readonly #copy: string | null;
  readonly #unknown: UnknownHandles;
  readonly #reader: BlockReader;
  /** Also reads a reading whose broken rules cannot be read. */
  readonly #lenient: BlockReader;
  readonly #fallback: CommitFacts;

  /** Null where it cannot be opened even with a repaired log and a new first page. Throws the error of a full disk while it is copied. */
  static open(path: string, fallback: CommitFacts): DamagedBuffer | null {
    const isLogWhole = !isLogDamaged(`${path}-wal`);
    const direct = isLogWhole ? attempt(() => new DamagedBuffer(path, null, fallback)) : undefined;
    if (direct !== undefined) return direct;
    const copy = `${path}.copy`;
    copyDatabase(path, copy);
    if (!isLogWhole) sealLog(`${copy}-wal`);
    const sealed = isLogWhole ? undefined : attempt(() => new DamagedBuffer(copy, copy, fallback));
    if (sealed !== undefined) return sealed;
    // A first page in the log would replace the new one.
    foldLog(copy);
    renewFirstPage(copy);
    const renewed = attempt(() => new DamagedBuffer(copy, copy, fallback));
    if (renewed === undefined) removeCopy(copy);
    return renewed ?? null;
  }

  private constructor(path: string, copy: string | null, fallback: CommitFacts) {
    // Reading a log (WAL) needs its index, which is made beside it.
    this.db = new Database(path, { readonly: true });
    try {
      this.db.run("PRAGMA busy_timeout = 5000");
      this.db.run("PRAGMA cell_size_check = ON");
      this.db.query("SELECT name, sql FROM sqlite_master").all();
      this.db.query("SELECT * FROM reading LIMIT 0").all();
      this.db.query("SELECT * FROM batch LIMIT 0").all();
    } catch (error) {
      this.db.close();
      throw error;
    }
    this.#copy = copy;
    this.#fallback = fallback;
    this.#unknown = salvageCatalogue(this.db, this.catalogue);
    this.#reader = new BlockReader(this.db, this.catalogue);
    this.#lenient = new BlockReader(this.db, this.catalogue, UNREADABLE_FINDING);
  }

  meta(key: string): string | null {
    const read = () => this.db.query<{ value: unknown }, [string]>("SELECT value FROM meta WHERE key = ?").get(key);
    const value = attempt(read)?.value;
    return typeof value === "string" ? value : null;
  }

  /** A whole number in `meta`, or null. */
  number(key: string): number | null {
    const value = this.meta(key);
    return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : null;
  }

  /** The seq of the last commit, whether it is certain, and how many readings the sources report, or null. */
  lastSeq(bytes: number): { readonly seq: number; readonly certain: boolean; readonly given: number | null } {
    const one = (sql: string) => {
      const at = attempt(() => this.db.query<{ at: number | null }, []>(sql).get()?.at ?? 0);
      return Number.isSafeInteger(at) ? at! : null;
    };
    const commits = one("SELECT last_seq AS at FROM commit_group ORDER BY first_seq DESC LIMIT 1");
    const readings = one("SELECT max(seq) AS at FROM reading");
    const accepted = one("SELECT sum(accepted + refused) AS at FROM source");
    const least = Math.max(readings ?? 0, this.number("last_seq") ?? 0, this.number("planned_through") ?? 0);
    const most = least + bytes / LEAST_ROW_BYTES;
    const isPossible = (seq: number | null): seq is number => seq !== null && seq >= least && seq <= most;
    if (isPossible(commits)) return { seq: commits, certain: true, given: accepted };
    if (isPossible(accepted)) return { seq: accepted, certain: true, given: accepted };
    return { seq: least, certain: false, given: accepted };
  }

  /** Retention has deleted the readings below this. */
  firstSeq(): number {
    const one = (sql: string) => {
      const at = attempt(() => this.db.query<{ at: number | null }, []>(sql).get()?.at ?? null);
      return Number.isSafeInteger(at) && at! > 0 ? at! : null;
    };
    const folded = one("SELECT max(last_seq) AS at FROM delivered");
    if (folded !== null) return folded + 1;
    // Retention writes this with each delete; the lowest row that can be read proves nothing.
    if (this.number("last_seq") === null) return 1;
    const edges = [one("SELECT min(first_seq) AS at FROM commit_group"), one("SELECT min(seq) AS at FROM reading")];
    const lowest = edges.filter((edge) => edge !== null);
    return lowest.length > 0 ? Math.min(...lowest) : 1;
  }

  /** The readings of a range that can be read, in seq order. */
  read(range: SeqRange): StoredBlock[] {
    if (!this.#isAnyReadable(range)) return [];
    const found: StoredBlock[] = [];
    for (const { facts, ...part } of this.#commits(range)) {
      readInPieces(part, {
        finest: 1,
        read: (piece) => this.#known(this.#reader.readGroup(piece, facts)),
        found: (blocks) => found.push(...blocks),
        lost: (piece) => {
          const blocks = attempt(() => this.#known(this.#lenient.readGroup(piece, facts)));
          found.push(...(blocks ?? []));
        },
      });
    }
    return found;
  }

  /** Readings that were read so far, but for the fields that no profile knows. */
  get withoutExtra(): number {
    return totalSize(this.#lenient.withoutExtra);
  }

  /** Every batch that reads, from the table and from the index beside it; not `complete` where some may be missing. */
  batches(): { readonly batches: readonly SalvagedBatch[]; readonly complete: boolean } {
    type BatchRow = Record<"id" | "stage" | "key" | "count" | "first_seq" | "last_seq" | "hour" | "state", unknown>;
    const listed = batchKeys(this.db);
    const columns = "id, stage, key, count, first_seq, last_seq, hour, state";
    const table = sweep<BatchRow>(this.db, { name: "batch", key: "id", columns, mostKey: listed.most });
    const known = new Map<string, SalvagedBatch>();
    for (const row of table.rows) {
      const { id, stage, key, count } = row;
      if (typeof id !== "number" || typeof stage !== "string" || typeof key !== "string") continue;
      const { first_seq: first, last_seq: last, hour: hourMs } = row;
      const isRange = typeof first === "number" && typeof last === "number" && typeof hourMs === "number";
      const state = (["planned", "delivered", "parked"] as const).find((name) => name === row.state) ?? "unknown";
      known.set(`${stage} ${key}`, {
        id,
        stage,
        key,
        state,
        count: typeof count === "number" ? count : null,
        range: isRange ? { first, last, hourMs } : null,
      });
    }
    for (const { id, stage, key } of listed.rows) {
      if (typeof stage !== "string" || typeof key !== "string" || known.has(`${stage} ${key}`)) continue;
      known.set(`${stage} ${key}`, { id, stage, key, count: null, range: null, state: "unknown" });
    }
    return { batches: [...known.values()], complete: table.complete || listed.complete };
  }

  body(id: number): Uint8Array | null {
    const read = () => this.db.query<{ body: unknown }, [number]>("SELECT body FROM batch WHERE id = ?").get(id);
    const body = attempt(read)?.body;
    return body instanceof Uint8Array ? body : null;
  }

  /** The cursor of each source after the last commit, or null where that cannot be read. */
  cursors(): readonly { readonly uri: string; readonly cursor: string | null }[] | null {
    type SourceRow = { uri: string; cursor: string | null };
    const rows = attempt(() => this.db.query<SourceRow, []>("SELECT uri, cursor FROM source NOT INDEXED").all());
    const isOurs = ({ uri, cursor }: SourceRow) =>
      typeof uri === "string" && (cursor === null || typeof cursor === "string");
    return rows?.every(isOurs) ? rows : null;
  }

  ruleSets(): readonly { readonly version: string; readonly canonical: string; readonly since: number }[] {
    type RuleRow = { version: unknown; canonical: unknown; since: unknown };
    const rows = attempt(() => this.db.query<RuleRow, []>("SELECT * FROM rule_set NOT INDEXED ORDER BY since").all());
    return (rows ?? []).flatMap(({ version, canonical, since }) =>
      typeof version === "string" && typeof canonical === "string" && Number.isSafeInteger(since)
        ? [{ version, canonical, since: since as number }]
        : [],
    );
  }

  /** The keys that other objects had taken. */
  conflicts(): readonly Conflict[] {
    const found = attempt(() => conflictsOf(this)) ?? [];
    return found.filter(({ stage, key, epoch, under }) => isStage(stage) && /^\S+$/.test(`${key}${epoch}${under}`));
  }

  /** The losses that were counted before. */
  losses(): readonly Loss[] {
    const rows = attempt(() => this.db.query<LossRow, []>(SELECT_LOSSES).all());
    return (rows ?? []).filter(isLoss).map(lossOf);
  }

  /** A window as it went out last, null where it never did, "unreadable" where that cannot be read. */
  window(startMs: number): SalvagedWindow | "unreadable" | null {
    const found = attempt(() => salvagedWindow(this.db, startMs));
    return found === undefined ? "unreadable" : found;
  }

  close(): void {
    this.db.close();
    if (this.#copy !== null) removeCopy(this.#copy);
  }

  /** Where no probe of a range can be read, reading every row alone would take hours to find the same. */
  #isAnyReadable({ first, last }: SeqRange): boolean {
    const probe = this.db.query("SELECT * FROM reading WHERE seq = ?");
    const step = Math.max(1, (last - first) / PROBES);
    for (let seq = first; seq <= last; seq += step) {
      if (attempt(() => probe.get(Math.floor(seq)) ?? true) !== undefined) return true;
    }
    return false;
  }

  /** A range in parts of one commit each; where a commit cannot be read, its readings get the facts of the nearest. */
  #commits(range: SeqRange): (SeqRange & { readonly facts: CommitFacts })[] {
    const query = this.db.query<GroupRow, [number, number]>(GROUPS_OF_RANGE);
    const groups: GroupRow[] = [];
    readInPieces(range, {
      finest: FACTS_GRAIN,
      read: ({ first, last }) => query.all(first, last),
      found: (rows) => groups.push(...rows.filter(isGroup)),
      lost: () => undefined,
    });
    const parts: (SeqRange & { facts: CommitFacts })[] = [];
    let next = range.first;
    let nearest = groups[0] === undefined ? this.#fallback : factsOf(groups[0]);
    for (const group of groups) {
      const own = intersect({ first: next, last: range.last }, { first: group.first_seq, last: group.last_seq });
      if (sizeOf(own) === 0) continue;
      if (own.first > next) parts.push({ first: next, last: own.first - 1, facts: nearest });
      nearest = factsOf(group);
      parts.push({ ...own, facts: nearest });
      next = own.last + 1;
    }
    if (next <= range.last) parts.push({ first: next, last: range.last, facts: nearest });
    return parts;
  }

  /** A reading whose sensor or label cannot be read is unreadable. */
  #known(blocks: StoredBlock[]): StoredBlock[] {
    const { sensors, labels } = this.#unknown;
    if (sensors.size === 0 && labels.size === 0) return blocks;
    for (const { block } of blocks) {
      for (let row = 0; row < block.count; row++) {
        if (!sensors.has(block.sensor[row] ?? NO_SENSOR) && !labels.has(block.label[row] ?? -1)) continue;
        throw new CorruptRowError("Cannot read a reading: its sensor or label cannot be read");
      }
    }
    return blocks;
  }
}

const QUALITIES: readonly ClockQuality[] = ["ok", "unsynced", "stepped"];
function isGroup(group: GroupRow): boolean {
  const { first_seq, last_seq, ingested_at, rules_version, time_quality, agent_version, earliest, latest } = group;
  const numbers = [first_seq, last_seq, ingested_at].every((value) => Number.isSafeInteger(value));
  const texts = [rules_version, agent_version].every((value) => typeof value === "string");
  const bounds = [earliest ?? 0, latest ?? 0].every((value) => Number.isSafeInteger(value));
  return numbers && bounds && texts && last_seq >= first_seq && (QUALITIES as readonly string[]).includes(time_quality);
}

/** The count of a loss with a range must agree with the range. */
function isLoss({ reason, count, first, last, sinceMs, untilMs }: LossRow): boolean {
  const isRange = first !== null && Number.isSafeInteger(first) && last === first + count - 1;
  const numbers = [count, sinceMs, untilMs].every((value) => Number.isSafeInteger(value));
  return typeof reason === "string" && numbers && count >= 0 && (isRange || (first === null && last === null));
}
