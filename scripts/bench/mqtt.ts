/**
 * Messages of QoS 1 from a real mosquitto into the buffer: the compiled agent's rate and CPU, beside a plain loop in the same run that
 * subscribes, parses and writes each message to a SQLite table, in transactions, and acknowledges at once.
 * `bun scripts/bench/mqtt.ts [MESSAGES]`. Needs `scripts/setup-mosquitto` and `bun run build`.
 */
import { Database } from "bun:sqlite";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endBrokers, publishLines, startBroker } from "../../src/sensor/mqtt/broker.suite.ts";
import { MqttConnection } from "../../src/sensor/mqtt/connection.ts";
import type { Message } from "../../src/sensor/mqtt/frames.ts";
import { parseMqttUri } from "../../src/sensor/mqtt/uri.ts";
import { AGENT_BINARY } from "../../src/testing/agent-process.ts";

const MESSAGES = Number(process.argv[2] ?? 100_000);
const PUBLISHERS = 4;
const folder = mkdtempSync(join(tmpdir(), "bench-mqtt-"));
const broker = await startBroker(join(folder, "broker"), ["allow_anonymous true", "max_inflight_messages 0"]);
const uri = `mqtt://127.0.0.1:${broker.port}/site/#`;

function lineAt(i: number): string {
  const time = new Date(Date.UTC(2026, 0, 1) + i * 10).toISOString();
  const [temperature, humidity] = [2_000 + (i % 900), 4_000 + (i % 1_300)].map((value) => value / 100);
  return JSON.stringify({ sensor_id: `s-${i % 50}`, timestamp: time, temperature, humidity, pressure: 1013.2 });
}

async function publish(): Promise<void> {
  const share = MESSAGES / PUBLISHERS;
  await Promise.all(
    Array.from({ length: PUBLISHERS }, (_, p) => {
      const lines = Array.from({ length: share }, (_, i) => lineAt(p * share + i));
      return publishLines(["-p", String(broker.port), "-t", `site/${p}/readings`], lines);
    }),
  );
}

/** User and system time of a process, in seconds. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

type Figures = { readonly seconds: number; readonly cpu: number };

async function ofAgent(): Promise<Figures> {
  const env = {
    PATH: process.env["PATH"] ?? "",
    AGENT_NODE_ID: "bench",
    AGENT_STAGES: "raw",
    AGENT_BATCH_MS: "1h",
    AGENT_BATCH_ROWS: "200000",
  };
  const args = ["run", "--source", uri, "--data-dir", join(folder, "data"), "--store", `dir:${join(folder, "lake")}`];
  Bun.spawnSync([AGENT_BINARY, ...args, "--once"], { env, stderr: "inherit" });
  await publish();
  const agent = Bun.spawn([AGENT_BINARY, ...args], { env, stdout: "ignore", stderr: "ignore" });
  // Its start is not measured: from the first commit that is seen to the last one.
  let first: AgentProgress | null = null;
  let last: AgentProgress = { taken: 0, cpu: 0, atMs: 0 };
  for (; last.taken < MESSAGES; await Bun.sleep(30)) {
    const db = new Database(join(folder, "data/buffer.db"), { readonly: true });
    const taken = db.query<{ n: number }, []>("SELECT coalesce(max(seq), 0) AS n FROM reading").get()?.n ?? 0;
    db.close();
    last = { taken, cpu: cpuOf(agent.pid), atMs: performance.now() };
    if (taken > 0) first ??= last;
  }
  const memory = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${agent.pid}/status`, "utf8"))?.[1];
  console.log(`agent's peak memory: ${Math.round(Number(memory) / 1_024)} MiB`);
  agent.kill("SIGKILL");
  await agent.exited;
  const from = first ?? last;
  const share = MESSAGES / (last.taken - from.taken);
  return { seconds: ((last.atMs - from.atMs) / 1_000) * share, cpu: (last.cpu - from.cpu) * share };
}

type AgentProgress = { readonly taken: number; readonly cpu: number; readonly atMs: number };

async function ofPlainLoop(): Promise<Figures> {
  const db = new Database(join(folder, "plain.db"));
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = FULL");
  db.run("CREATE TABLE reading (sensor TEXT, time INTEGER, temperature REAL, humidity REAL, pressure REAL)");
  const insert = db.prepare("INSERT INTO reading VALUES (?, ?, ?, ?, ?)");
  const address = parseMqttUri(uri);
  const login = { user: null, password: null, passwordFile: null };
  const options = { address, login, clientId: "plain", clean: false, sessionMs: 3_600_000, receiveMost: 512 };
  const connect = { ...options, maxPayloadBytes: 1_000_000, protocol: "5", cwd: folder } as const;
  let waiting: Message[] = [];
  let taken = 0;
  const done = Promise.withResolvers<void>();
  const receiver = {
    hasRoom: () => true,
    message: (message: Message) => {
      if (waiting.length === 0) setImmediate(write);
      waiting.push(message);
    },
    packet: () => {},
    confirmed: () => {},
    lost: done.reject,
  };
  let connection = await MqttConnection.open(connect, receiver);
  connection.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "site/#", qos: 1 }] });
  connection.read();
  await Bun.sleep(300);
  await connection.close();
  await publish();
  const started = performance.now();
  const before = process.cpuUsage();
  connection = await MqttConnection.open(connect, receiver);
  const write = () => {
    db.run("BEGIN");
    for (const { payload } of waiting) {
      const { sensor_id, timestamp, temperature, humidity, pressure } = JSON.parse(payload.toString());
      insert.run(sensor_id, Date.parse(timestamp), temperature, humidity, pressure);
    }
    db.run("COMMIT");
    connection.acknowledge(waiting.map(({ id }) => id));
    taken += waiting.length;
    waiting = [];
    if (taken >= MESSAGES) done.resolve();
  };
  connection.read();
  await done.promise;
  const { user, system } = process.cpuUsage(before);
  await connection.close();
  return { seconds: (performance.now() - started) / 1_000, cpu: (user + system) / 1_000_000 };
}

function show(name: string, { seconds, cpu }: Figures): void {
  const rate = Math.round(MESSAGES / seconds).toLocaleString("en");
  console.log(
    `${name.padEnd(12)} ${rate.padStart(9)} messages/s ${((cpu * 1e6) / MESSAGES).toFixed(2).padStart(7)} CPU-s per million`,
  );
}

try {
  const plain = await ofPlainLoop();
  const agent = await ofAgent();
  show("plain loop", plain);
  show("agent", agent);
  console.log(
    `agent / plain loop: rate ${(plain.seconds / agent.seconds).toFixed(2)}, CPU ${(agent.cpu / plain.cpu).toFixed(2)}`,
  );
} finally {
  await endBrokers();
  rmSync(folder, { recursive: true, force: true });
}
