/**
 * Reading from a damaged database: everything is read whole first, then in halves, until only the rows that cannot be read
 * are left. Rows are checked like all outside data: a damaged page may read without an error.
 */
import type { Database } from "bun:sqlite";
import { codeOf } from "../../core/errors.ts";
import { IDENTITY_COLUMNS, type Label, LIMITS, type SensorCatalogue } from "../../core/sensor.ts";
import { type SeqRange, sizeOf } from "../../core/seq-range.ts";
import { isCorruption } from "../corruption.ts";
import { IS_OPEN } from "../schema.ts";

/** Keys that are tried one by one where a table's end cannot be read: a damaged number must not cost hours. */
const KEYS_TRIED = 1_000_000;

/** A damaged page shows as corruption, a short file as an I/O error, an absurd length as too big or out of memory. */
function isUnreadable(error: unknown): boolean {
  const code = codeOf(error) ?? "";
  return isCorruption(error) || /^SQLITE_(IOERR|TOOBIG|NOMEM|ERROR|MISMATCH|RANGE|CANTOPEN)/.test(code);
}

/** What `read` returns, or undefined where the database cannot be read. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}

export type PieceReader<T> = {
  readonly read: (piece: SeqRange) => T;
  readonly found: (part: T) => void;
  /** Gets each piece that cannot be read and has at most `finest` keys. */
  readonly lost: (piece: SeqRange) => void;
  readonly finest: number;
};

/** Reads a range of keys in as few pieces as possible. */
export function readInPieces<T>(range: SeqRange, reader: PieceReader<T>): void {
  if (sizeOf(range) === 0) return;
  let part: T;
  try {
    part = reader.read(range);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    if (sizeOf(range) <= reader.finest) {
      reader.lost(range);
      return;
    }
    const middle = Math.floor((range.first + range.last) / 2);
    readInPieces({ first: range.first, last: middle }, reader);
    readInPieces({ first: middle + 1, last: range.last }, reader);
    return;
  }
  reader.found(part);
}

type BatchKey = { readonly id: number; readonly stage: unknown; readonly key: unknown };

/** What the index of the batches' keys says, `complete` or up to where it cannot be read; `most`: the highest id in the table or in an index. */
export function batchKeys(db: Database): {
  readonly rows: readonly BatchKey[];
  readonly complete: boolean;
  readonly most: number;
} {
  const listed = untilUnreadable(db, "SELECT id, stage, key FROM batch INDEXED BY sqlite_autoindex_batch_1");
  const table = untilUnreadable(db, "SELECT id FROM batch NOT INDEXED");
  const open = untilUnreadable(db, `SELECT id FROM batch INDEXED BY batch_open WHERE ${IS_OPEN}`);
  const ids = [...listed.rows, ...table.rows, ...open.rows].map(({ id }) => id).filter(Number.isSafeInteger);
  return { ...listed, most: ids.reduce((most, id) => Math.max(most, id), 0) };
}

/** Rows up to the first page that cannot be read: they are good. */
function untilUnreadable(db: Database, sql: string): { readonly rows: BatchKey[]; readonly complete: boolean } {
  const rows: BatchKey[] = [];
  const complete = attempt(() => {
    for (const row of db.query<BatchKey, []>(sql).iterate()) rows.push(row);
    return true;
  });
  return { rows, complete: complete === true };
}

type SmallTable = {
  readonly name: "batch" | "measure" | "sensor" | "label";
  /** Its integer key. */
  readonly key: string;
  readonly columns: string;
  /** The highest key that is tried where the last one cannot be read. */
  readonly mostKey: number;
};

/**
 * The rows of a small table, by its key. Where its last key cannot be read, it is not `complete`: there may have been rows
 * behind those that were found.
 */
export function sweep<TableRow>(
  db: Database,
  { name, key, columns, mostKey }: SmallTable,
): { readonly rows: TableRow[]; readonly complete: boolean } {
  const rows: TableRow[] = [];
  const edge = (end: "min" | "max") =>
    attempt(() => db.query<{ at: number | null }, []>(`SELECT ${end}(${key}) AS at FROM ${name}`).get()?.at ?? null);
  const last = edge("max");
  if (last === null) return { rows, complete: true };
  const first = edge("min") ?? 0;
  const isLastKnown = last !== undefined && Number.isSafeInteger(last);
  let complete = isLastKnown;
  const query = db.query<TableRow, [number, number]>(
    `SELECT ${columns} FROM ${name} WHERE ${key} BETWEEN ? AND ? ORDER BY ${key}`,
  );
  readInPieces(
    { first, last: isLastKnown ? last : Math.min(mostKey, first + KEYS_TRIED) },
    {
      finest: 1,
      read: (keys) => query.all(keys.first, keys.last),
      found: (part) => rows.push(...part),
      lost: () => {
        complete = false;
      },
    },
  );
  return { rows, complete };
}

export type UnknownHandles = { readonly sensors: ReadonlySet<number>; readonly labels: ReadonlySet<number> };

/** Fills an empty catalogue with the rows that can be read; each handle keeps its meaning. Returns those that cannot be read. */
export function salvageCatalogue(db: Database, catalogue: SensorCatalogue): UnknownHandles {
  const names = measureNames(db);
  const slots = names.length;
  for (let slot = 0; slot < slots; slot++) catalogue.slotOf(names[slot] ?? `unreadable ${slot}`);
  return { sensors: salvageSensors(db, catalogue), labels: salvageLabels(db, catalogue) };
}

/** From the table, else from the view that was made of it. */
function measureNames(db: Database): string[] {
  const names: string[] = [];
  type MeasureRow = { slot: unknown; name: unknown };
  const measures = { name: "measure", key: "slot", columns: "slot, name", mostKey: LIMITS.measures } as const;
  for (const { slot, name } of sweep<MeasureRow>(db, measures).rows) {
    if (typeof slot === "number" && slot >= 0 && slot < LIMITS.measures && typeof name === "string") names[slot] = name;
  }
  const view = attempt(() => db.query<{ sql: string }, []>("SELECT sql FROM sqlite_master WHERE type = 'view'").get());
  for (const [, slot, name] of String(view?.sql ?? "").matchAll(/r\.m(\d+) AS "((?:[^"]|"")*)"/g)) {
    names[Number(slot)] ??= name!.replaceAll('""', '"');
  }
  return names;
}

function salvageSensors(db: Database, catalogue: SensorCatalogue): Set<number> {
  const known = new Map<number, { identity: (string | number | null)[]; measures: string[] }>();
  const names = new Set(catalogue.measureNames);
  type SensorRow = Record<string, string | number | null>;
  const sensors = { name: "sensor", key: "handle", columns: "*", mostKey: LIMITS.sensors } as const;
  for (const row of sweep<SensorRow>(db, sensors).rows) {
    const measures = attempt(() => measureList(row["measures"]));
    if (measures === undefined || measures === null || !measures.every((name) => names.has(name))) continue;
    known.set(Number(row["handle"]), { identity: IDENTITY_COLUMNS.map((name) => row[name] ?? null), measures });
  }
  const unknown = new Set<number>();
  const last = Math.max(0, ...known.keys());
  for (let handle = 1; handle <= last; handle++) {
    const sensor = known.get(handle);
    if (sensor !== undefined && catalogue.internSensor(sensor.identity, sensor.measures) === handle) continue;
    unknown.add(handle);
    // A placeholder, so that the handles behind it keep their meaning.
    if (catalogue.sensors.length === handle) {
      catalogue.sensors.push({ handle, identity: IDENTITY_COLUMNS.map(() => null), measures: [], slots: [] });
    }
  }
  return unknown;
}

function measureList(text: unknown): string[] | null {
  try {
    const list: unknown = JSON.parse(String(text));
    return Array.isArray(list) && list.every((name) => typeof name === "string") ? list : null;
  } catch {
    return null;
  }
}

function salvageLabels(db: Database, catalogue: SensorCatalogue): Set<number> {
  type LabelRow = { handle: number } & Record<"status_code" | "anomaly_flag" | "anomaly_type" | "arrival", unknown>;
  const known = new Map<number, LabelRow>();
  const labels = { name: "label", key: "handle", columns: "*", mostKey: LIMITS.labels } as const;
  for (const row of sweep<LabelRow>(db, labels).rows) known.set(row.handle, row);
  const unknown = new Set<number>();
  const last = Math.max(-1, ...known.keys());
  for (let handle = 0; handle <= last; handle++) {
    const row = known.get(handle);
    const code = row?.status_code ?? null;
    const flag = row?.anomaly_flag ?? null;
    const type = row?.anomaly_type ?? null;
    // A buffer of an older agent does not have it.
    const arrival = row?.arrival ?? null;
    const isOurs =
      row !== undefined &&
      (code === null || typeof code === "number") &&
      (flag === null || flag === 0 || flag === 1) &&
      (type === null || typeof type === "string") &&
      (arrival === null || arrival === 1);
    const said = { statusCode: code, anomalyFlag: flag, anomalyType: type, ...(arrival === 1 && { isArrival: true }) };
    const label = isOurs ? (said as Label) : null;
    if (label !== null && catalogue.internLabel(label) === handle) continue;
    unknown.add(handle);
    if (catalogue.labels.length === handle) {
      catalogue.labels.push({ statusCode: null, anomalyFlag: null, anomalyType: null });
    }
  }
  return unknown;
}
