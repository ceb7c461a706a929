/** The heartbeat of a node in the metadata bucket, by the compiled binary, into a folder and into a real S3 server. */
import { Database } from "bun:sqlite";
import { afterAll, afterEach, beforeEach, expect } from "bun:test";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HEARTBEAT_COLUMNS, type Heartbeat, heartbeatKey, heartbeatPrefix } from "../fleet/heartbeat.ts";
import { AGENT_BINARY, AgentProcess, ENOUGH_MS } from "../testing/agent-process.ts";
import { testWith } from "../testing/needs.ts";
import { quickest } from "../testing/quickest.ts";
import { startS3Server } from "../testing/s3-server.ts";
import { openStore } from "../uplink/open-store.ts";

const binaryTest = testWith("binary");
const s3Test = testWith("binary", "versitygw");
const folder = mkdtempSync(join(tmpdir(), "agent-heartbeat-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ENV = { AGENT_NODE_ID: "node-1", AGENT_COMMIT_MS: "50ms", AGENT_BATCH_MS: "300ms", AGENT_HEARTBEAT: "1s" };
const ENDLESS = ["--source", "simulator:?sensors=2&rate=50"];

let cwd = "";
let agent: AgentProcess | null = null;

beforeEach(() => {
  cwd = mkdtempSync(join(folder, "node-"));
});
afterEach(async () => {
  agent?.kill("SIGKILL");
  await agent?.ended;
  agent = null;
});

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): AgentProcess {
  agent = new AgentProcess({ args: ["run", ...args], cwd, env: { ...ENV, ...env } });
  return agent;
}

const bucket = () => join(cwd, "lake/expanso-metadata-us-west-2");

/** Of the one epoch that there is. */
function object(): string {
  const [name = ""] = readdirSync(join(bucket(), heartbeatPrefix("node-1")));
  return join(bucket(), heartbeatPrefix("node-1"), name);
}

function readHeartbeat(): Heartbeat | null {
  try {
    return JSON.parse(readFileSync(object(), "utf8")) as Heartbeat;
  } catch {
    return null;
  }
}

/** The first one for which `is` holds; throws where there is none. */
async function heartbeatThat(
  is: (heartbeat: Heartbeat) => boolean,
  read: () => Heartbeat | null | Promise<Heartbeat | null> = readHeartbeat,
) {
  for (const giveUp = performance.now() + ENOUGH_MS; performance.now() < giveUp; await Bun.sleep(50)) {
    const heartbeat = await read();
    if (heartbeat !== null && is(heartbeat)) return heartbeat;
  }
  throw new Error(`no such heartbeat: ${JSON.stringify(await read())}; ${agent?.heard}`);
}

function status(env: Readonly<Record<string, string>> = {}) {
  const { stdout } = Bun.spawnSync([AGENT_BINARY, "status", "--json"], { cwd, env: { ...ENV, ...env } });
  return JSON.parse(stdout.toString());
}

binaryTest("a heartbeat is one line, in the columns of the table, and says what status says", async () => {
  start(ENDLESS);
  const heartbeat = await heartbeatThat(({ accepted }) => accepted > 0);
  expect(Object.keys(heartbeat)).toEqual(HEARTBEAT_COLUMNS.map(({ name }) => name));
  expect(readFileSync(object(), "utf8")).toMatch(/^\{.*\}\n$/);
  const { epoch, agent_version, rules, buffer } = status();
  expect(heartbeat).toMatchObject({
    node_id: "node-1",
    epoch,
    agent_version,
    rules_version: rules.version,
    state: "running",
    interval_s: 1,
    health: "ok",
    problems: [],
    losses: 0,
    refused: 0,
    parked: 0,
    rules_refused: 0,
    silent_sensors: 0,
    buffer_limit_bytes: buffer.limit_bytes,
  });
  expect(buffer.accepted).toBeGreaterThanOrEqual(heartbeat.accepted);
  const later = await heartbeatThat(({ sent_at }) => sent_at > heartbeat.sent_at);
  expect(later.accepted).toBeGreaterThan(heartbeat.accepted);
  expect(status().heartbeat).toEqual({ sent_at: expect.stringMatching(/^20/), error: null });
  expect(readdirSync(join(cwd, "lake/expanso-metadata-us-west-2/nodes"))).toEqual(["node-1"]);
});

binaryTest(
  "the last word of an agent that ends in order is `stopped`; of one that is killed, the last before",
  async () => {
    const tookMs = await quickest(700, async () => {
      const first = start(ENDLESS);
      await heartbeatThat(({ accepted, state }) => accepted > 0 && state === "running");
      const killedAt = performance.now();
      first.kill("SIGTERM");
      const end = await first.ended;
      expect(end.code).toBe(0);
      return end.atMs - killedAt;
    });
    expect(tookMs).toBeLessThan(700);
    const last = await heartbeatThat(({ state }) => state === "stopped");
    expect(last.accepted).toBe(status().buffer.accepted);
    const second = start(ENDLESS);
    await heartbeatThat(({ state, accepted }) => state === "running" && accepted > last.accepted);
    second.kill("SIGKILL");
    await second.ended;
    expect(readHeartbeat()?.state).toBe("running");
  },
);

binaryTest("a run that comes to its end says so when everything is delivered", async () => {
  const end = await start(["--once", "--source", "simulator:?sensors=2&rate=max&count=500&seed=3"]).ended;
  expect(end.code).toBe(0);
  expect(readHeartbeat()).toMatchObject({
    state: "stopped",
    accepted: 500,
    pending: 0,
    oldest_pending_at: null,
    health: "ok",
  });
});

binaryTest("a problem is reported by code and message, without the secret that is in it", async () => {
  mkdirSync(join(cwd, "rules"));
  const rule = (key: string) => `{"name": "a", "${key}": 1, "when": {"range": {"measure": "temperature", "max": 90}}}`;
  writeFileSync(join(cwd, "rules/a.json"), rule("severity").replace("1", '"info"'));
  start(ENDLESS, { AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI" });
  await heartbeatThat(({ accepted, health }) => accepted > 0 && health === "ok");
  writeFileSync(join(cwd, "rules/a.json"), rule("wJalrXUtnFEMI"));
  const { problems, rules_refused } = await heartbeatThat(({ health }) => health === "degraded");
  expect(rules_refused).toBe(1);
  expect(problems).toEqual([expect.stringMatching(/^rules_refused: .*rules\/a\.json:1:15: .*\*\*\*/)]);
  expect(readFileSync(object(), "utf8")).not.toContain("wJalrXUtnFEMI");
});

binaryTest("switched off, no heartbeat is sent, and no bucket is made", async () => {
  await start(["--once", "--source", "simulator:?count=10&rate=max"], { AGENT_HEARTBEAT: "off" }).ended;
  expect(existsSync(join(cwd, "lake/expanso-metadata-us-west-2"))).toBe(false);
  expect(status().heartbeat).toBeNull();
});

binaryTest("where it cannot be written, readings are delivered all the same, and the log says so once", async () => {
  mkdirSync(join(cwd, "lake"));
  writeFileSync(join(cwd, "lake/expanso-metadata-us-west-2"), "no folder");
  const end = await start(["--once", "--source", "simulator:?count=10&rate=max"]).ended;
  expect([end.code, status().stages.raw.pending]).toEqual([0, 0]);
  expect(agent!.heard.match(/WARN .*heartbeat/g)).toHaveLength(1);
});

binaryTest(
  "two agents under one name see each other, in status; the one that goes is forgotten",
  async () => {
    const env = { ...ENV, AGENT_HEARTBEAT: "1s" };
    const [one, two] = ["one", "two"].map(
      (dir) => new AgentProcess({ args: ["run", "--data-dir", dir, ...ENDLESS], cwd, env }),
    );
    try {
      const looked = (dir: string) => {
        const { stdout } = Bun.spawnSync([AGENT_BINARY, "status", "--json", "--data-dir", dir], { cwd, env });
        const { epoch, problems } = JSON.parse(stdout.toString() || '{"problems": []}');
        return { epoch, told: problems.filter(({ code }: { code: string }) => code === "two_agents") };
      };
      const until = async (is: () => boolean) => {
        for (const giveUp = performance.now() + ENOUGH_MS; !is(); await Bun.sleep(200)) {
          if (performance.now() > giveUp) throw new Error(JSON.stringify([looked("one"), looked("two")]));
        }
      };
      await until(() => looked("one").told.length === 1 && looked("two").told.length === 1);
      expect(looked("one").told[0].message).toContain(looked("two").epoch);
      expect(looked("two").told[0].message).toContain(looked("one").epoch);
      two!.kill("SIGTERM");
      await two!.ended;
      await until(() => looked("one").told.length === 0);
    } finally {
      for (const each of [one, two]) {
        each!.kill("SIGKILL");
        await each!.ended;
      }
    }
  },
  120_000,
);

binaryTest(
  "two agents with one epoch, which nothing distinguished at the start, find each other and part",
  async () => {
    await start(["--once", "--data-dir", "one", "--source", "simulator:?sensors=2&rate=max&count=500&seed=3"]).ended;
    // As where a whole machine is copied: nothing shows it.
    cpSync(join(cwd, "one"), join(cwd, "two"), { recursive: true });
    const db = new Database(join(cwd, "two/buffer.db"));
    db.run("DELETE FROM meta WHERE key = 'marks'");
    db.close();
    const agents = ["one", "two"].map((dir) => {
      const source = "simulator:?sensors=2&rate=50&seed=3";
      return new AgentProcess({
        args: ["run", "--data-dir", dir, "--source", source],
        cwd,
        env: { ...ENV, AGENT_HEARTBEAT: "1s" },
      });
    });
    try {
      const epochOf = (dir: string) => {
        const { stdout } = Bun.spawnSync([AGENT_BINARY, "status", "--json", "--data-dir", dir], { cwd, env: ENV });
        return JSON.parse(stdout.toString()).epoch as string;
      };
      const giveUp = performance.now() + ENOUGH_MS;
      while (epochOf("one") === epochOf("two") && performance.now() < giveUp) await Bun.sleep(200);
      expect(epochOf("one")).not.toBe(epochOf("two"));
      // The line may come a moment after the epoch.
      const isSaid = () => agents.some((each) => each.heard.includes("another agent reports under its epoch"));
      while (!isSaid() && performance.now() < giveUp) await Bun.sleep(50);
      expect(agents.filter(() => !isSaid()).map((each) => each.heard)).toEqual([]);
    } finally {
      for (const each of agents) {
        each.kill("SIGKILL");
        await each.ended;
      }
    }
  },
  120_000,
);

s3Test(
  "without the metadata bucket readings continue, the node is well, and one line says what to do; then it is made",
  async () => {
    const server = await startS3Server("versitygw");
    try {
      await server.createBuckets("acme");
      const { CreateBucketCommand, DeleteBucketCommand } = await import("@aws-sdk/client-s3");
      const { region } = server;
      const client = await server.client();
      const Bucket = `acme-metadata-${region}`;
      await client.send(new DeleteBucketCommand({ Bucket }));
      const env = { ...server.env, S3_BUCKET_PREFIX: "acme", AWS_REGION: region };
      start(["--store", "s3:", ...ENDLESS], env);
      expect(await agent!.says("heartbeat_unsent")).toBe(true);
      // Facts in memory only, `status` reads from a report that is a second old at most.
      const isTold = ({ stages, heartbeat }: ReturnType<typeof status>) => stages.raw.delivered > 0 && heartbeat?.error;
      for (const giveUp = performance.now() + ENOUGH_MS; !isTold(status(env)) && performance.now() < giveUp; )
        await Bun.sleep(100);
      const { health, problems, heartbeat, stages } = status(env);
      expect([health, problems, stages.raw.delivered > 0]).toEqual(["ok", [], true]);
      expect(heartbeat).toEqual({ sent_at: null, error: expect.stringContaining(Bucket) });
      await client.send(new CreateBucketCommand({ Bucket }));
      const store = await openStore("s3:", { prefix: "acme", region, env: server.env, putTimeoutMs: 60_000 });
      const read = async () => {
        const body = await store.metadata.get(heartbeatKey("node-1", status(env).epoch)).catch(() => null);
        return body === null ? null : (JSON.parse(Buffer.from(body).toString()) as Heartbeat);
      };
      expect((await heartbeatThat(({ accepted }) => accepted > 0, read)).health).toBe("ok");
      expect(await agent!.says("heartbeat_sent")).toBe(true);
      expect(agent!.heard.match(/heartbeat_unsent/g)).toHaveLength(1);
      expect(agent!.heard).toContain("agent provision apply --only aws");
      client.destroy();
      store.close();
    } finally {
      agent?.kill("SIGKILL");
      await server.stop();
    }
  },
  600_000,
);
