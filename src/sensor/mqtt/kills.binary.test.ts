/** `agent run` on a real broker, killed again and again: every message of QoS 1 is in the lake exactly once. */
import { afterAll, expect } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { seededRandom } from "../../core/random.ts";
import { AGENT_BINARY, AgentProcess, killAllAgents } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";
import { endBrokers, publishLines, startBroker } from "./broker.suite.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-mqtt-kills-"));
afterAll(async () => {
  killAllAgents();
  await endBrokers();
  rmSync(folder, { recursive: true, force: true });
});

const SEED = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1_000_000));
const KILLS = Number(process.env["KILLS"] ?? 8);
const MESSAGES = 300 * KILLS;
const ENV = {
  AGENT_NODE_ID: "node-1",
  AGENT_COMMIT_MS: "50ms",
  AGENT_BATCH_MS: "300ms",
  AGENT_STAGES: "raw,validated",
};

function rowsOfRaw(lake: string): Record<string, unknown>[] {
  const raw = readdirSync(lake).find((name) => name.includes("-raw-")) ?? "";
  return readdirSync(join(lake, raw), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json.gz"))
    .flatMap((name) => {
      const text = gunzipSync(readFileSync(join(lake, raw, name))).toString();
      return text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
    });
}

function messageAt(i: number): string {
  const time = new Date(Date.UTC(2026, 0, 1) + i * 10).toISOString();
  // Every tenth is to the letter like the one before it: equal contents are not the same message.
  if (i % 10 === 0) return `{"sensor_id":"same","timestamp":"2026-01-01T00:00:00Z","temperature":20}`;
  return JSON.stringify({ sensor_id: `s${i % 7}`, timestamp: time, temperature: 20 + (i % 9), n: i });
}

const SUITES = [
  ["MQTT 5", "", 0],
  ["3.1.1 with the window of mosquitto", "?protocol=3.1.1", 20],
] as const;
for (const [name, parameters, window] of SUITES) {
  testWith("binary", "mosquitto")(`${name}: killed at any moment, each message is taken exactly once`, async () => {
    const cwd = mkdtempSync(join(folder, "run-"));
    const broker = await startBroker(join(cwd, "broker"), ["allow_anonymous true", `max_inflight_messages ${window}`]);
    const args = ["run", "--source", `mqtt://127.0.0.1:${broker.port}/site/#${parameters}`];
    const once = () => new AgentProcess({ args: [...args, "--once"], cwd, env: ENV });
    expect((await once().ended).code).toBe(0);

    const random = seededRandom(SEED);
    const lines = Array.from({ length: MESSAGES }, (_, i) => messageAt(i));
    const published = (async () => {
      for (let at = 0; at < MESSAGES; at += 100) {
        await publishLines(["-p", String(broker.port), "-t", `site/${at % 3}`], lines.slice(at, at + 100));
      }
    })();
    for (let kill = 0; kill < KILLS; kill++) {
      const agent = new AgentProcess({ args, cwd, env: ENV });
      expect(await agent.says("running")).toBe(true);
      await Bun.sleep(random() * 300);
      agent.kill("SIGKILL");
      await agent.ended;
    }
    await published;
    const last = once();
    expect([(await last.ended).code, SEED, last.heard]).toEqual([0, SEED, expect.any(String)]);

    const rows = rowsOfRaw(join(cwd, "lake"));
    const counts = new Map<unknown, number>();
    for (const { extra, sensor_id } of rows) {
      const key = sensor_id === "same" ? "same" : JSON.parse(String(extra)).n;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const wrong = Array.from({ length: MESSAGES }, (_, i) => i)
      .filter((i) => i % 10 !== 0 && counts.get(i) !== 1)
      .map((i) => `${i}: ${counts.get(i) ?? 0} times`);
    expect([SEED, wrong, counts.get("same"), rows.length]).toEqual([SEED, [], MESSAGES / 10, MESSAGES]);
    const verify = Bun.spawnSync([AGENT_BINARY, "verify", "--json"], {
      cwd,
      env: { PATH: process.env["PATH"] ?? "", ...ENV },
    });
    expect(JSON.parse(verify.stdout.toString())).toMatchObject({ ok: true });
    await broker.end("SIGTERM");
  });
}
