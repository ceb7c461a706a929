/** Metrics that the compiled binary pushes by OTLP, to a receiver that reads each message. */
import { afterAll, afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY, AgentProcess, ENOUGH_MS } from "../../testing/agent-process.ts";
import { OtlpReceiver } from "../../testing/monitoring/otlp-receiver.ts";
import { testWith } from "../../testing/needs.ts";
import { METRICS } from "./all.ts";
import { headersOf } from "./push.ts";

const binaryTest = testWith("binary");
const folder = mkdtempSync(join(tmpdir(), "agent-otlp-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let cwd = "";
let agent: AgentProcess | null = null;
let receiver = new OtlpReceiver();
beforeEach(async () => {
  await receiver.stop();
  receiver = new OtlpReceiver();
  cwd = mkdtempSync(join(folder, "node-"));
});
afterEach(async () => {
  agent?.kill("SIGKILL");
  await agent?.ended;
  agent = null;
}, 600_000);
afterAll(() => receiver.stop());

const ENV = { AGENT_NODE_ID: "node-1", AGENT_COMMIT_MS: "50ms", AGENT_BATCH_MS: "300ms", AGENT_OTLP_INTERVAL: "1s" };
function start(env: Readonly<Record<string, string>>, args: readonly string[] = []): void {
  agent = new AgentProcess({
    args: ["run", "--source", "simulator:?sensors=2&rate=50", ...args],
    cwd,
    env: { ...ENV, ...env },
  });
}

async function until(is: () => boolean): Promise<void> {
  for (const giveUp = performance.now() + ENOUGH_MS; !is() && performance.now() < giveUp; ) await Bun.sleep(50);
}

const newest = () => receiver.pushes.at(-1);
const metric = (name: string) => newest()?.metrics.find((one) => one.name === name);

function status() {
  const told = Bun.spawnSync([AGENT_BINARY, "status", "--json"], { cwd, env: ENV });
  return JSON.parse(told.stdout.toString());
}

binaryTest(
  "every metric is pushed under the name that Prometheus has, with the headers of the settings",
  async () => {
    start({
      OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.url}/otlp/`,
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20s3cret",
    });
    await until(
      () =>
        (metric("agent_delivery_lag_seconds")?.points.find(({ attributes }) => attributes["stage"] === "raw")?.value ??
          0) > 0,
    );
    const { path, headers, resource, metrics } = newest()!;
    expect([path, headers.get("content-type"), headers.get("authorization")]).toEqual([
      "/otlp/v1/metrics",
      "application/x-protobuf",
      "Bearer s3cret",
    ]);
    expect(resource).toMatchObject({ "service.name": "agent", "service.instance.id": "node-1" });
    const kinds = new Map(METRICS.map(({ name, type }) => [name, type === "counter" ? "sum" : type]));
    for (const { name, kind, isCumulative, isMonotonic } of metrics) {
      expect([name, kind]).toEqual([name, kinds.get(name)!]);
      expect([name, isCumulative, isMonotonic]).toEqual([name, kind !== "gauge", kind === "sum"]);
    }
    expect(metrics.length).toBeGreaterThan(40);
    const lag = metric("agent_delivery_lag_seconds")!;
    const raw = lag.points.find(({ attributes }) => attributes["stage"] === "raw")!;
    expect([lag.unit, raw.bounds.length, raw.buckets.length]).toEqual(["s", 20, 21]);
    expect(raw.buckets.reduce((sum, count) => sum + count, 0)).toBe(raw.value);
    const accepted = metric("agent_readings_accepted_total")!.points[0]!;
    expect([accepted.attributes, accepted.startNs]).toEqual([{ source: "simulator:?sensors=2&rate=50" }, 0n]);
    expect(accepted.value).toBeGreaterThan(0);
    const judged = metric("agent_readings_judged_total")!.points[0]!;
    expect(judged.startNs > 0n && judged.startNs < judged.atNs).toBe(true);
    expect(agent!.heard).not.toContain("s3cret");
    expect(JSON.stringify(status())).not.toContain("s3cret");
  },
  600_000,
);

binaryTest(
  "a receiver that refuses is a problem and holds up nothing; then the receiver gets them again",
  async () => {
    receiver.status = 400;
    start({ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${receiver.url}/here` });
    expect(await agent!.says("otlp_failed")).toBe(true);
    await until(() => status().problems.length > 0);
    const { problems, stages, uplink } = status();
    expect(problems.map(({ code }: { readonly code: string }) => code)).toEqual(["otlp_failed"]);
    expect(problems[0].message).toContain(`${receiver.url}/here`);
    expect(problems[0].try).toBe(`curl -v ${receiver.url}/here`);
    expect([stages.raw.delivered > 0, uplink.state]).toEqual([true, "up"]);
    receiver.status = 200;
    expect(await agent!.says("otlp_pushed")).toBe(true);
    await until(() => status().problems.length === 0);
    expect(status().health).toBe("ok");
    expect(newest()!.path).toBe("/here");
    agent!.kill("SIGTERM");
    expect((await agent!.ended).code).toBe(0);
  },
  600_000,
);

binaryTest(
  "a receiver that never answers holds up neither the work nor an end",
  async () => {
    receiver.status = null;
    start({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }, ["--for", "2s"]);
    const { code } = await agent!.ended;
    const { stages, buffer } = status();
    expect([code, receiver.asked > 0, stages.raw.delivered]).toEqual([0, true, buffer.accepted]);
    start({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    const before = receiver.asked;
    await until(() => receiver.asked > before);
    agent!.kill("SIGTERM");
    expect((await agent!.ended).code).toBe(0);
  },
  600_000,
);

binaryTest(
  "off is off; a run with an end pushes its last counts before it ends",
  async () => {
    start({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, AGENT_OTLP_INTERVAL: "off" }, ["--for", "1s"]);
    expect((await agent!.ended).code).toBe(0);
    expect([receiver.pushes.length, agent!.heard.includes("otlp")]).toEqual([0, false]);
    start({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, AGENT_OTLP_INTERVAL: "1h" }, ["--for", "1s"]);
    expect((await agent!.ended).code).toBe(0);
    const { accepted } = status().buffer;
    expect(
      metric("agent_rows_delivered_total")?.points.find(({ attributes }) => attributes["stage"] === "raw")?.value,
    ).toBe(accepted);
  },
  600_000,
);

test("headers are pairs of names and values, percent-encoded", () => {
  expect(headersOf("authorization=Bearer%20a%3D, x-scope=1=2")).toEqual({
    authorization: "Bearer a=",
    "x-scope": "1=2",
  });
  expect(headersOf(null)).toEqual({});
  expect(headersOf("a=100%")).toEqual({ a: "100%" });
});

test("the library is loaded only where metrics are pushed", () => {
  const sources = readdirSync(join(import.meta.dir, "../.."), { recursive: true, encoding: "utf8" }).filter(
    (path) => path.endsWith(".ts") && !path.endsWith(".test.ts"),
  );
  const read = (path: string) => readFileSync(join(import.meta.dir, "../..", path), "utf8");
  expect(sources.filter((path) => read(path).includes('from "@opentelemetry/'))).toEqual(["status/metrics/otlp.ts"]);
  const importers = sources.filter(
    (path) => /^import (?!type ).*\/otlp\.ts"/m.test(read(path)) && !path.startsWith("core/"),
  );
  expect(importers).toEqual([]);
});
