/** The end of a history that was cut: the torture's own judges, and what else holds where readings were dropped or damaged. */
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { dataDirOf, lakeOf, verifySays, WINDOW_MS } from "../torture-run/agent-command.ts";
import { checkSource, checkStages, Differences } from "../torture-run/check-readings.ts";
import { checkVerdicts } from "../torture-run/check-verdicts.ts";
import { checkWindows, checkWindowsBut } from "../torture-run/check-windows.ts";
import { type LakeRow, objectsInFolder, readLake, rowsIn } from "../torture-run/lake.ts";
import { checkBuffer } from "../torture-run/remains.ts";
import type { Stand } from "./stand.ts";

/** Every row of the source is where it belongs, once. */
export async function judgeWhole(stand: Stand): Promise<readonly string[]> {
  const differences = new Differences();
  const lake = await readLake(objectsInFolder(lakeOf(stand.place.folder)));
  const rows = stand.sourceRows();
  checkSource(rows, lake, differences);
  checkStages(lake, differences);
  checkVerdicts(lake, differences);
  checkWindows(lake, WINDOW_MS, differences);
  checkBuffer(stand.place.folder, rows.length, differences);
  return [...differences.list(), ...(await opinion(stand))];
}

/** Rows that are not in raw are counted apart. */
class WithoutMissing extends Differences {
  missing = 0;
  override add(sentence: string): void {
    if (/^row \d+ is not in raw$/.test(sentence)) this.missing++;
    else super.add(sentence);
  }
}

/** Every row of the source is where it belongs, once, or is counted as a loss. */
export async function judgeDropped(stand: Stand): Promise<readonly string[]> {
  const differences = new WithoutMissing();
  const lake = await readLake(objectsInFolder(lakeOf(stand.place.folder)));
  checkSource(stand.sourceRows(), lake, differences);
  checkStages(lake, differences);
  // Verdicts are not: rules remember readings that were dropped, and the lake does not have them.
  const { folder } = stand.place;
  checkBuffer(folder, stand.sourceRows().length, differences, ["buffer_full", "late_for_window"]);
  // A reading that came after its window was deleted is in no aggregate, and is counted apart.
  const late = lossesIn(folder, "late_for_window");
  checkWindowsBut(late, lake, WINDOW_MS, differences);
  const lost = lossesIn(folder, "buffer_full");
  stand.judged.late += late;
  stand.judged.dropped += lost;
  if (lost !== differences.missing)
    differences.add(`${lost} losses are counted, and ${differences.missing} are missing`);
  return [...differences.list(), ...(await opinion(stand))];
}

function lossesIn(folder: string, reason: string): number {
  const db = new Database(join(dataDirOf(folder), "buffer.db"), { readonly: true });
  const lost = Number(db.query("SELECT coalesce(sum(count), 0) FROM loss WHERE reason = ?").values(reason)[0]?.[0]);
  db.close();
  return lost;
}

function isUncounted(folder: string): boolean {
  const db = new Database(join(dataDirOf(folder), "buffer.db"), { readonly: true });
  const found = db.query("SELECT 1 FROM loss WHERE reason = 'buffer_corrupt' AND count = 0").get();
  db.close();
  return found !== null;
}

async function opinion(stand: Stand): Promise<readonly string[]> {
  const said = await verifySays(stand.place);
  return said === null ? [] : [said];
}

/** What came out of a damaged buffer. A cut in the middle of its salvage changes nothing of that. */
export type Salvaged = ReadonlyMap<string, number>;

/**
 * How often each row of the source is in raw, and in validated or anomalies. If the cursor cannot be read, rows are read again and
 * judged again, with a cut or without. A promised object of which readings could not be read holds fewer rows than its name says.
 */
export async function salvagedIn(stand: Stand): Promise<Salvaged> {
  const counts = new Map<string, number>();
  const ids: unknown[] = [];
  for await (const { stage, key, body } of objectsInFolder(lakeOf(stand.place.folder))) {
    if (stage === "aggregated" || stage === "schematized") continue;
    for (const row of rowsIn(stage, key, body)) {
      const what = `${noteIn(row)} in ${stage === "raw" ? stage : "validated or anomalies"}`;
      counts.set(what, (counts.get(what) ?? 0) + 1);
      if (stage === "raw") ids.push(row["reading_id"]);
    }
  }
  return counts.set("an id that is there already", ids.length - new Set(ids).size);
}

const NAMELESS = "a row that cannot be known";

/** Of a reading or of a malformed row. */
function noteIn(row: LakeRow): string {
  return /row \d+/.exec(String(row["extra"]))?.[0] ?? NAMELESS;
}

export async function judgeSalvaged(stand: Stand, expected: Salvaged): Promise<readonly string[]> {
  const differences = new Differences();
  const found = await salvagedIn(stand);
  for (const [what, count] of expected) {
    const is = found.get(what) ?? 0;
    if (is !== count) differences.add(`${what}: ${is} times, without a cut ${count} times`);
  }
  // What is neither delivered nor counted is lost in silence. Where the number is unknown, the ledger says so with a count of 0.
  const rows = stand.sourceRows().map((_, n) => `row ${n} in raw`);
  // A row whose fields beside the profile cannot be read is there, and does not say which it is.
  const nameless = found.get(`${NAMELESS} in raw`) ?? 0;
  const missing = rows.filter((row) => !found.has(row)).length - nameless;
  const lost = lossesIn(stand.place.folder, "buffer_corrupt");
  if (missing > lost && !isUncounted(stand.place.folder))
    differences.add(`${missing} rows are missing, and ${lost} losses are counted`);
  for (const [what, is] of found) if (!expected.has(what)) differences.add(`${what}: ${is} times, without a cut never`);
  return differences.list();
}
