/**
 * Readings over HTTP into the compiled binary, from this machine: batches of 1,000 lines, each answered after its commit.
 * `bun scripts/bench/http.ts [READINGS [SENDERS]]`. Rate, CPU-s per million, peak memory; beside it a plain server that parses the same
 * lines and writes them into SQLite, in one transaction for each batch.
 */
import { Database } from "bun:sqlite";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BATCH = 1_000;
const SENSORS = 50;
const BODIES = 20;
/** Batches before the measurement. */
const WARM_UP = 100;
const PLAIN = "plain";

function lineOf(i: number): string {
  const sensor = i % SENSORS;
  return JSON.stringify({
    timestamp: new Date(Date.UTC(2026, 0, 1) + i * 20).toISOString(),
    sensor_id: `ENV_SENSOR_${String(sensor).padStart(4, "0")}`,
    location: "Building A, Floor 3, Room 301",
    temperature: Math.round(2_200 + 300 * Math.sin(i / 900)) / 100,
    humidity: Math.round(4_500 + 900 * Math.cos(i / 700)) / 100,
    pressure: Math.round(101_325 + 400 * Math.sin(i / 5_000)) / 100,
    vibration: Math.round(200 + 90 * Math.sin(i)) / 100,
    voltage: Math.round(2_240 + 20 * Math.sin(i / 50)) / 100,
    status_code: 0,
    anomaly_flag: 0,
  });
}

/** The server to compare with: run as a process of its own, so that its CPU is its own. */
function servePlainly(dir: string): void {
  const db = new Database(join(dir, "plain.db"));
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = FULL");
  const names = Object.keys(JSON.parse(lineOf(0)));
  db.run(`CREATE TABLE reading (id INTEGER PRIMARY KEY, ${names.join(", ")})`);
  const insert = db.prepare(`INSERT INTO reading (${names}) VALUES (${names.map(() => "?")})`);
  const write = db.transaction((lines: readonly string[]) => {
    for (const line of lines) insert.run(...(Object.values(JSON.parse(line)) as (string | number)[]));
  });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(asked) {
      const lines = (await asked.text()).split("\n").filter((line) => line !== "");
      write(lines);
      return Response.json({ accepted: lines.length });
    },
  });
  console.error(`listening on ${server.url}in`);
}

type Server = {
  readonly name: string;
  readonly command: readonly string[];
  readonly says: RegExp;
  readonly env?: Readonly<Record<string, string>>;
};

async function measure({ name, command, says, env }: Server, readings: number, senders: number): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), "bench-http-"));
  const child = Bun.spawn([...command], {
    cwd: dir,
    env: {
      PATH: process.env["PATH"] ?? "",
      AGENT_DATA_DIR: join(dir, "data"),
      AGENT_STORE: `dir:${join(dir, "lake")}`,
      ...env,
    },
    stdout: "ignore",
    stderr: "pipe",
  });
  try {
    const url = await heard(child.stderr, says);
    const bodies = Array.from({ length: BODIES }, (_, n) =>
      Buffer.from(Array.from({ length: BATCH }, (_, i) => lineOf(n * BATCH + i)).join("\n")),
    );
    const agent = new Agent({ keepAlive: true, maxSockets: senders });
    const sendAll = async (batches: number): Promise<void> => {
      let left = batches;
      const send = async (): Promise<void> => {
        while (left-- > 0) await post(url, bodies[left % BODIES] ?? Buffer.alloc(0), agent);
      };
      await Promise.all(Array.from({ length: senders }, send));
    };
    // The engine compiles what is hot: that is not the cost of a reading.
    await sendAll(WARM_UP);
    const before = cpuSeconds(child.pid);
    const started = performance.now();
    await sendAll(readings / BATCH);
    const seconds = (performance.now() - started) / 1_000;
    const perMillion = ((cpuSeconds(child.pid) - before) / readings) * 1e6;
    const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1];
    console.log(
      `${name.padEnd(34)} ${Math.round(readings / seconds)
        .toLocaleString("en")
        .padStart(
          9,
        )} readings/s ${perMillion.toFixed(2).padStart(6)} CPU-s/million ${(Number(peak) / 1_024).toFixed(0).padStart(4)} MiB`,
    );
    return perMillion;
  } finally {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(dir, { recursive: true, force: true });
  }
}

async function heard(stderr: ReadableStream<Uint8Array>, says: RegExp): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stderr) {
    text += decoder.decode(bytes, { stream: true });
    const found = says.exec(text)?.[1];
    if (found !== undefined) return found;
  }
  throw new Error(`the server ended: ${text}`);
}

/** Of all its threads. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function post(url: string, body: Buffer, agent: Agent): Promise<void> {
  const headers = { "content-type": "application/x-ndjson", "content-length": body.length };
  await new Promise<void>((done, fail) => {
    const sent = request(url, { method: "POST", agent, headers }, (response) => {
      if (response.statusCode !== 200) fail(new Error(`answered ${response.statusCode}`));
      response.resume().on("end", done);
    });
    sent.on("error", fail).end(body);
  });
}

if (process.argv[2] === PLAIN) servePlainly(process.cwd());
else {
  const readings = Number(process.argv[2] ?? 1_000_000);
  const senders = Number(process.argv[3] ?? 4);
  const binary = join(import.meta.dir, "../../dist/agent");
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const url = `http://localhost:${port}/in`;
  console.log(`${readings.toLocaleString("en")} readings in batches of ${BATCH}, ${senders} senders`);
  const plain = await measure(
    {
      name: "a plain server: parse and write",
      command: [process.execPath, import.meta.path, PLAIN],
      says: /listening on (\S+)/,
    },
    readings,
    senders,
  );
  const agent = { command: [binary, "run", "--source", url], says: /Taking (http\S+),/ };
  await measure({ ...agent, name: "agent, raw alone", env: { AGENT_STAGES: "raw" } }, readings, senders);
  const ours = await measure({ ...agent, name: "agent, all stages" }, readings, senders);
  console.log(`the agent needs ${(ours / plain).toFixed(2)} times the CPU of the plain server`);
}
