/** The judge of scripts/torture, judged: each way to break a promise is found and named. */
import { expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import {
  checkAgainstReference,
  checkSource,
  checkStages,
  Differences,
} from "../../scripts/torture-run/check-readings.ts";
import { checkVerdicts } from "../../scripts/torture-run/check-verdicts.ts";
import { checkWindows, checkWindowsBut } from "../../scripts/torture-run/check-windows.ts";
import { type Lake, type LakeRow, readLake, type Stage, type Stored } from "../../scripts/torture-run/lake.ts";
import { NOTE, type SourceRow, sourceRow } from "../../scripts/torture-run/source-rows.ts";

const ROWS = 300;
const WINDOW_MS = 10_000;
/** None of them shakes: what the rule that remembers finds is not worked out here again. */
const source: SourceRow[] = Array.from({ length: ROWS }, (_, n) => sourceRow(4, n)).map((row) => {
  const { vibration } = row;
  return typeof vibration === "number" ? { ...row, vibration: Math.min(vibration, 3) } : row;
});
const isReading = (row: SourceRow) =>
  row["sensor_id"] !== null && row["temperature"] !== "warm" && row["timestamp"] !== "yesterday, about noon";

type Delivered = Record<Stage, LakeRow[]> & { objects: number };

/** What a faultless agent would deliver, each revision of a window once. */
function faultless(): Delivered {
  return structuredClone(FAULTLESS);
}

function deliverAll(): Delivered {
  const lake = { raw: [], validated: [], anomalies: [], schematized: [], aggregated: [] } as Record<Stage, LakeRow[]>;
  for (const [n, row] of source.entries()) {
    const id = { reading_id: `e-${n + 1}`, rules_version: "v" };
    if (!isReading(row)) {
      const extra = JSON.stringify({ received: JSON.stringify(row) });
      const bad = { ...id, sensor_id: null, timestamp: "2026-01-05T00:00:00.000Z", extra };
      lake.raw.push(bad);
      lake.anomalies.push(bad);
      continue;
    }
    const { [NOTE]: note, ...fields } = row;
    const good = { ...fields, ...id, extra: JSON.stringify({ [NOTE]: note }) };
    lake.raw.push(good);
    if (row["anomaly_flag"] === 1 || Number(row["temperature"]) > 60) lake.anomalies.push(good);
    else {
      lake.validated.push(good);
      lake.schematized.push({ ...good, dew_point: 1 });
    }
  }
  lake.aggregated.push(...windowsOf(lake));
  return { ...lake, objects: 1 };
}

/** In one pass, as Welford has it: another way than the check's. */
function windowsOf(lake: Record<Stage, LakeRow[]>): LakeRow[] {
  const windows = new Map<string, Record<string, number | string | null>>();
  const counted = [
    ...lake.validated.map((row) => [row, true] as const),
    ...lake.anomalies.filter((row) => row["sensor_id"] !== null).map((row) => [row, false] as const),
  ];
  for (const [row, isValid] of counted) {
    const startMs = Math.floor(Date.parse(String(row["timestamp"])) / WINDOW_MS) * WINDOW_MS;
    const start = new Date(startMs).toISOString();
    const where = `${start} ${row["sensor_id"]}`;
    const window = windows.get(where) ?? emptyWindow(start, String(row["sensor_id"]));
    windows.set(where, window);
    window[isValid ? "record_count" : "anomaly_count"] = Number(window[isValid ? "record_count" : "anomaly_count"]) + 1;
    if (isValid) for (const name of MEASURES) addValue(window, name, row[name]);
  }
  return [...windows.values()];
}

const MEASURES = ["temperature", "humidity", "pressure", "vibration", "voltage"];

function emptyWindow(start: string, sensor: string): Record<string, number | string | null> {
  const window: Record<string, number | string | null> = {
    window_id: `e-${start}`,
    window_start: start,
    revision: 0,
    sensor_id: sensor,
    record_count: 0,
    anomaly_count: 0,
  };
  for (const name of MEASURES) {
    for (const what of ["avg", "min", "max", "stddev"]) window[`${what}_${name}`] = null;
  }
  return window;
}

function addValue(window: Record<string, number | string | null>, name: string, value: unknown): void {
  if (typeof value !== "number") return;
  const n = Number(window[`n_${name}`] ?? 0) + 1;
  const before = Number(window[`avg_${name}`] ?? 0);
  const avg = before + (value - before) / n;
  const squares = Number(window[`squares_${name}`] ?? 0) + (value - before) * (value - avg);
  const [min, max] = [window[`min_${name}`] ?? value, window[`max_${name}`] ?? value];
  Object.assign(window, {
    [`n_${name}`]: n,
    [`squares_${name}`]: squares,
    [`avg_${name}`]: avg,
    [`min_${name}`]: Math.min(Number(min), value),
    [`max_${name}`]: Math.max(Number(max), value),
    [`stddev_${name}`]: n > 1 ? Math.sqrt(squares / (n - 1)) : null,
  });
}

const FAULTLESS = deliverAll();

function judged(change: (lake: ReturnType<typeof faultless>) => void): readonly string[] {
  const lake = faultless();
  change(lake);
  const differences = new Differences();
  checkSource(source, lake, differences);
  checkStages(lake, differences);
  checkVerdicts(lake, differences);
  checkWindows(lake, WINDOW_MS, differences);
  checkAgainstReference(lake, faultless(), differences);
  return differences.list();
}

test("a correct lake has no differences", () => {
  expect(judged(() => undefined)).toEqual([]);
});

test("each broken promise is named", () => {
  const faults: readonly (readonly [string, RegExp, (lake: ReturnType<typeof faultless>) => void])[] = [
    ["a row lost everywhere", /row 7 is not in raw/, (lake) => drop(lake, "e-8", ["raw", "validated", "schematized"])],
    ["a row lost in raw", /e-8 is in a stage, but not in raw/, (lake) => drop(lake, "e-8", ["raw"])],
    ["no verdict", /neither in validated nor in anomalies/, (lake) => drop(lake, "e-8", ["validated"])],
    ["two verdicts", /is in validated and in anomalies/, (lake) => lake.anomalies.push(lake.validated[0]!)],
    ["not schematized", /in one of validated and schematized only/, (lake) => drop(lake, "e-8", ["schematized"])],
    ["a copy", /e-1 is in raw twice/, (lake) => lake.raw.push(lake.raw[0]!)],
    ["taken twice", /is in raw 2 times/, (lake) => lake.raw.push({ ...lake.raw[0]!, reading_id: "e-999" })],
    ["another epoch", /of another epoch/, (lake) => lake.raw.push({ ...lake.raw[0]!, reading_id: "f-999" })],
    ["a changed value", /another humidity/, (lake) => change(lake.raw, 5, { humidity: -1 })],
    ["a changed identity", /another firmware_version/, (lake) => change(lake.raw, 5, { firmware_version: "0" })],
    ["a count", /record_count is 99/, (lake) => change(lake.aggregated, 3, { record_count: 99 })],
    ["an anomaly count", /anomaly_count is 99/, (lake) => change(lake.aggregated, 3, { anomaly_count: 99 })],
    ["a mean", /avg_voltage/, (lake) => change(lake.aggregated, 3, { avg_voltage: 22 })],
    ["a lost window", /never went out/, (lake) => lake.aggregated.pop()],
    ["a revision twice", /went out twice/, (lake) => lake.aggregated.push(lake.aggregated[0]!)],
    [
      "an old revision",
      /r1: record_count/,
      (lake) => lake.aggregated.push({ ...lake.aggregated[0]!, revision: 1, record_count: 0 }),
    ],
    [
      "a window that goes out again without news",
      /r1 has \d+ readings, and \d+ before/,
      (lake) => {
        const { window_start: start } = lake.aggregated[0]!;
        const again = lake.aggregated.filter((row) => row["window_start"] === start);
        lake.aggregated.push(...again.map((row) => ({ ...row, revision: 1 })));
      },
    ],
    [
      "a revision that did not arrive",
      /has no revision 1/,
      (lake) => lake.aggregated.push({ ...lake.aggregated[0]!, revision: 2 }),
    ],
    ["a wrong verdict", /cannot have judged/, (lake) => lake.anomalies.push(...lake.validated.splice(0, 1))],
  ];
  for (const [name, sentence, fault] of faults)
    expect([name, judged(fault).join("\n")]).toEqual([name, expect.stringMatching(sentence)]);
});

test("findings of a stateful rule that are missing, and findings that should not exist, are named", () => {
  const row = (seq: number, vibration: number): LakeRow => ({
    reading_id: `e-${seq}`,
    sensor_id: "s",
    vibration,
    rules_version: "v",
    timestamp: new Date(seq * 1_000).toISOString(),
  });
  const raw = [row(1, 9), row(2, 9), row(3, 1), row(4, 9), row(5, 1)];
  const verdicts = (...broken: number[]) => {
    const anomalies = broken.map((seq) => ({ ...raw[seq - 1]!, anomaly_rules: ["shaking"] }));
    const differences = new Differences();
    checkVerdicts({ raw, anomalies, validated: [], schematized: [], aggregated: [], objects: 1 }, differences);
    return differences.list().join("\n");
  };
  expect(verdicts(4)).toBe("");
  expect(verdicts()).toMatch(/^rules v .* cannot have judged .*"e-4"/);
  expect(verdicts(2, 4)).toMatch("e-2: shaking was broken, it should be otherwise");
});

function drop(lake: ReturnType<typeof faultless>, id: string, stages: readonly Stage[]): void {
  for (const stage of stages) lake[stage] = lake[stage].filter((row) => row["reading_id"] !== id);
}

function change(rows: LakeRow[], at: number, fields: LakeRow): void {
  rows[at] = { ...rows[at]!, ...fields };
}

test("an object that is cut, or that its key does not describe, is refused", async () => {
  const row = `{"reading_id":"e-5","timestamp":"2026-01-05T21:30:00.000Z"}\n`;
  const named = (hour: string, range: string, count: number) =>
    `date=2026-01-05/hour=${hour}/node/e.${range}.${count}.json.gz`;
  const read = async (key: string, body: Uint8Array): Promise<Lake | string> => {
    const stored: Stored = { stage: "raw", key, body };
    async function* one() {
      yield stored;
    }
    return readLake(one()).catch((error: Error) => error.message);
  };
  const two = new Uint8Array([...gzipSync(row), ...gzipSync(row)]);
  expect(await read(named("21", "000000000001-000000000009", 2), two)).toMatchObject({ objects: 1 });
  expect(await read(named("21", "000000000001-000000000009", 2), two.subarray(0, -9))).toMatch("is not a whole object");
  expect(await read(named("21", "000000000001-000000000009", 3), two)).toMatch("2 rows inside");
  expect(await read(named("22", "000000000001-000000000009", 2), two)).toMatch("a row of 2026-01-05T21");
  expect(await read(named("21", "000000000006-000000000009", 2), two)).toMatch("a row with seq 5");
});

test("windows lack as many readings as are counted as late: no less, no more, and no other difference", () => {
  const judgedBut = (late: number, fault: (lake: Delivered) => void): string => {
    const lake = faultless();
    fault(lake);
    const differences = new Differences();
    checkWindowsBut(late, lake, WINDOW_MS, differences);
    return differences.list().join("\n");
  };
  const lacks = (lake: Delivered) => {
    const at = lake.aggregated.findIndex((row) => Number(row["record_count"]) > 1);
    lake.aggregated[at] = { ...lake.aggregated[at]!, record_count: Number(lake.aggregated[at]!["record_count"]) - 1 };
  };
  expect(judgedBut(0, () => undefined)).toBe("");
  expect(judgedBut(1, lacks)).toBe("");
  expect(judgedBut(0, lacks)).toMatch(/0 readings are counted as late, and windows lack 1/);
  expect(judgedBut(2, lacks)).toMatch(/2 readings are counted as late, and windows lack 1/);
  expect(judgedBut(0, (lake) => lake.aggregated.splice(0, 1))).toMatch(/windows lack [1-9]/);
  const wrong = (lake: Delivered) => {
    lake.aggregated[0] = { ...lake.aggregated[0]!, max_temperature: 1e9 };
  };
  expect(judgedBut(0, wrong)).toMatch(/max_temperature/);
});
