import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SensorCatalogue } from "../core/sensor.ts";
import { loadRuleTexts } from "./files/load.ts";
import { formatProblem, RULE_LIMITS } from "./rule-set.ts";

const manual = readFileSync(join(import.meta.dir, "../../docs/rules.md"), "utf8");
const examples = [...manual.matchAll(/```json\n([\s\S]*?)```/g)].map((match) => match[1]!.trim());
const range = '"when": { "range": { "measure": "temperature", "max": 60 } }';

test("every example in the manual is a rule that is accepted", () => {
  expect(examples.length).toBeGreaterThan(5);
  for (const example of examples) {
    const rest = example.startsWith('"when"') ? "" : `, ${range}`;
    // The example of `tests` shows a rule that applies to one kind of sensor.
    const applies = example.startsWith('"tests"') ? ', "applies_to": { "sensor_type": "environmental" }' : "";
    const text = example.startsWith("{") ? example : `{ "name": "r", ${example}${rest}${applies} }`;
    const loaded = loadRuleTexts([{ name: "manual.json", text }], new SensorCatalogue());
    expect([example, "ok" in loaded ? [] : loaded.refused.map(formatProblem)]).toEqual([example, []]);
    if (example.startsWith("{") && "ok" in loaded) expect(manual).toContain(`1 rule, version ${loaded.ok.version}.`);
  }
});

test("the manual states the limits that are in force", () => {
  const { fileBytes, rules, tests, expressionBytes } = RULE_LIMITS;
  const number = (value: number) => value.toLocaleString("en-US");
  const stated = `a file ${fileBytes / 1024 ** 2} MiB, ${number(rules)} rules, ${number(tests)} tests a rule, an expression ${expressionBytes / 1024} KiB`;
  expect(manual.replace(/\s+/g, " ")).toContain(stated);
});
