/** The metrics of the compiled binary, and the files of docs/monitoring/, judged by a real Prometheus. */
import { afterAll, afterEach, beforeEach, expect } from "bun:test";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dashboardQueries } from "../../../scripts/generate/grafana-dashboard.ts";
import { AgentProcess, ENOUGH_MS } from "../../testing/agent-process.ts";
import { TestPrometheus } from "../../testing/monitoring/prometheus.ts";
import { testWith } from "../../testing/needs.ts";

const prometheusTest = testWith("binary", "prometheus");
const MONITORING = join(import.meta.dir, "../../../docs/monitoring");
const folder = mkdtempSync(join(tmpdir(), "agent-prometheus-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let cwd = "";
let agent: AgentProcess | null = null;
let prometheus: TestPrometheus | null = null;
beforeEach(() => {
  cwd = mkdtempSync(join(folder, "node-"));
});
afterEach(async () => {
  agent?.kill("SIGKILL");
  await prometheus?.stop();
  await agent?.ended;
  agent = prometheus = null;
}, 600_000);

/** Returns the agent's port. */
async function startAgent(): Promise<number> {
  agent = new AgentProcess({
    args: ["run", "--dashboard", "127.0.0.1:0", "--source", "simulator:?sensors=4&rate=50&anomaly=0.02"],
    cwd,
    env: { AGENT_NODE_ID: "node-1", AGENT_COMMIT_MS: "50ms", AGENT_BATCH_MS: "300ms", AGENT_BACKOFF_MAX_MS: "500ms" },
  });
  expect(await agent.says("running")).toBe(true);
  return Number(/listening: .*127\.0\.0\.1:(\d+)\//.exec(agent.heard)?.[1]);
}

/** The alert rules as they are, but for the time that they wait. */
const impatientRules = () => readFileSync(join(MONITORING, "alerts.yml"), "utf8").replace(/for: \w+/g, "for: 2s");

function promtool(args: readonly string[], stdin?: string) {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["promtool", ...args], {
    cwd: MONITORING,
    stdin: stdin === undefined ? "ignore" : Buffer.from(stdin),
  });
  return { exitCode, said: `${stdout}${stderr}` };
}

/** Panels of the dashboard that show nothing on a healthy node with a simulator. */
const EMPTY_WHEN_WELL = [
  "Problems",
  "Rules that fail",
  "Responses of HTTP sources",
  // The two need an hour.
  "Lost in 24 h",
  "Time until the buffer is full",
];

async function expectNoEmptyPanel(at: TestPrometheus): Promise<void> {
  for (const { title, expression } of dashboardQueries()) {
    const values = await at.query(expression, (found) => found.length > 0 || EMPTY_WHEN_WELL.includes(title));
    expect([title, values.length > 0 || EMPTY_WHEN_WELL.includes(title)]).toEqual([title, true]);
  }
}

prometheusTest("the alert rules, their tests and the example of a configuration are in order", () => {
  for (const args of [
    ["check", "rules", "alerts.yml"],
    ["check", "config", "prometheus.yml"],
    ["test", "rules", "alerts.test.yml"],
  ]) {
    expect(promtool(args)).toEqual({ exitCode: 0, said: expect.stringContaining("SUCCESS") });
  }
  const broken = join(cwd, "broken.yml");
  writeFileSync(broken, "groups: [{ name: a, rules: [{ alert: A, expr: 'up ==' }] }]\n");
  expect(promtool(["check", "rules", broken]).exitCode).not.toBe(0);
});

prometheusTest(
  "a scrape has nothing to object to, also when things are wrong",
  async () => {
    const port = await startAgent();
    const scrape = async (is: RegExp): Promise<string> => {
      for (const giveUp = performance.now() + ENOUGH_MS; ; await Bun.sleep(50)) {
        const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
        if (is.test(text) || performance.now() > giveUp) return text;
      }
    };
    const text = await scrape(/agent_delivery_lag_seconds_count\{stage="raw"\} [1-9]/);
    expect(text).toContain('agent_delivery_lag_seconds_bucket{stage="raw",le="+Inf"}');
    expect(promtool(["check", "metrics"], text)).toEqual({ exitCode: 0, said: "" });
    renameSync(join(cwd, "lake"), join(cwd, "lake-away"));
    writeFileSync(join(cwd, "lake"), "");
    const bad = await scrape(/agent_problem\{code="store_denied"\} 1/);
    expect(bad.match(/^agent_delivery_failures_total.* [1-9]\d*$/gm)).toEqual([expect.stringContaining("denied")]);
    expect(promtool(["check", "metrics"], bad)).toEqual({ exitCode: 0, said: "" });
  },
  600_000,
);

prometheusTest(
  "Prometheus reads the agent; an alert fires when the store is gone, and ends when it is back",
  async () => {
    prometheus = new TestPrometheus(join(cwd, "prometheus"), await startAgent(), impatientRules());
    await prometheus.query('up{job="agent"}', ([up]) => up === 1);
    const rate = "rate(agent_readings_accepted_total[10s])";
    expect((await prometheus.query(rate, ([perSecond = 0]) => perSecond > 100))[0]).toBeLessThan(400);
    const lag = 'histogram_quantile(0.95, rate(agent_delivery_lag_seconds_bucket{stage="raw"}[10s]))';
    expect((await prometheus.query(lag, ([seconds = 0]) => seconds > 0))[0]).toBeLessThan(60);
    expect(await prometheus.query("agent_build_info")).toEqual([1]);
    await expectNoEmptyPanel(prometheus);
    // Of the machine, not of the agent.
    const ofAgent = (names: readonly string[]) => names.filter((name) => name !== "AgentDiskFullSoon");
    expect(ofAgent(await prometheus.firing(() => true))).toEqual([]);

    renameSync(join(cwd, "lake"), join(cwd, "lake-away"));
    writeFileSync(join(cwd, "lake"), "");
    const fired = await prometheus.firing((names) =>
      ["AgentUplinkDown", "AgentDegraded"].every((name) => names.includes(name)),
    );
    expect(ofAgent(fired).toSorted()).toEqual(["AgentDegraded", "AgentUplinkDown"]);
    rmSync(join(cwd, "lake"));
    renameSync(join(cwd, "lake-away"), join(cwd, "lake"));
    expect(ofAgent(await prometheus.firing((names) => ofAgent(names).length === 0))).toEqual([]);

    agent?.kill("SIGKILL");
    expect(await prometheus.firing((names) => names.includes("AgentDown"))).toContain("AgentDown");
  },
  600_000,
);
