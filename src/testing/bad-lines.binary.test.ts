/** Bad input through the compiled binary: nothing is lost, nothing crashes, and each line says what was wrong with it. */
import { afterAll, expect } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipRows } from "../uplink/read-object.ts";
import { testWith } from "./needs.ts";

const BINARY = join(import.meta.dir, "../../dist/agent");
const binaryTest = testWith("binary");
const folder = mkdtempSync(join(tmpdir(), "agent-bad-lines-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const good = (more: string) => `{"sensor_id":"A","timestamp":"2026-11-23T08:00:00Z",${more}}`;
const FILLER = "é".repeat(450_000);
/** Nearly as long as a line may be. */
const LONG = good(`"temperature":"warm","note":"${FILLER}"`);
/** A line, and the reason that it must be refused for; null: a reading. */
const LINES: readonly (readonly [string | Uint8Array, string | null])[] = [
  [good('"temperature":21.5'), null],
  ["this is not JSON", "not_json"],
  [good('"temperature":21.5').slice(0, -3), "not_json"],
  ["[1,2,3]", "not_an_object"],
  ["42", "not_an_object"],
  [good('"temperature":"21.5"'), "wrong_type"],
  [good('"temperature":true'), "wrong_type"],
  [good('"temperature":NaN'), "not_finite"],
  [good('"temperature":1e999'), "not_finite"],
  [good('"location":"cellar\u0000"'), "not_json"],
  [`\u0000\u0000\u0000${good('"temperature":24.5,"humidity":nan')}\u0000`, null],
  [good('"temperature":25.5,"humidity":-inf,"pressure":true,"other":NaN'), null],
  [new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]), "invalid_utf8"],
  ["x".repeat(10 * 1024 * 1024), "line_too_long"],
  ['{"timestamp":"2026-11-23T08:00:00Z","temperature":1}', "missing_field"],
  ['{"sensor_id":"A","temperature":1}', "missing_field"],
  ['{"sensor_id":"A","timestamp":"yesterday","temperature":1}', "bad_timestamp"],
  ['{"sensor_id":"A","timestamp":"2026-02-30T08:00:00Z","temperature":1}', "bad_timestamp"],
  [`{"sensor_id":"${"a".repeat(300)}","timestamp":"2026-11-23T08:00:00Z"}`, "text_too_long"],
  [good('"temperature":22.5,"unknown":{"nested":[1]}'), null],
  [LONG, "wrong_type"],
  [good(`"temperature":23.5,"note":"${FILLER}"`), null],
];

function rowsOf(stage: string): Record<string, unknown>[] {
  const bucket = join(folder, "lake", `expanso-${stage}-data-us-west-2`);
  if (!existsSync(bucket)) return [];
  return readdirSync(bucket, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".json.gz"))
    .flatMap((entry) => [...gunzipRows(readFileSync(join(entry.parentPath, entry.name)), entry.name)])
    .map((row) => row as Record<string, unknown>);
}

const reasonsOf = (rows: readonly Record<string, unknown>[]) =>
  rows
    .map((row) => (JSON.parse(String(row["extra"])) as { reason?: string } | null)?.reason ?? null)
    .filter((reason) => reason !== null)
    .sort();

binaryTest("bad lines end in raw and anomalies with a reason, and are counted; readings are not touched", () => {
  const stdin = Buffer.concat(LINES.flatMap(([line]) => [Buffer.from(line), Buffer.from("\n")]));
  const argv = ["run", "--source", "stdin:", "--once", "--data-dir", "buffer", "--store", "dir:lake"];
  const done = Bun.spawnSync([BINARY, ...argv], { cwd: folder, env: {}, stdin });
  // Most lines are not readings, so this is not a success.
  expect([done.exitCode, done.stderr.toString().includes("ERROR")]).toEqual([1, false]);
  const expected = LINES.flatMap(([, reason]) => (reason === null ? [] : [reason])).sort();
  expect(rowsOf("raw").length).toBe(LINES.length);
  expect(reasonsOf(rowsOf("raw"))).toEqual(expected);
  const anomalies = rowsOf("anomalies");
  expect(reasonsOf(anomalies)).toEqual(expected);
  for (const row of anomalies) {
    expect(row["anomaly_rules"]).toEqual(["malformed"]);
    expect(String(row["anomaly_reason"]).length).toBeGreaterThan(10);
  }
  expect(rowsOf("validated").map((row) => row["temperature"])).toEqual([21.5, 24.5, 25.5, 22.5, 23.5]);
  expect(rowsOf("validated").find((row) => row["temperature"] === 25.5)!["extra"]).toBe(
    '{"other":"NaN","bad_fields":{"humidity":{"reason":"not_finite","received":"-inf"},"pressure":{"reason":"wrong_type","received":true}}}',
  );
  // Once for each reason, however many there are.
  expect(done.stderr.toString().match(/ flaw: .*?[;.]/g)).toEqual([
    ' flaw: From "stdin:": there are NULs around a line, as a loss of power leaves them in a file;',
    ' flaw: From "stdin:": humidity is NaN, a finite number was expected;',
    ' flaw: From "stdin:": pressure is true, a number was expected;',
  ]);
  const long = anomalies.map((row) => JSON.parse(String(row["extra"])) as { bytes: number; received: string });
  expect(Math.max(...long.map(({ bytes }) => bytes))).toBe(10 * 1024 * 1024);
  expect(long.find(({ bytes }) => bytes === 10 * 1024 * 1024)!.received).toHaveLength(64 * 1024);
  expect(long.some(({ received }) => received === LONG)).toBe(true);
  const noted = rowsOf("validated").find((row) => row["temperature"] === 23.5)!;
  expect(noted["extra"]).toBe(`{"note":"${FILLER}"}`);

  const status = Bun.spawnSync([BINARY, "status", "--json", "--data-dir", "buffer"], { cwd: folder, env: {} });
  const told = JSON.parse(status.stdout.toString()) as {
    sources: unknown[];
    refused_by_reason: Record<string, number>;
  };
  expect(told.sources[0]).toMatchObject({
    accepted: LINES.length,
    refused: expected.length,
    flaws: [
      { reason: "not_finite", field: "humidity", count: 2 },
      { reason: "nul_padding", field: null, count: 2 },
      { reason: "wrong_type", field: "pressure", count: 1 },
    ],
  });
  const counts = Object.fromEntries([...Map.groupBy(expected, (r) => r)].map(([r, all]) => [r, all.length]));
  expect(told.refused_by_reason).toEqual(counts);
  const verified = Bun.spawnSync([BINARY, "verify", "--deep", "--data-dir", "buffer", "--store", "dir:lake"], {
    cwd: folder,
    env: {},
  });
  expect(verified.exitCode).toBe(0);
});
