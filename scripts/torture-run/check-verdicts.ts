/**
 * Promise 4: two rule sets take turns between lives, and each verdict is that of the one set which is stored with it. One rule
 * of both remembers: it must find what a plain reading of all rows in their order finds, whichever process died in between.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Differences } from "./check-readings.ts";
import type { Lake, LakeRow } from "./lake.ts";

/** °C above which a reading is an anomaly. */
const LIMITS = [60, 26] as const;

/** mm/s² that about half of the readings exceed, so that chance makes and breaks runs all the time. */
const SHAKING = { name: "shaking", max: 3, atLeast: 3, of: 4 } as const;
/** As docs/rules.md says, "What rules remember". */
const SET_BACK_AFTER = 10;

/** A folder of rules for each limit. */
export function writeRules(folder: string): readonly string[] {
  return LIMITS.map((max) => {
    const rules = join(folder, `rules-${max}`);
    mkdirSync(rules);
    const common = { severity: "warning", description: "For the torture of the agent" };
    const set = [
      { ...common, name: "hot", when: { range: { measure: "temperature", max } } },
      {
        ...common,
        name: SHAKING.name,
        when: { range: { measure: "vibration", max: SHAKING.max } },
        confirm: { at_least: SHAKING.atLeast, of: SHAKING.of },
      },
      { ...common, name: "flagged", when: { flag: { field: "anomaly_flag", equals: 1 } } },
    ];
    writeFileSync(join(rules, "rules.json"), JSON.stringify(set));
    return rules;
  });
}

export function checkVerdicts(lake: Lake, differences: Differences): void {
  const anomalous = new Set(lake.anomalies.map((row) => row["reading_id"]));
  const versions = Map.groupBy(lake.raw, (row) => String(row["rules_version"]));
  const limitOf = new Map<number, string>();
  const shaking = readingsThatShake(lake.raw);
  for (const { reading_id: id, anomaly_rules: rules } of lake.anomalies) {
    const said = Array.isArray(rules) && rules.includes(SHAKING.name);
    if (said !== shaking.has(id))
      differences.add(`${id}: ${SHAKING.name} was ${said ? "" : "not "}broken, it should be otherwise`);
  }
  for (const [version, rows] of versions) {
    const [best, other] = LIMITS.map((limit) => {
      const isAnomalous = (row: LakeRow) => isAnomaly(row, limit) || shaking.has(row["reading_id"]);
      const wrong = rows.filter((row) => isAnomalous(row) !== anomalous.has(row["reading_id"]));
      return { limit, wrong };
    }).sort((a, b) => a.wrong.length - b.wrong.length);
    const { limit, wrong } = best!;
    for (const row of wrong)
      differences.add(`rules ${version} (limit ${limit}) cannot have judged ${JSON.stringify(row)}`);
    // A few rows may fit both sets: they say nothing of which it was.
    if (other!.wrong.length === wrong.length) continue;
    if (limitOf.has(limit)) differences.add(`rules ${version} and ${limitOf.get(limit)} are the same set`);
    limitOf.set(limit, version);
  }
}

function isAnomaly(row: LakeRow, limit: number): boolean {
  const { sensor_id: sensor, anomaly_flag: flag, temperature } = row;
  return sensor === null || flag === 1 || (typeof temperature === "number" && temperature > limit);
}

/** The ids of the readings of which three of the sensor's last four that counted shook. */
function readingsThatShake(raw: readonly LakeRow[]): ReadonlySet<unknown> {
  const ids = new Set<unknown>();
  const seqOf = (row: LakeRow) => Number(String(row["reading_id"]).split("-")[1]);
  const bySensor = Map.groupBy(
    raw.filter((row) => typeof row["vibration"] === "number"),
    (row) => row["sensor_id"],
  );
  for (const rows of bySensor.values()) {
    let last = Number.NEGATIVE_INFINITY;
    let late: number[] = [];
    let shook: boolean[] = [];
    let aside: { readonly peak: number; readonly shook: boolean[] } | null = null;
    // The distance between readings of an earlier time; a long step is slowly forgotten.
    let apart = 0;
    for (const row of rows.toSorted((a, b) => seqOf(a) - seqOf(b))) {
      const time = Date.parse(String(row["timestamp"]));
      if (time <= last) {
        late = late.length > 0 && time > late.at(-1)! ? [...late, time] : [time];
        if (late.length < SET_BACK_AFTER) continue;
        // Ten in a row that rise count from here: the sensor's clock had been ahead, or it is a backlog.
        aside ??= { peak: last, shook };
        shook = [];
        apart = 0;
      } else if (aside !== null && time <= aside.peak) {
        apart = Math.max(time - last, apart / 4);
      } else if (aside !== null) {
        // A jump beyond the newest time: it was a backlog, and what came before it continues.
        if (time - last > 3 * apart) shook = aside.shook;
        aside = null;
      }
      late = [];
      last = time;
      const shakes = (row["vibration"] as number) > SHAKING.max;
      shook = [...shook, shakes].slice(-SHAKING.of);
      if (shakes && shook.filter((each) => each).length >= SHAKING.atLeast) ids.add(row["reading_id"]);
    }
  }
  return ids;
}
