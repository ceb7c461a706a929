import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SensorCatalogue } from "../../core/sensor.ts";
import { formatProblem } from "../rule-set.ts";
import { loadRules } from "./load.ts";
import { builtInRules, SHIPPED_FILES, shippedRules } from "./shipped.ts";

const FOLDER = join(import.meta.dir, "../../../rules");

test("the rules in the binary are those of the folder, and pass their own tests", () => {
  expect(Object.keys(SHIPPED_FILES)).toEqual(readdirSync(FOLDER).toSorted());
  const loaded = loadRules(FOLDER, new SensorCatalogue());
  if ("refused" in loaded) throw new Error(loaded.refused.map(formatProblem).join("\n"));
  expect(builtInRules(new SensorCatalogue()).version).toBe(loaded.ok.version);
});

test("every shipped rule is described, and tested with a reading that breaks it and one that does not", () => {
  for (const { name, description, tests } of shippedRules()) {
    expect([
      name,
      description.length > 20,
      new Set(tests.map(({ verdicts }) => [verdicts].flat().includes(true))).size,
    ]).toEqual([name, true, 2]);
  }
});

test("the physics of the wind turbine names its source, and leaves other sensors alone", () => {
  for (const { name, description, appliesTo } of shippedRules()) {
    if (!name.startsWith("turbine-")) continue;
    expect([name, description.includes("Source: "), appliesTo.columns]).toEqual([name, true, ["sensor_type"]]);
  }
});

test("the limit of Betz in the rule is the formula's, for the stated rotor and tolerance", () => {
  const area = Math.PI * 50 ** 2;
  const kilowattPerCube = ((16 / 27) * 0.5 * 1.225 * area) / 1_000;
  const rule = readFileSync(join(FOLDER, "wind-turbine.json"), "utf8");
  expect(rule).toContain(`power_output > ${(kilowattPerCube * 1.1 ** 3).toFixed(3)} * wind_speed`);
  expect(rule).toContain(`${kilowattPerCube.toFixed(3)}·v³`);
  expect(rule).toContain(`${((2 * Math.PI * 50) / 60).toFixed(3)}·rpm/v`);
});
