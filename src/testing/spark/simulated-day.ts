/**
 * A day of 50 sensors, 45 on a roof and 5 wind turbines, more than a million readings: made by `agent simulate`, delivered
 * by `agent run --once` into a folder. What left the sensors is counted on the way, before the agent has it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bucketOf, STAGES, type Stage } from "../../core/stage.ts";
import { gunzipRows } from "../../uplink/read-object.ts";
import { AGENT_BINARY } from "../agent-process.ts";
import type { AnswerRows, ReadHeartbeat } from "../tally.ts";
import { ANSWERS } from "./lake-answers.ts";

export const DAY = "2026-11-23";
export const DAY_READINGS = 45 * 21_600 + 5 * 8_640;
const DAY_NODES = [
  { node: "roof", profile: "environmental", sensors: 45, rate: 0.25, anomaly: 0.02, seed: 6 },
  { node: "wind-park", profile: "wind-turbine", sensors: 5, rate: 0.1, anomaly: 0.03, seed: 7 },
] as const;
/** From this hour on the wind park's gateway, with new firmware, sends a field that no profile knows. */
export const NEW_FIELD = { node: "wind-park", name: "battery_voltage", since: `${DAY}T18` } as const;
const REGION = "us-west-2";

type SimulatedRow = Readonly<Record<string, unknown>>;

/** The ranges that rules/ states, said once more: what a reading breaks must not depend on the code that is tested. */
const RANGES: Readonly<Record<string, readonly [measure: string, least: number, most: number]>> = {
  "temperature-range": ["temperature", -20, 60],
  "humidity-range": ["humidity", 5, 95],
  "pressure-range": ["pressure", 950, 1050],
  "vibration-range": ["vibration", 0, 10],
  "voltage-range": ["voltage", 20, 25],
};

/** Which rows there were, in any order, by the fields that the sensor sent: the same rows have the same print. */
export class Print {
  rows = 0;
  #sum = 0n;
  readonly #fields: readonly string[];

  constructor(fields: readonly string[]) {
    this.#fields = fields;
  }

  see(row: SimulatedRow): void {
    this.rows++;
    this.#sum += Bun.hash.wyhash(JSON.stringify(this.#fields.map((field) => row[field] ?? null)));
  }

  get text(): string {
    return `${this.rows} rows ${BigInt.asUintN(64, this.#sum).toString(16)}`;
  }
}

/** What left the sensors of a node. */
export class Sent {
  readonly print: Print;
  readonly fields: readonly string[];
  /** By rule and sensor, of the rules whose verdict a reading alone decides. */
  readonly broken = new Map<string, number>();
  readonly byHour = new Map<string, number>();
  /** How many had the new field. */
  withNewField = 0;

  constructor(first: SimulatedRow) {
    this.fields = Object.keys(first);
    this.print = new Print(this.fields);
  }

  see(row: SimulatedRow): void {
    this.print.see(row);
    const hour = `${String(row["timestamp"]).slice(0, 13)}:00:00.000Z`;
    this.byHour.set(hour, (this.byHour.get(hour) ?? 0) + 1);
    if (Object.hasOwn(row, NEW_FIELD.name)) this.withNewField++;
    if (row["anomaly_flag"] === 1) this.#breaks("sensor-flag", row);
    for (const [rule, [measure, least, most]] of Object.entries(RANGES)) {
      const value = row[measure];
      if (typeof value === "number" && (value < least || value > most)) this.#breaks(rule, row);
    }
  }

  #breaks(rule: string, row: SimulatedRow): void {
    const key = `${rule} ${row["sensor_id"]}`;
    this.broken.set(key, (this.broken.get(key) ?? 0) + 1);
  }
}

/** On return the whole day is in `folder`/lake; answers what was sent, by node. */
export async function deliverDay(folder: string): Promise<Map<string, Sent>> {
  const sent = new Map<string, Sent>();
  for (const one of DAY_NODES) {
    const start = `${DAY}T00:00:00Z`;
    const count = one.sensors * one.rate * 86_400;
    const flags = { sensors: one.sensors, rate: one.rate, count, start, seed: one.seed, profile: one.profile };
    const words = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
    const sensors = spawn(folder, one.node, ["simulate", ...words, "--anomaly-probability", String(one.anomaly)]);
    const where = ["--store", `dir:${join(folder, "lake")}`, "--data-dir", join(folder, one.node)];
    const agent = spawn(folder, one.node, ["run", "--once", "--source", "stdin:", "--profile", one.profile, ...where]);
    sensors.stdin.end();
    sent.set(one.node, await pass(sensors.stdout, agent.stdin, one.node === NEW_FIELD.node));
    const failed = (await Promise.all([sensors.exited, agent.exited])).some((code) => code !== 0);
    if (failed) throw new Error(`${one.node}: ${await new Response(agent.stderr).text()}`);
  }
  return sent;
}

function spawn(folder: string, node: string, args: readonly string[]) {
  return Bun.spawn([AGENT_BINARY, ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", AGENT_NODE_ID: node },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** Every line on to the agent, and seen on the way; with a gateway between, as that sends it. */
async function pass(from: ReadableStream<Uint8Array>, to: Bun.FileSink, gateway: boolean): Promise<Sent> {
  const decoder = new TextDecoder();
  let sent: Sent | null = null;
  let rest = "";
  for await (const bytes of from) {
    if (!gateway) to.write(bytes);
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const measured = JSON.parse(line) as SimulatedRow;
      const row = gateway ? relayed(measured, sent?.print.rows ?? 0) : measured;
      if (gateway) to.write(`${JSON.stringify(row)}\n`);
      sent ??= new Sent(row);
      sent.see(row);
    }
    await to.flush();
  }
  await to.end();
  if (sent === null || rest !== "") throw new Error(`The simulator's last line is not whole: ${rest}`);
  return sent;
}

function relayed(row: SimulatedRow, count: number): SimulatedRow {
  if (String(row["timestamp"]) < NEW_FIELD.since) return row;
  return { ...row, [NEW_FIELD.name]: 3.6 + (count % 7) / 10 };
}

export type DayRow = { readonly stage: Stage; readonly row: SimulatedRow; readonly path: string };

/** Every row of the objects in `folder`/lake, one object in memory at a time; of a window's revisions the highest only. */
export function* deliveredRows(folder: string): Iterable<DayRow> {
  for (const stage of STAGES) {
    const bucket = join(folder, "lake", bucketOf(stage, "expanso", REGION));
    const windows = new Map<string, DayRow>();
    for (const name of readdirSync(bucket, { recursive: true }).map(String)) {
      if (!name.endsWith(".json.gz")) continue;
      for (const row of gunzipRows(readFileSync(join(bucket, name)), name)) {
        const one = { stage, row, path: name };
        if (stage !== "aggregated") yield one;
        else {
          const key = `${row["window_id"]} ${row["sensor_id"]}`;
          const known = windows.get(key);
          if (known === undefined || Number(row["revision"]) > Number(known.row["revision"])) windows.set(key, one);
        }
      }
    }
    yield* windows.values();
  }
}

export type Expected = {
  readonly rows: Readonly<Record<Stage, number>>;
  /** Of the raw rows, by node. */
  readonly prints: ReadonlyMap<string, Print>;
  /** By the name of the query. */
  readonly answers: ReadonlyMap<string, AnswerRows>;
};

/** What tables and queries must hold. `landedMs`: when the raw object of that path came into its table. */
export function expectedOf(
  folder: string,
  sent: ReadonlyMap<string, Sent>,
  landedMs: ReadonlyMap<string, number>,
  heartbeats: readonly ReadHeartbeat[],
): Expected {
  const tallies = Object.entries(ANSWERS).map(([name, make]) => [name, make()] as const);
  const prints = new Map([...sent].map(([node, { fields }]) => [node, new Print(fields)]));
  const rows: Record<Stage, number> = { raw: 0, validated: 0, anomalies: 0, schematized: 0, aggregated: 0 };
  for (const { stage, row, path } of deliveredRows(folder)) {
    rows[stage]++;
    if (stage === "raw") prints.get(String(row["node_id"]))!.see(row);
    for (const [, tally] of tallies) tally.see({ stage, row, path, processedMs: landedMs.get(path) ?? Number.NaN });
  }
  for (const heartbeat of heartbeats) for (const [, tally] of tallies) tally.hear?.(heartbeat);
  return { rows, prints, answers: new Map(tallies.map(([name, tally]) => [name, tally.answer()])) };
}
