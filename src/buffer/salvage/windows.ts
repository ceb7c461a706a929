/** What a damaged buffer still says of a window that went out. */
import type { Database } from "bun:sqlite";
import { CorruptRowError } from "../corruption.ts";
import { attempt } from "./tables.ts";

export type SalvagedWindow = {
  readonly length: number;
  readonly revision: number;
  readonly throughSeq: number;
  /** The accumulators of all its sensors, null where they were deleted. */
  readonly states: Uint8Array | null;
};

const WINDOW = "SELECT length, revision, through_seq AS throughSeq FROM window WHERE start = ?";
const STATES = "SELECT states FROM window_state WHERE start = ?";
/** An older agent wrote a row for each sensor. */
const OLD_STATES = `SELECT CAST(json_group_array(json_array(sensor_id, json(state))) AS BLOB) AS states FROM window_sensor
  WHERE start = ? HAVING count(*) > 0`;

/** Null where the window never went out. Throws where that, or what it went out with, cannot be read. */
export function salvagedWindow(db: Database, startMs: number): SalvagedWindow | null {
  const row = db.query<Omit<SalvagedWindow, "states">, [number]>(WINDOW).get(startMs);
  return row === null ? null : { ...row, states: statesOf(db, startMs) };
}

function statesOf(db: Database, startMs: number): Uint8Array | null {
  const read = (sql: string) => db.query<{ states: unknown }, [number]>(sql).get(startMs)?.states ?? null;
  const found = attempt(() => read(STATES));
  const states = found === undefined ? read(OLD_STATES) : found;
  if (states instanceof Uint8Array || (states === null && found !== undefined)) return states;
  throw new CorruptRowError("Cannot read the accumulators of a window: no commit can have written this row");
}
