/** What the editor offers at a place of a rule file. */
import { expect, test } from "bun:test";
import { CompletionContext } from "@codemirror/autocomplete";
import { json } from "@codemirror/lang-json";
import { EditorState } from "@codemirror/state";
import { type KnownWords, ruleCompletion } from "./completion.ts";
import { aboutOf, kindOf, writtenAt } from "./schema.ts";

const WORDS: KnownWords = {
  measures: [
    { word: "temperature", about: "°C" },
    { word: "humidity", about: "%RH" },
  ],
  identities: { sensor_type: [{ word: "pump", about: "3 sensors" }] },
};

/** The labels at `|`. */
function offered(text: string): readonly string[] {
  const pos = text.indexOf("|");
  const state = EditorState.create({ doc: text.replace("|", ""), extensions: [json()] });
  const result = ruleCompletion(() => WORDS)(new CompletionContext(state, pos, true));
  return result?.options.map(({ label }) => label) ?? [];
}

test("keys of a rule, without those that are there", () => {
  const labels = offered('{ "name": "a", "|" }');
  expect(labels).toContain('"when"');
  expect(labels).toContain('"severity"');
  expect(labels).not.toContain('"name"');
  expect(offered('{ "name": "a", | }')).toEqual(labels);
  expect(offered('[{ "name": "a", | }]')).toEqual(labels);
});

test("kinds, and the keys of a kind", () => {
  expect(offered('{ "when": { | } }')).toEqual(
    ["range", "flag", "expression", "rate", "stuck", "gap", "missing", "spike", "drift", "disagrees"].map(
      (kind) => `"${kind}"`,
    ),
  );
  expect(offered('{ "when": { "range": { "measure": "temperature", "m|" } } }')).toEqual([
    '"min"',
    '"max"',
    '"overrides"',
    '"deadband"',
  ]);
});

test("values: of a choice, measures and sensors that the agent knows", () => {
  expect(offered('{ "severity": "|" }')).toEqual(['"info"', '"warning"', '"critical"']);
  expect(offered('{ "severity": | }').slice(0, 3)).toEqual(['"info"', '"warning"', '"critical"']);
  expect(offered('{ "when": { "range": { "measure": "|" } } }')).toEqual(['"temperature"', '"humidity"']);
  expect(offered('{ "when": { "missing": { "measures": ["|"] } } }')).toEqual(['"temperature"', '"humidity"']);
  expect(offered('{ "applies_to": { "sensor_type": "|" } }')).toContain('"pump"');
  expect(offered('{ "tests": [ { "breaks": | } ] }').slice(0, 2)).toEqual(["true", "false"]);
});

test("a reading of a test may have measures", () => {
  expect(offered('{ "tests": [ { "reading": { | } } ] }')).toContain('"temperature"');
});

test("nothing is offered where the schema knows nothing, and half a file is no error", () => {
  expect(offered('{ "name": "|" }')).toEqual([]);
  for (const text of ["|", "{|", '{"|', "[{|", '{ "when": {|', '{ "when": |', '{ "a": { "b": [|'])
    expect(Array.isArray(offered(text))).toBe(true);
});

test("a key has words of the schema", () => {
  const [severity] = writtenAt(["severity"]);
  expect(severity && [aboutOf(severity), kindOf(severity)]).toEqual([
    "How bad it is",
    '"info" | "warning" | "critical"; default "warning"',
  ]);
});
