import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LastRules } from "../../agent/live-rules.ts";
import { makeLog, textLine } from "../../core/log/log.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { resolveSettings } from "../../core/settings/settings.ts";
import { builtInRules, SHIPPED_COUNT, SHIPPED_FILES } from "../../rules/files/shipped.ts";
import type { Context } from "../frame/command.ts";
import { rulesInForce } from "./place-of-rules.ts";

const HOME = mkdtempSync(join(tmpdir(), "place-of-rules-"));
afterAll(() => rmSync(HOME, { recursive: true }));

const good = '{"name":"damp","when":{"range":{"measure":"humidity","max":95}}}';
const bad = '{"name":"damp","wenn":{}}';
const BUILT_IN = builtInRules(new SensorCatalogue());
const NEVER: LastRules = { canonical: null, dir: null };
const BEFORE: LastRules = { canonical: BUILT_IN.canonical, dir: null };

/** A run in a folder of its own; `look` looks until a change would have been seen. */
function begun(last: LastRules, files: Readonly<Record<string, string>> | null = null, named?: string) {
  const cwd = mkdtempSync(join(HOME, "case-"));
  const write = (name: string, text: string) => {
    mkdirSync(join(cwd, "rules"), { recursive: true });
    if (name !== "") writeFileSync(join(cwd, "rules", name), text);
  };
  for (const [name, text] of Object.entries(files ?? {})) write(name, text);
  const said: string[] = [];
  const log = makeLog({
    least: "debug",
    secrets: [],
    now: () => 0,
    write: (entry) => void said.push(textLine(entry).slice("1970-01-01T00:00:00.000Z ".length)),
  });
  const settings = resolveSettings({ ...(named !== undefined && { flags: { rules: named } }) });
  const context: Context = {
    settings,
    cwd,
    env: {},
    typed: "agent run",
    write: async () => undefined,
    say: () => undefined,
    terminal: false,
    stop: new AbortController().signal,
  };
  const first = rulesInForce(context, { catalogue: new SensorCatalogue(), last }, log);
  let nowMs = 0;
  const look = () => {
    for (let looks = 0; looks < 4; looks++) {
      nowMs += 250;
      const found = first.look?.(nowMs, false) ?? null;
      if (found !== null) return found;
    }
    return null;
  };
  const newly = () => said.splice(0);
  return { cwd, write, first, look, newly };
}

const APPEARED = `WARN  rules_appeared: rules/ appeared: its 1 rule replaces the ${SHIPPED_COUNT} built-in ones; agent rules init writes those to files`;
const EMPTY = `INFO  rules_empty: rules/ has no rule file yet: the ${SHIPPED_COUNT} built-in rules stay in force; agent rules init writes them to files`;

test("without a folder the rules in the binary are in force, and the place is watched from the start", () => {
  const { first, look, newly, write } = begun(NEVER);
  expect([first.set.version, first.dir, newly(), look()]).toEqual([BUILT_IN.version, null, [], null]);
  write("a.json", good);
  const found = look();
  expect(found !== null && "ok" in found && [found.ok.names, found.dir]).toEqual([["damp"], "rules"]);
  expect([newly(), look()]).toEqual([[APPEARED], null]);
});

test("an empty folder, or one with other files, changes nothing and is logged once; its first rule file counts", () => {
  const { look, newly, write } = begun(BEFORE);
  write("", "");
  expect(look()).toMatchObject({ ok: { version: BUILT_IN.version }, dir: null });
  expect(newly()).toEqual([EMPTY]);
  write("notes.txt", "to do");
  expect([look(), newly()]).toEqual([null, []]);
  write("a.yaml", "name: damp");
  look();
  expect(newly()).toEqual([EMPTY.replace(" yet:", " yet (ignored: a.yaml):")]);
  write("a.json", good);
  expect(look()).toMatchObject({ ok: { names: ["damp"] }, dir: "rules" });
  expect(newly()).toEqual([APPEARED]);
});

test("a refused folder changes nothing until it is right, also where it goes away again", () => {
  const { cwd, look, newly, write } = begun(BEFORE);
  write("a.json", bad);
  expect(look()).toMatchObject({ refused: [{ file: "rules/a.json" }, {}] });
  expect(newly()).toEqual([]);
  rmSync(join(cwd, "rules"), { recursive: true });
  expect(look()).toMatchObject({ ok: { version: BUILT_IN.version }, dir: null });
  write("a.json", good);
  expect(look()).toMatchObject({ ok: { names: ["damp"] }, dir: "rules" });
  expect(newly()).toEqual([APPEARED]);
});

test("a start does the same: an empty folder counts as none, a new one is logged, one that was in force is not", () => {
  const empty = begun(NEVER, { "": "" });
  expect([empty.first.set.version, empty.first.refused, empty.newly()]).toEqual([BUILT_IN.version, [], [EMPTY]]);
  const copied = begun(BEFORE, { "a.json": good });
  expect([copied.first.set.names, copied.first.dir, copied.newly()]).toEqual([["damp"], "rules", [APPEARED]]);
  const first = begun(NEVER, { "a.json": good });
  expect(first.newly()).toEqual([APPEARED.replace("WARN ", "INFO ")]);
  const known = begun({ canonical: "[]", dir: "rules" }, { "a.json": good });
  expect([known.first.set.names, known.first.dir, known.newly()]).toEqual([["damp"], "rules", []]);
  const named = begun(BEFORE, { "a.json": good }, "rules");
  expect([named.first.set.names, named.newly()]).toEqual([["damp"], []]);
});

test("the shipped rules as files are the same set", () => {
  const files = Object.entries(SHIPPED_FILES).map(([name, value]) => [name, JSON.stringify(value)]);
  const { first, newly } = begun(BEFORE, Object.fromEntries(files));
  expect(first.set.version).toBe(BUILT_IN.version);
  expect(newly()).toEqual([`INFO  rules_appeared: rules/ appeared: its ${SHIPPED_COUNT} rules are the built-in ones`]);
});

test("a folder that was in force and is gone or empty is refused, and so is a named one", () => {
  const gone = begun({ canonical: BUILT_IN.canonical, dir: "rules" });
  expect(gone.first.refused.map(({ file }) => file)).toEqual(["rules"]);
  expect(gone.first.set.version).toBe(BUILT_IN.version);
  const emptied = begun({ canonical: BUILT_IN.canonical, dir: "rules" }, { "": "" });
  expect(emptied.first.refused.map(({ file }) => file)).toEqual(["rules"]);
  expect(() => begun(NEVER, { "": "" }, "rules")).toThrow('Cannot use rules "rules"');
  expect(() => begun(NEVER, { "a.json": bad })).toThrow('Cannot use rules "rules"');
});
