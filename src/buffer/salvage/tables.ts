/**
 * Reading from a database that is damaged: everything is asked for whole, then in halves, until what cannot be read
 * stands alone. Answers are checked like anything from outside: a damaged page may read without an error.
 */
import type { Database } from "bun:sqlite";
import { codeOf } from "../../core/errors.ts";
import { IDENTITY_COLUMNS, LIMITS, type SensorCatalogue } from "../../core/sensor.ts";
import { isCorruption } from "../corruption.ts";
import { IS_OPEN } from "../schema.ts";

/** Keys tried one by one where a table's end cannot be read: a damaged number must not keep us for hours. */
const KEYS_TRIED = 1_000_000;

/** A damaged page shows as corruption, a short file as an I/O error, an absurd length as too big or out of memory. */
export function isUnreadable(error: unknown): boolean {
  const code = codeOf(error) ?? "";
  return isCorruption(error) || /^SQLITE_(IOERR|TOOBIG|NOMEM|ERROR|MISMATCH|RANGE|CANTOPEN)/.test(code);
}

/** What `read` answers, or undefined where the database cannot. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}

/** Reads [from, to] in as few pieces as possible; `lost` gets pieces of at most `finest` that do not read. */
export function readInPieces<T>(
  from: number,
  to: number,
  finest: number,
  read: (from: number, to: number) => T,
  found: (part: T) => void,
  lost: (from: number, to: number) => void,
): void {
  if (from > to) return;
  let part: T;
  try {
    part = read(from, to);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    if (to - from < finest) {
      lost(from, to);
      return;
    }
    const middle = Math.floor((from + to) / 2);
    readInPieces(from, middle, finest, read, found, lost);
    readInPieces(middle + 1, to, finest, read, found, lost);
    return;
  }
  found(part);
}

type BatchKey = { readonly id: number; readonly stage: unknown; readonly key: unknown };

/** What the index of the batches' keys says, `complete` or up to where it does not read; `most`: the last id that is told anywhere. */
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

/** A page that is gone says nothing against the rows in front of it. */
function untilUnreadable(db: Database, sql: string): { readonly rows: BatchKey[]; readonly complete: boolean } {
  const rows: BatchKey[] = [];
  const complete = attempt(() => {
    for (const row of db.query<BatchKey, []>(sql).iterate()) rows.push(row);
    return true;
  });
  return { rows, complete: complete === true };
}

/**
 * The rows of a small table by its integer key. Where its end cannot be read, keys are tried up to `most`, and it is not
 * `complete`: nobody can tell what stood behind them.
 */
export function sweep<Row>(
  db: Database,
  table: string,
  key: string,
  columns: string,
  most: number,
): { readonly rows: Row[]; readonly complete: boolean } {
  const rows: Row[] = [];
  const edge = (end: "min" | "max") =>
    attempt(() => db.query<{ at: number | null }, []>(`SELECT ${end}(${key}) AS at FROM ${table}`).get()?.at ?? null);
  const last = edge("max");
  if (last === null) return { rows, complete: true };
  let complete = Number.isSafeInteger(last);
  const query = db.query<Row, [number, number]>(
    `SELECT ${columns} FROM ${table} WHERE ${key} BETWEEN ? AND ? ORDER BY ${key}`,
  );
  const from = edge("min") ?? 0;
  readInPieces(
    from,
    complete ? last! : Math.min(most, from + KEYS_TRIED),
    1,
    (a, b) => query.all(a, b),
    (part) => rows.push(...part),
    () => {
      complete = false;
    },
  );
  return { rows, complete };
}

export type UnknownHandles = { readonly sensors: ReadonlySet<number>; readonly labels: ReadonlySet<number> };

/** Fills an empty catalogue with what reads; handles in between keep their meaning, and the unreadable are told. */
export function salvageCatalogue(db: Database, catalogue: SensorCatalogue): UnknownHandles {
  const names = measureNames(db);
  const slots = names.length;
  for (let slot = 0; slot < slots; slot++) catalogue.slotOf(names[slot] ?? `unreadable ${slot}`);
  return { sensors: salvageSensors(db, catalogue), labels: salvageLabels(db, catalogue) };
}

/** From the table, else from the view that was made of it. */
function measureNames(db: Database): string[] {
  const names: string[] = [];
  for (const { slot, name } of sweep<{ slot: unknown; name: unknown }>(
    db,
    "measure",
    "slot",
    "slot, name",
    LIMITS.measures,
  ).rows) {
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
  for (const row of sweep<SensorRow>(db, "sensor", "handle", "*", LIMITS.sensors).rows) {
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
  type LabelRow = { handle: number; status_code: unknown; anomaly_flag: unknown; anomaly_type: unknown };
  const known = new Map<number, LabelRow>();
  for (const row of sweep<LabelRow>(db, "label", "handle", "*", LIMITS.labels).rows) known.set(row.handle, row);
  const unknown = new Set<number>();
  const last = Math.max(-1, ...known.keys());
  for (let handle = 0; handle <= last; handle++) {
    const row = known.get(handle);
    const code = row?.status_code ?? null;
    const flag = row?.anomaly_flag ?? null;
    const type = row?.anomaly_type ?? null;
    const isOurs =
      row !== undefined &&
      (code === null || typeof code === "number") &&
      (flag === null || flag === 0 || flag === 1) &&
      (type === null || typeof type === "string");
    const label = isOurs
      ? { statusCode: code as number | null, anomalyFlag: flag as 0 | 1 | null, anomalyType: type as string | null }
      : null;
    if (label !== null && catalogue.internLabel(label) === handle) continue;
    unknown.add(handle);
    if (catalogue.labels.length === handle) {
      catalogue.labels.push({ statusCode: null, anomalyFlag: null, anomalyType: null });
    }
  }
  return unknown;
}
