import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { STAGES } from "../../core/stage.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";
import { nodeWithLake, type TestNode } from "../../verify/node.suite.ts";
import type { Context } from "../frame/command.ts";
import { see } from "../frame/command-line.suite.ts";
import { COMMANDS } from "../frame/commands.ts";
import { progressLine } from "../frame/progress-line.ts";
import { clean } from "./clean.ts";
import { readable } from "./head.ts";

let node: TestNode;
let store: ObjectStore;
// One node for all: the tests that delete objects come last.
beforeAll(async () => {
  ({ node, store } = await nodeWithLake());
});
afterAll(() => node.end());

/** Runs a command line beside the lake and returns all that a user would see. */
const seen = (...argv: string[]) => see(argv, COMMANDS, { env: { AGENT_DATA_DIR: "." }, cwd: node.dataDir });

test("lake ls shows objects, rows and the span of event time by stage", async () => {
  const { code, stdout } = await seen("lake", "ls", "--json");
  expect(code).toBe(0);
  const [raw, ...others] = JSON.parse(stdout) as Record<string, unknown>[];
  expect(raw).toEqual({
    stage: "raw",
    bucket: "expanso-raw-data-us-west-2",
    objects: 3,
    rows: 1_000,
    bytes: expect.any(Number),
    first_event: "2026-11-23T08:00:00.000Z",
    last_event: "2026-11-23T09:00:00.000Z",
    other_objects: 0,
  });
  expect(others.map(({ stage, rows, first_event: first }) => [stage, rows, first])).toEqual([
    ["validated", 880, "2026-11-23T08:00:00.000Z"],
    ["anomalies", 120, "2026-11-23T08:00:00.000Z"],
    ["schematized", 880, "2026-11-23T08:00:00.000Z"],
    ["aggregated", 51, "2026-11-23T08:50:00.000Z"],
  ]);
  const text = (await seen("lake", "ls", "--stage", "anomalies")).stdout;
  expect(text.split("\n").length).toBe(3);
  expect(text).toMatch(
    /\nanomalies +3 +120 .* 2026-11-23T08:00Z +2026-11-23T09:00Z +.*expanso-anomalies-data-us-west-2\n/,
  );
});

test("an empty lake lists five stages with nothing in them", async () => {
  const { code, stdout } = await seen("lake", "ls", "--json", "--store", "dir:nowhere");
  expect(code).toBe(0);
  const found = JSON.parse(stdout) as Record<string, unknown>[];
  expect(found.map(({ stage }) => stage)).toEqual([...STAGES]);
  expect(found[0]).toMatchObject({ objects: 0, rows: 0, bytes: 0, first_event: null, last_event: null });
});

test("lake head shows rows of the newest objects as they are, a line each", async () => {
  const { code, stdout } = await seen("lake", "head", "--count", "450");
  expect(code).toBe(0);
  const rows = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, string>);
  const seqs = rows.map((row) => Number(row["reading_id"]?.split("-")[1]));
  expect(rows.length).toBe(450);
  // The last hour begins at seq 600; behind it comes the newest object of the hour before.
  expect(seqs.slice(0, 401).every((seq) => seq >= 600)).toBe(true);
  expect(seqs.slice(401).every((seq) => seq > 500 && seq < 600)).toBe(true);
  const windows = (await seen("lake", "head", "--stage", "aggregated", "--count", "1")).stdout;
  expect(JSON.parse(windows)).toMatchObject({ window_start: "2026-11-23T09:06:00.000Z", revision: 0 });
  const nothing = await seen("lake", "head", "--store", "dir:nowhere");
  expect([nothing.code, nothing.stdout, nothing.stderr.length]).toEqual([0, "", 1]);
});

test("a row for people is one line: when, who, what, why", () => {
  const row = {
    sensor_id: "s1",
    model: "M",
    timestamp: "T",
    temperature: 72.4,
    node_id: "n",
    anomaly_reason: "too\nhot",
  };
  expect(readable(JSON.stringify(row))).toBe("T  s1  temperature=72.4  too\\nhot");
  expect(readable("no json")).toBe("no json");
});

test("wrong stages and counts are refused with a way out", async () => {
  expect(await seen("lake", "ls", "--stage", "rwa")).toEqual({
    code: 2,
    stdout: "",
    stderr: [
      'Cannot use --stage "rwa": expected raw, validated, anomalies, schematized, aggregated; did you mean raw?',
      "Try: agent lake ls --help",
    ],
  });
  expect((await seen("lake", "head", "--count", "-3")).code).toBe(2);
});

test("verify and status read the same node from the command line", async () => {
  const verified = await seen("verify", "--deep");
  expect([verified.code, verified.stderr]).toEqual([0, []]);
  expect(verified.stdout).toEndWith("\nevery reading is where it belongs\n");
  expect((await seen("verify", "--store", "dir:nowhere")).code).toBe(1);
  expect((await seen("verify", "--data-dir", "nowhere")).code).toBe(2);
  const status = await seen("status", "--json");
  expect(JSON.parse(status.stdout)).toMatchObject({ health: "ok", buffer: { accepted: 1_000 } });
  expect((await seen("status", "--data-dir", "nowhere")).code).toBe(2);
});

test("progress is a line on a terminal only, and only after a while", () => {
  const written: string[] = [];
  const line = progressLine(true, (text) => void written.push(text));
  line.tell(() => "1 object listed");
  line.end();
  progressLine(false, (text) => void written.push(text)).tell(() => "never");
  expect(written).toEqual([]);
});

test("lake clean deletes nothing when the word is not typed", async () => {
  const said: string[] = [];
  const context: Context = {
    settings: { ...node.settings, store: "dir:lake" },
    env: {},
    cwd: node.dataDir,
    terminal: false,
    typed: "agent",
    stop: new AbortController().signal,
    write: async () => undefined,
    say: (line) => void said.push(line),
  };
  const before = (await Array.fromAsync(store.list("raw"))).length;
  expect(await clean({ stage: "raw", yes: false, json: false }, context, async () => "yes")).toBe(1);
  expect(said.at(-1)).toBe("Nothing was deleted.");
  expect((await Array.fromAsync(store.list("raw"))).length).toBe(before);
  expect(await clean({ stage: "raw", yes: false, json: false }, context, async () => " clean ")).toBe(0);
  expect(await Array.fromAsync(store.list("raw"))).toEqual([]);
});

test("lake clean refuses without a terminal, and with --yes deletes what is ours, stage by stage", async () => {
  const refused = await seen("lake", "clean");
  expect(refused.code).toBe(2);
  expect(refused.stderr.slice(-2)).toEqual([
    "Cannot clean the lake: there is no terminal to ask on",
    "Try: agent lake clean --yes",
  ]);
  const foreign = join(store.place("validated"), "README.txt");
  await Bun.write(foreign, "not ours");
  const cleaned = await seen("lake", "clean", "--stage", "validated", "--yes", "--json");
  expect(cleaned.code).toBe(0);
  expect(JSON.parse(cleaned.stdout)).toMatchObject([{ stage: "validated", rows: 880 }]);
  expect(cleaned.stderr.join("\n")).toContain("What a buffer has delivered is not sent again");
  expect((await Array.fromAsync(store.list("validated"))).map(({ key }) => key)).toEqual(["README.txt"]);
  expect((await Array.fromAsync(store.list("anomalies"))).length).toBe(3);
  expect((await seen("lake", "clean", "--yes")).stderr.at(-1)).toMatch(/^\d+ objects were deleted\.$/);
  expect((await seen("lake", "clean", "--yes")).stderr).toEqual(["There is nothing to delete."]);
  expect(existsSync(foreign)).toBe(true);
});
