/** Promises 2 and 3, from the source's rows and the lake's: everything once, everything where it belongs. */
import type { Lake, LakeRow } from "./lake.ts";
import { MEASURES, NOTE, type SourceRow } from "./source-rows.ts";

/** The first differences, as sentences; no one reads more. */
export class Differences {
  static readonly #SHOWN = 10;
  readonly #sentences: string[] = [];
  #more = 0;

  add(sentence: string): void {
    if (this.#sentences.length < Differences.#SHOWN) this.#sentences.push(sentence);
    else this.#more++;
  }

  list(): readonly string[] {
    return this.#more === 0 ? this.#sentences : [...this.#sentences, `… and ${this.#more} more`];
  }
}

/** Between the stages: ids once each, raw = validated + anomalies, row by row; schematized = validated. */
export function checkStages(lake: Lake, differences: Differences): void {
  const raw = byReadingId("raw", lake.raw, differences);
  const validated = byReadingId("validated", lake.validated, differences);
  const anomalies = byReadingId("anomalies", lake.anomalies, differences);
  const schematized = byReadingId("schematized", lake.schematized, differences);
  for (const [id, row] of raw) {
    const places = [validated.has(id) ? "validated" : "", anomalies.has(id) ? "anomalies" : ""].join("");
    if (places === "") differences.add(`${id} is in raw, but neither in validated nor in anomalies`);
    if (places === "validatedanomalies") differences.add(`${id} is in validated and in anomalies`);
    if (validated.has(id) !== schematized.has(id)) differences.add(`${id} is in one of validated and schematized only`);
    for (const other of [validated.get(id), anomalies.get(id), schematized.get(id)]) {
      const field = other === undefined ? undefined : firstDifference(row, other);
      if (field !== undefined) differences.add(`${id} has another ${field} in raw than in another stage`);
    }
  }
  for (const stage of [validated, anomalies, schematized]) {
    for (const id of stage.keys()) if (!raw.has(id)) differences.add(`${id} is in a stage, but not in raw`);
  }
}

function byReadingId(stage: string, rows: readonly LakeRow[], differences: Differences): Map<string, LakeRow> {
  const found = new Map<string, LakeRow>();
  const epoch = String(rows[0]?.["reading_id"]).split("-")[0] ?? "";
  for (const row of rows) {
    const id = String(row["reading_id"]);
    // A death leaves no corrupt buffer, so there is no reason for a second one.
    if (!id.startsWith(epoch)) differences.add(`${id} in ${stage} is of another epoch than ${epoch}`);
    if (found.has(id)) differences.add(`${id} is in ${stage} twice`);
    found.set(id, row);
  }
  return found;
}

function firstDifference(row: LakeRow, other: LakeRow): string | undefined {
  return Object.keys(row).find((name) => row[name] !== other[name]);
}

/** Each row of the source is in raw once, as it was. `rows[n]` is row `n`. */
export function checkSource(rows: readonly SourceRow[], lake: Lake, differences: Differences): void {
  const seen = new Uint32Array(rows.length);
  for (const row of lake.raw) {
    const n = rowNumber(row);
    const source = n === null ? undefined : rows[n];
    if (n === null || source === undefined) {
      differences.add(
        `raw has ${row["reading_id"]}, which is not a row of the source: ${JSON.stringify(row).slice(0, 300)}`,
      );
      continue;
    }
    if (seen[n]!++ > 0) differences.add(`row ${n} is in raw ${seen[n]} times: ${row["reading_id"]}`);
    const field = differsFromSource(row, source);
    if (field !== null) differences.add(`row ${n} (${row["reading_id"]}) has another ${field} than in the source`);
  }
  for (const [n, times] of seen.entries()) if (times === 0) differences.add(`row ${n} is not in raw`);
}

/** From the unknown column: in `extra`, or in the received text of a malformed row. */
function rowNumber(row: LakeRow): number | null {
  const extra = JSON.parse(String(row["extra"])) as Record<string, unknown> | null;
  const received = extra !== null && typeof extra["received"] === "string" ? extra["received"] : "{}";
  const note = extra?.[NOTE] ?? (JSON.parse(received) as Record<string, unknown>)[NOTE];
  const found = /^row (\d+)$/.exec(String(note));
  return found === null ? null : Number(found[1]);
}

function differsFromSource(row: LakeRow, source: SourceRow): string | null {
  if (isBroken(source)) {
    const received = JSON.parse(String(JSON.parse(String(row["extra"])).received)) as Record<string, unknown>;
    return fieldsOf(source).find((name) => (received[name] ?? null) !== source[name]) ?? null;
  }
  const names = fieldsOf(source).filter((name) => name !== NOTE);
  return names.find((name) => (row[name] ?? null) !== source[name]) ?? null;
}

/** The table's key is the rowid, and no field. */
function fieldsOf(source: SourceRow): string[] {
  return Object.keys(source).filter((name) => name !== "id");
}

function isBroken(source: SourceRow): boolean {
  const isTime = !Number.isNaN(Date.parse(String(source["timestamp"])));
  return !isTime || source["sensor_id"] === null || MEASURES.some((name) => typeof source[name] === "string");
}

/** A reading without the fields that each delivery adds: the same in a run without kills. */
const GIVEN = new Set(["reading_id", "node_id", "ingested_at", "time_quality", "rules_version", "agent_version"]);

export function checkAgainstReference(lake: Lake, reference: Lake, differences: Differences): void {
  for (const stage of ["raw", "validated", "anomalies", "schematized"] as const) {
    const expected = multiset(reference[stage]);
    for (const row of lake[stage]) {
      const content = contentOf(row);
      const left = expected.get(content) ?? 0;
      if (left === 0) differences.add(`${stage} has a row more than the undisturbed run: ${content.slice(0, 300)}`);
      else expected.set(content, left - 1);
    }
    for (const [content, left] of expected) {
      if (left > 0) differences.add(`${stage} lacks ${left} of the undisturbed run: ${content.slice(0, 300)}`);
    }
  }
}

function multiset(rows: readonly LakeRow[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(contentOf(row), (counts.get(contentOf(row)) ?? 0) + 1);
  return counts;
}

function contentOf(row: LakeRow): string {
  return JSON.stringify(Object.entries(row).filter(([name]) => !GIVEN.has(name)));
}
