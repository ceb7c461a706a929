import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentError } from "../core/errors.ts";
import { resolveSettings } from "../core/settings/settings.ts";
import { loadProfile } from "../sensor/profile/shipped.ts";
import { command } from "./simulate.ts";

type World = { readonly cwd?: string; readonly stopAfterWrites?: number; readonly heard?: (line: string) => void };

/** Runs one command line and returns what a user would see; `stopAfterWrites`: what a closed pipe or a signal does. */
async function seen(line: string, world: World = {}) {
  const { cwd = "/nowhere", stopAfterWrites = Number.POSITIVE_INFINITY, heard = () => undefined } = world;
  let stdout = "";
  let writes = 0;
  const stderr: string[] = [];
  const stop = new AbortController();
  if (stopAfterWrites === 0) stop.abort();
  try {
    const call = await command.read(line.split(" ").filter(Boolean), "agent simulate");
    const code = await call.run({
      typed: "agent simulate",
      settings: resolveSettings({ flags: call.settings }),
      env: {},
      cwd,
      terminal: false,
      stop: stop.signal,
      say: (text) => {
        stderr.push(text);
        heard(text);
      },
      write: async (bytes) => {
        stdout += typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes);
        if (++writes >= stopAfterWrites) stop.abort();
      },
    });
    return { code, stdout, stderr };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return {
      code: error.name === "UsageError" ? 2 : 1,
      stdout,
      stderr: error.message.split("\n"),
      tryHint: error.tryHint,
    };
  }
}

const rowsIn = (stdout: string): Record<string, unknown>[] =>
  stdout === ""
    ? []
    : stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));

test("every line on stdout is a reading, and the same seed, start and count give the same bytes", async () => {
  const line = "--rate max --count 2500 --start 2026-01-01 --sensors 7 --seed 9 --faults 0.01";
  const first = await seen(line);
  expect(first.code).toBe(0);
  expect(first.stderr).toEqual([]);
  const rows = rowsIn(first.stdout);
  expect(rows.length).toBe(2_500);
  expect(new Set(rows.map((row) => row["sensor_id"])).size).toBe(7);
  expect(rows[0]).toMatchObject({ timestamp: "2026-01-01T00:00:00.000Z", sensor_type: "environmental" });
  expect((await seen(line)).stdout).toBe(first.stdout);
});

test("normal readings of both profiles stay in range, labelled anomalies are flagged and mostly do not", async () => {
  for (const profile of ["environmental", "wind-turbine"]) {
    const { stdout } = await seen(
      `--rate max --count 8000 --anomaly-probability 0.1 --start 2026-01-01 --profile ${profile}`,
    );
    const { measures } = loadProfile(profile);
    const rows = rowsIn(stdout);
    const breaks = (row: Record<string, unknown>) =>
      measures.some(({ name, plausible }) => {
        const value = row[name];
        return typeof value !== "number" ? false : value < plausible[0] || value > plausible[1];
      });
    const normal = rows.filter((row) => row["anomaly_flag"] === 0);
    expect(normal.filter((row) => breaks(row) || row["anomaly_type"] !== null)).toEqual([]);
    expect(Math.abs(normal.length / rows.length - 0.9)).toBeLessThan(0.03);
    const spikes = rows.filter((row) => row["anomaly_type"] === "spike");
    expect(spikes.length).toBeGreaterThan(10);
    expect(spikes.filter((row) => row["anomaly_flag"] !== 1 || !breaks(row))).toEqual([]);
  }
});

test("--out sqlite: appends to the wide table and says how much", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "agent-simulate-"));
  for (const total of [1_500, 3_000]) {
    const { code, stdout, stderr } = await seen("--rate max --count 1500 --out sqlite:field.db", { cwd });
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr.join()).toMatch(/^Wrote 1,500 readings of 5 sensors to field\.db in [\d.]+ s$/);
    const db = new Database(join(cwd, "field.db"), { readonly: true });
    expect(db.query("SELECT count(*) AS n FROM sensor_readings").get()).toEqual({ n: total });
    db.close();
  }
  rmSync(cwd, { recursive: true });
});

test("simulate waits for a database that another program has locked, and says so once", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "agent-simulate-"));
  await seen("--rate max --count 5 --out sqlite:field.db", { cwd });
  const other = new Database(join(cwd, "field.db"));
  other.run("BEGIN IMMEDIATE");
  const heard = (line: string) => line.endsWith("Waiting until it can.") && other.run("ROLLBACK");
  const { code, stderr } = await seen("--rate max --count 5 --out sqlite:field.db", { cwd, heard });
  expect(code).toBe(0);
  expect(stderr).toEqual([
    `Cannot append to "${join(cwd, "field.db")}": database is locked. Waiting until it can.`,
    "Writing again.",
    expect.stringMatching(/^Wrote 5 readings/),
  ]);
  other.close();
  rmSync(cwd, { recursive: true });
});

test("a closed pipe or a signal ends it quietly, with exit code 0", async () => {
  const { code, stdout, stderr } = await seen("--rate max", { stopAfterWrites: 3 });
  expect([code, stderr]).toEqual([0, []]);
  expect(rowsIn(stdout).length).toBe(3_000);
  expect(await seen("--rate max", { stopAfterWrites: 0 })).toEqual({ code: 0, stdout: "", stderr: [] });
});

test("--for ends it after that time, paced or not", async () => {
  const fast = await seen("--rate max --for 5ms");
  expect(fast.code).toBe(0);
  const paced = await seen("--rate 1 --sensors 1 --for 5ms");
  expect([paced.code, rowsIn(paced.stdout).length]).toEqual([0, 1]);
});

test("a wrong call says everything that is wrong and what to try", async () => {
  expect(await seen("--rate fast --anomaly-probability 3 --for ever --count -1")).toEqual({
    code: 2,
    stdout: "",
    stderr: [
      'Cannot use --rate: it must be a number from 0.00001 to 100000, not "fast"',
      'Cannot use --count: it must be a whole number from 0 to 1000000000000, not "-1"',
      'Cannot use --anomaly-probability: it must be a number from 0 to 1, not "3"',
      'Cannot use --for: it must be a time such as 30s or 5m, not "ever"',
      "Cannot use --for: it and --count exclude each other",
    ],
    tryHint: "agent simulate --help",
  });
  expect(await seen("--out mqtt://me:hush@localhost:1883/site/+")).toMatchObject({
    code: 2,
    stderr: [
      'Cannot write to "mqtt://me:***@localhost:1883/site/+": "site/+" is not a topic to publish to: it has a wildcard',
    ],
  });
  expect((await seen("--out field.db")).stderr).toEqual([
    'Cannot write to "field.db": it is neither stdout, sqlite:PATH nor mqtt://HOST/TOPIC',
  ]);
  expect((await seen("--profile nix")).code).toBe(2);
});
