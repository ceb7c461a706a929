/**
 * The real path, end to end: the compiled agent takes, keeps, judges, encodes and delivers all five stages, and a plain
 * loop without any promise is its measure. `bun run bench [--rows N] [--only NAME] [--rounds N] [--backlog N]`.
 *
 * Each line is the round that took the least CPU (the rounds take turns, so that a busy machine disturbs all alike):
 * rows/s, CPU seconds (user + system, all threads) per million readings, the highest RSS of any round, bytes stored per
 * reading, and CPU as a ratio to the plain loop, which only parses the same lines and writes them to one gzip file.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { findS3Server, startS3Server } from "../../src/testing/s3-server.ts";

const { values: flags } = parseArgs({
  options: {
    rows: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "3" },
    backlog: { type: "string", default: "5000000" },
    only: { type: "string" },
  },
});
const ROWS = Number(flags.rows);
const BACKLOG = Number(flags.backlog);
const SENSORS = 50;
const agent = resolve(import.meta.dir, "../../dist/agent");
const folder = mkdtempSync(join(tmpdir(), "agent-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

type Figures = { readonly cpuSeconds: number; readonly seconds: number; readonly rss: number; readonly stored: number };
type Case = {
  readonly name: string;
  readonly rows: number;
  readonly run: () => Promise<Figures>;
};

const SIMULATED = `simulator:?sensors=${SENSORS}&rate=max&count=${ROWS}&seed=1`;
const lines = join(folder, "readings.ndjson");
const table = join(folder, "field.db");
const csv = join(folder, "readings.csv");

/** A command as a whole process: start-up, work and end. */
async function measure(command: readonly string[], options: { stdin?: string; env?: object; stored?: string } = {}) {
  const startedAt = performance.now();
  const child = Bun.spawn([...command], {
    stdin: options.stdin === undefined ? "ignore" : Bun.file(options.stdin),
    stdout: "ignore",
    stderr: "pipe",
    env: { ...process.env, AGENT_LOG: "error", ...options.env },
  });
  const said = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")} ended with ${child.exitCode}:\n${said}`);
  const used = child.resourceUsage();
  if (used === undefined)
    throw new Error(`Cannot measure ${command.join(" ")}: the system does not report the time and memory that it used`);
  return {
    cpuSeconds: Number(used.cpuTime.total) / 1e6,
    seconds: (performance.now() - startedAt) / 1_000,
    rss: used.maxRSS,
    stored: options.stored === undefined ? 0 : sizeOf(options.stored),
  };
}

function sizeOf(path: string): number {
  if (!existsSync(path)) return 0;
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

const FOLDERS = { data: join(folder, "data"), lake: join(folder, "lake") };

function emptyFolders(): typeof FOLDERS {
  for (const path of Object.values(FOLDERS)) rmSync(path, { recursive: true, force: true });
  return FOLDERS;
}

/** An outage: everything is taken and nothing delivered, then the agent ends. The next start, which delivers to a folder, is measured. */
async function afterOutage(source: string, rows: number): Promise<Figures> {
  const data = emptyFolders().data;
  // No folder can be made below a file.
  await Bun.write(join(folder, "file"), "");
  const store = ["--data-dir", data, "--store", `dir:${join(folder, "file/lake")}`];
  const env = { ...process.env, AGENT_LOG: "error" };
  const taking = Bun.spawn([agent, "run", "--source", source, ...store], { stdout: "ignore", stderr: "ignore", env });
  for (let accepted = 0; accepted < rows; await Bun.sleep(500)) {
    const { stdout } = Bun.spawnSync([agent, "status", "--json", "--data-dir", data], { env });
    accepted = stdout.length === 0 ? 0 : JSON.parse(stdout.toString()).buffer.accepted;
  }
  taking.kill("SIGTERM");
  await taking.exited;
  return await continueRun("simulator:?count=1&rate=max");
}

type RunOptions = { readonly stdin?: string; readonly store?: string; readonly env?: object; readonly map?: string };

async function agentRun(source: string, options: RunOptions = {}): Promise<Figures> {
  emptyFolders();
  return await continueRun(source, options);
}

/** With the data dir as it is. */
async function continueRun(source: string, options: RunOptions = {}): Promise<Figures> {
  const { data, lake } = FOLDERS;
  const store = options.store ?? `dir:${lake}`;
  const map = options.map === undefined ? [] : ["--map", options.map];
  const command = [agent, "run", "--once", "--source", source, "--data-dir", data, "--store", store, ...map];
  return await measure(command, { ...options, stored: lake });
}

/** Parses each line and writes it to one gzip file, as fast as a plain loop in this runtime can, without any promise. */
async function plainLoop(): Promise<Figures> {
  const code = `
    const zlib = require("node:zlib");
    const out = require("node:fs").openSync(${JSON.stringify(join(folder, "plain.gz"))}, "w");
    const decoder = new TextDecoder();
    let rest = "", kept = [];
    const write = () => { require("node:fs").writeSync(out, Bun.gzipSync(kept.join(""), { level: 3 })); kept = []; };
    for await (const chunk of Bun.stdin.stream()) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\\n");
      rest = parts.pop();
      for (const line of parts) { kept.push(JSON.stringify(JSON.parse(line)) + "\\n"); if (kept.length >= 20000) write(); }
    }
    write();`;
  return await measure([process.execPath, "-e", code], { stdin: lines });
}

async function prepare(): Promise<void> {
  const simulate = [agent, "simulate", "--sensors", `${SENSORS}`, "--rate", "max", "--seed", "1"];
  const written = Bun.spawnSync([...simulate, "--count", `${ROWS}`], { stdout: Bun.file(lines), stderr: "inherit" });
  if (written.exitCode !== 0) throw new Error("Cannot make the readings");
  await measure([...simulate, "--count", `${ROWS}`, "--out", `sqlite:${table}`]);
  await writeCsv();
}

/** The same readings as CSV, with the columns of the first one. */
async function writeCsv(): Promise<void> {
  const readings = (await Bun.file(lines).text()).trimEnd().split("\n");
  const names = Object.keys(JSON.parse(readings[0] ?? "{}"));
  const cell = (value: unknown): string => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const out = Bun.file(csv).writer();
  out.write(`${names.join(",")}\n`);
  for (const line of readings) {
    const reading: Record<string, unknown> = JSON.parse(line);
    out.write(`${names.map((name) => cell(reading[name])).join(",")}\n`);
  }
  await out.end();
}

const MEASURES = ["temperature", "humidity", "pressure", "vibration", "voltage"] as const;

/** The same readings by other names, nested, and five to a line, each with its map: `NAME.ndjson` and `NAME.json`. */
async function prepareMapped(): Promise<void> {
  const forms = {
    mapped: ({ sensor_id, timestamp, ...rest }: Reading) => ({ id: sensor_id, ts: timestamp, ...rest }),
    nested: ({ sensor_id, timestamp, temperature, humidity, pressure, vibration, voltage, ...rest }: Reading) => ({
      device: { id: sensor_id },
      ts: timestamp,
      ...rest,
      data: { temperature, humidity, pressure, vibration, voltage },
    }),
  };
  const [id, ts] = ["sensor_id", "timestamp"];
  const inData = Object.fromEntries(MEASURES.map((name) => [`data.${name}`, name]));
  const maps = {
    mapped: { fields: { id, ts } },
    nested: { fields: { "device.id": id, ts, ...inData } },
    fanned: { each: "values[]", fields: { id, ts } },
  };
  for (const [name, map] of Object.entries(maps)) await Bun.write(join(folder, `${name}.json`), JSON.stringify(map));
  const readings = (await Bun.file(lines).text()).trimEnd().split("\n");
  for (const [name, form] of Object.entries(forms)) {
    const text = readings.map((line) => `${JSON.stringify(form(JSON.parse(line)))}\n`).join("");
    await Bun.write(join(folder, `${name}.ndjson`), text);
  }
  const fives = Array.from({ length: readings.length / 5 }, (_, i) => readings.slice(i * 5, i * 5 + 5));
  const text = fives.map(
    (five) => `${JSON.stringify({ values: five.map((line) => forms.mapped(JSON.parse(line))) })}\n`,
  );
  await Bun.write(join(folder, "fanned.ndjson"), text.join(""));
}

type Reading = Readonly<Record<string, unknown>>;

function mappedRun(name: string): Promise<Figures> {
  return agentRun("stdin:", { stdin: join(folder, `${name}.ndjson`), map: join(folder, `${name}.json`) });
}

/** How to deliver to a real S3 server of this machine; null without one. */
async function s3Store(): Promise<{ readonly store: string; readonly env: object } | null> {
  if (findS3Server("versitygw") === null) {
    console.error("SKIPPED: to S3 (no versitygw found; scripts/setup-servers installs it)");
    return null;
  }
  const server = await startS3Server("versitygw");
  await server.createBuckets("bench");
  process.on("exit", () => void server.stop());
  return { store: "s3:", env: { ...server.env, S3_BUCKET_PREFIX: "bench", AWS_REGION: server.region } };
}

function print(name: string, rows: number, best: Figures, plain: number | null): void {
  const perMillion = (best.cpuSeconds / rows) * 1e6;
  const cells = [
    name.padEnd(32),
    `${Math.round(rows / best.seconds).toLocaleString("en")} rows/s`.padStart(18),
    `${perMillion.toFixed(2)} CPU-s/M`.padStart(14),
    `${Math.round(best.rss / 1e6)} MB`.padStart(8),
    best.stored > 0 ? `${(best.stored / rows).toFixed(1)} B/reading`.padStart(16) : "".padStart(16),
    plain === null ? "" : `${(perMillion / plain).toFixed(2)} × plain`.padStart(14),
  ];
  console.log(cells.join(""));
}

/** The memory of a node with little to do, after a while. Linux only: read from /proc. */
async function idleRss(): Promise<number | null> {
  if (process.platform !== "linux") return null;
  const where = ["--data-dir", join(folder, "idle"), "--store", `dir:${join(folder, "idle-lake")}`];
  const child = Bun.spawn([agent, "run", "--source", "simulator:?sensors=5&rate=1", ...where], {
    stdout: "ignore",
    stderr: "ignore",
    env: { ...process.env, AGENT_BATCH_MS: "2s" },
  });
  await Bun.sleep(12_000);
  const status = await Bun.file(`/proc/${child.pid}/status`).text();
  child.kill("SIGTERM");
  await child.exited;
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1_024;
}

await prepare();
await prepareMapped();
const s3 = await s3Store();
const simulate = [agent, "simulate", "--sensors", `${SENSORS}`, "--rate", "max", "--count", `${ROWS}`];
const all: Case[] = [
  { name: "plain loop (parse, gzip once)", rows: ROWS, run: plainLoop },
  { name: "simulate to stdout", rows: ROWS, run: () => measure(simulate) },
  { name: "simulator: to dir", rows: ROWS, run: () => agentRun(SIMULATED) },
  { name: "sqlite: to dir", rows: ROWS, run: () => agentRun(`sqlite:${table}`) },
  { name: "stdin: to dir", rows: ROWS, run: () => agentRun("stdin:", { stdin: lines }) },
  { name: "stdin:?format=csv to dir", rows: ROWS, run: () => agentRun("stdin:?format=csv", { stdin: csv }) },
  { name: "stdin: mapped names", rows: ROWS, run: () => mappedRun("mapped") },
  { name: "stdin: nested", rows: ROWS, run: () => mappedRun("nested") },
  { name: "stdin: five readings a line", rows: ROWS, run: () => mappedRun("fanned") },
  ...(s3 === null ? [] : [{ name: "sqlite: to S3", rows: ROWS, run: () => agentRun(`sqlite:${table}`, s3) }]),
];
const cases = all.filter(({ name }) => flags.only === undefined || name.startsWith(flags.only));
const best = new Map<string, Figures>();
for (let round = 0; round < Number(flags.rounds); round++) {
  for (const { name, run } of cases) {
    const figures = await run();
    const known = best.get(name) ?? figures;
    const least = figures.cpuSeconds < known.cpuSeconds ? figures : known;
    best.set(name, { ...least, rss: Math.max(figures.rss, known.rss) });
  }
}
const plainFigures = best.get("plain loop (parse, gzip once)");
const plain = plainFigures === undefined ? null : (plainFigures.cpuSeconds / ROWS) * 1e6;
for (const { name, rows } of cases) {
  const figures = best.get(name);
  if (figures !== undefined) print(name, rows, figures, plain);
}
if (flags.only === undefined) {
  if (BACKLOG > 0) {
    await measure([agent, "simulate", ...simulate.slice(2, 6), "--count", `${BACKLOG}`, "--out", `sqlite:${table}.2`]);
    const backlog = `sqlite:${table}.2`;
    print(`sqlite: backlog of ${BACKLOG / 1e6} M to dir`, BACKLOG, await agentRun(backlog), plain);
    print(`${BACKLOG / 1e6} M after an outage, to dir`, BACKLOG, await afterOutage(backlog, BACKLOG), plain);
    if (s3 !== null) print(`sqlite: backlog of ${BACKLOG / 1e6} M to S3`, BACKLOG, await agentRun(backlog, s3), plain);
  }
  const idle = await idleRss();
  if (idle !== null) console.log(`idle, 5 sensors at 1 Hz: ${Math.round(idle / 1e6)} MB`);
}
process.exit(0);
