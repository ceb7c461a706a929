/** A rule file with another text: what the agent would say of its folder. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SensorCatalogue } from "../../core/sensor.ts";
import { finished } from "../../core/time/steps.ts";
import { checkEdit } from "./check-edit.ts";
import { loadRules } from "./load.ts";

const root = mkdtempSync(join(tmpdir(), "rule-check-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

const rule = (name: string, max: number, tests: unknown[] = []) =>
  JSON.stringify({ name, when: { range: { measure: "temperature", max } }, tests });
const WARM = { reading: { temperature: 31 }, breaks: true };

function check(files: Readonly<Record<string, string>>, name: string, text: string) {
  const dir = join(root, `rules-${folders++}`);
  mkdirSync(dir);
  for (const [file, content] of Object.entries(files)) writeFileSync(join(dir, file), content);
  const checked = finished(checkEdit({ dir, shownAs: "rules", edit: { name, text }, profiles: [] }));
  writeFileSync(join(dir, name), text);
  return { checked, loaded: loadRules(dir, new SensorCatalogue(), "rules") };
}

test("a right text has the version that the agent gives the folder once it is written", () => {
  const { checked, loaded } = check(
    { "a.json": rule("a", 1), "b.json": rule("b", 2) },
    "a.json",
    rule("a", 30, [WARM]),
  );
  expect(checked).toMatchObject({ outcome: "in-force", problems: [], set: { count: 2 } });
  expect("ok" in loaded && loaded.ok.version).toBe(checked.set!.version);
  expect(checked.rules.map(({ rule: { name }, tests }) => [name, tests.map(({ problem }) => problem)])).toEqual([
    ["a", [null]],
  ]);
});

test("a file that is not there yet counts as one of the folder", () => {
  const { checked } = check({ "a.json": rule("a", 1) }, "new.json", rule("b", 2));
  expect(checked).toMatchObject({ outcome: "in-force", set: { count: 2 } });
  expect(check({}, "first.json", rule("b", 2)).checked.outcome).toBe("in-force");
});

test("what the agent would refuse is refused with the same problems, at the same places", () => {
  const wrong = ["{", "{}", `[${rule("a", 1)},${rule("a", 2)}]`, rule("b", 5), rule("a", 40, [WARM])];
  for (const text of wrong) {
    const { checked, loaded } = check({ "a.json": rule("a", 1), "b.json": rule("b", 2) }, "a.json", text);
    expect([text, checked.outcome]).toEqual([text, "refused"]);
    expect(checked.problems).toEqual("refused" in loaded ? [...loaded.refused] : []);
    expect(checked.set).toBeNull();
  }
});

test("a test that fails is shown at its line, beside those that pass", () => {
  const text = `{
  "name": "a",
  "when": { "range": { "measure": "temperature", "max": 40 } },
  "tests": [
    { "reading": { "temperature": 41 }, "breaks": true },
    { "reading": { "temperature": 31 }, "breaks": true }
  ]
}`;
  const { checked } = check({}, "a.json", text);
  expect(checked.problems.map(({ file, line }) => `${file}:${line}`)).toEqual(["rules/a.json:6"]);
  expect(checked.rules[0]!.tests.map(({ problem }) => problem?.line ?? null)).toEqual([null, 6]);
});

test("a file that is right may be saved while another one is refused, but not when it makes that worse", () => {
  const broken = { "a.json": "{", "b.json": "{" };
  const { checked } = check(broken, "a.json", rule("a", 30, [WARM]));
  expect(checked.outcome).toBe("others-refused");
  expect(checked.problems.map(({ file }) => file)).toEqual(["rules/b.json"]);
  expect(checked.rules[0]!.tests).toHaveLength(1);
  // The tests of the edited file run all the same.
  expect(check(broken, "a.json", rule("a", 40, [WARM])).checked.outcome).toBe("refused");
  // The other file would be refused for what this one takes from it.
  expect(check({ "a.json": "{", "b.json": rule("b", 2) }, "a.json", rule("b", 30)).checked.outcome).toBe("refused");
});
