/** Promise 4: two rule sets take turns between lives, and each verdict is that of the one set which is stored with it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Differences } from "./check-readings.ts";
import type { Lake, Row } from "./lake.ts";

/** °C above which a reading is an anomaly. */
const LIMITS = [60, 26] as const;

/** A folder of rules for each limit. */
export function writeRules(folder: string): readonly string[] {
  return LIMITS.map((max) => {
    const rules = join(folder, `rules-${max}`);
    mkdirSync(rules);
    const common = { severity: "warning", description: "For the torture of the agent" };
    const set = [
      { ...common, name: "hot", when: { range: { measure: "temperature", max } } },
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
  for (const [version, rows] of versions) {
    const [best] = LIMITS.map((limit) => {
      const wrong = rows.filter((row) => isAnomaly(row, limit) !== anomalous.has(row["reading_id"]));
      return { limit, wrong };
    }).sort((a, b) => a.wrong.length - b.wrong.length);
    const { limit, wrong } = best!;
    for (const row of wrong)
      differences.add(`rules ${version} (limit ${limit}) cannot have judged ${JSON.stringify(row)}`);
    if (limitOf.has(limit)) differences.add(`rules ${version} and ${limitOf.get(limit)} are the same set`);
    limitOf.set(limit, version);
  }
}

function isAnomaly(row: Row, limit: number): boolean {
  const { sensor_id: sensor, anomaly_flag: flag, temperature } = row;
  return sensor === null || flag === 1 || (typeof temperature === "number" && temperature > limit);
}
