/** The pages of a running agent over HTTP, of the compiled binary. */
import { afterAll, afterEach, beforeEach, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY, AgentProcess, ENOUGH_MS } from "../testing/agent-process.ts";
import { testWith } from "../testing/needs.ts";
import { quickest } from "../testing/quickest.ts";

const binaryTest = testWith("binary");
const folder = mkdtempSync(join(tmpdir(), "agent-health-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ENV = {
  AGENT_NODE_ID: "node-1",
  AGENT_COMMIT_MS: "50ms",
  AGENT_BATCH_MS: "300ms",
  PATH: process.env["PATH"] ?? "",
};
const RULE = JSON.stringify({ name: "too-warm", when: { range: { measure: "temperature", max: 10_000 } } });

let cwd = "";
let agent: AgentProcess | null = null;

beforeEach(() => {
  cwd = mkdtempSync(join(folder, "node-"));
  mkdirSync(join(cwd, "rules"));
  writeFileSync(join(cwd, "rules/a.json"), RULE);
});
afterEach(async () => {
  agent?.kill("SIGKILL");
  await agent?.ended;
  agent = null;
}, 600_000);

const listen = (server: Server): Promise<number> =>
  new Promise((done) => {
    server.listen(0, "127.0.0.1", () => done((server.address() as { port: number }).port));
  });

const argsOf = (port: number) => [
  "run",
  "--dashboard",
  `127.0.0.1:${port}`,
  "--source",
  "simulator:?sensors=2&rate=50",
];

/** On a port that the system chooses, unless one is given: a free one might be taken before the agent has it. */
function start(port = 0): void {
  agent = new AgentProcess({ args: argsOf(port), cwd, env: ENV });
}

/** The port that the agent says it listens on. */
const portNow = (): number => Number(/listening: .*127\.0\.0\.1:(\d+)\//.exec(agent?.heard ?? "")?.[1] ?? "0");

/** The first answer for which `is` holds, or the last one when it never does. */
async function ask(path: string, is: (status: number, body: string) => boolean = () => true, init: RequestInit = {}) {
  for (const giveUp = performance.now() + ENOUGH_MS; ; await Bun.sleep(50)) {
    const answer = await fetch(`http://127.0.0.1:${portNow()}${path}`, init).catch(() => null);
    const body = (await answer?.text()) ?? "";
    const isLast = performance.now() > giveUp;
    if (answer !== null && (isLast || is(answer.status, body))) return { status: answer.status, body, answer };
    if (isLast) throw new Error(`nothing listens on ${portNow()}: ${agent?.heard}`);
  }
}

const LINE =
  /^(?:# (?:HELP|TYPE) [a-z_]+ .+|[a-z_]+(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})? (?:-?\d[\d.e+-]*|NaN|[+-]Inf))$/;

/** Values by series; throws where a line is not of Prometheus' text format. */
function parse(text: string): Map<string, number> {
  const series = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    if (!LINE.test(line)) throw new Error(`not a line of metrics: ${line}`);
    if (!line.startsWith("#")) series.set(line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1)));
  }
  return series;
}

binaryTest(
  "health is the same as status, and 200 also when something is wrong; readyz is 503 then",
  async () => {
    start();
    const { status, body, answer } = await ask("/healthz", (_, text) => /"accepted":[1-9]/.test(text));
    expect([status, answer.headers.get("content-type")]).toEqual([200, "application/json; charset=utf-8"]);
    const told = JSON.parse(body);
    expect(told).toMatchObject({ node_id: "node-1", health: "ok", problems: [], pid: agent!.pid, rules: { count: 1 } });
    expect((await ask("/readyz")).status).toBe(200);

    writeFileSync(join(cwd, "rules/a.json"), '{\n  "name": "too-warm",\n  "wen": {}\n}');
    const broken = await ask("/readyz", (code) => code === 503);
    expect(broken.status).toBe(503);
    const { problems, rules } = JSON.parse((await ask("/healthz", (_, text) => text.includes("rules_refused"))).body);
    expect(problems[0].code).toBe("rules_refused");
    expect(rules).toMatchObject({
      version: told.rules.version,
      refused: [{ file: "rules/a.json", line: 3, column: 3 }],
    });
    expect(rules.refused[0].message).toContain("did you mean when");
    expect((await ask("/healthz")).status).toBe(200);
    const metrics = parse((await ask("/metrics")).body);
    expect(metrics.get("agent_rules_refused_files")).toBe(1);
    expect(metrics.get('agent_rules_refused_info{file="rules/a.json",line="3",column="3"}')).toBe(1);

    writeFileSync(join(cwd, "rules/a.json"), RULE);
    expect((await ask("/readyz", (code) => code === 200)).status).toBe(200);
  },
  600_000,
);

binaryTest(
  "a save is reported within a second, refused or repaired, by health and by metrics",
  async () => {
    start();
    const first = JSON.parse((await ask("/healthz", (_, text) => /"accepted":[1-9]/.test(text))).body).rules.version;
    const told: readonly (readonly [save: string, healthz: RegExp, metrics: RegExp])[] = [
      [RULE.replace("max", "mox"), /"refused":\[\{"file":"rules\/a.json","line":1,"column":\d+,/, /refused_files 1\n/],
      [RULE, /"health":"ok".*"refused":\[\]/, /refused_files 0\n/],
    ];
    const tookMs = await quickest(1_000, async () => {
      const each: number[] = [];
      for (const [save, healthz, metrics] of told) {
        writeFileSync(join(cwd, "rules/a.json"), save);
        const savedAtMs = performance.now();
        expect((await ask("/healthz", (_, text) => healthz.test(text))).body).toMatch(healthz);
        expect((await ask("/metrics", (_, text) => metrics.test(text))).body).toMatch(metrics);
        each.push(performance.now() - savedAtMs);
      }
      return Math.max(...each);
    });
    expect(tookMs).toBeLessThan(1_000);
    writeFileSync(join(cwd, "rules/a.json"), RULE.replace("10000", "-300"));
    const { body } = await ask("/metrics", (_, text) => /broken_total\{rule="too-warm"\} [1-9]/.test(text));
    const { version } = JSON.parse((await ask("/healthz")).body).rules;
    expect(parse(body).get(`agent_rules_info{version="${version}"}`)).toBe(1);
    expect(version).not.toBe(first);
  },
  600_000,
);

binaryTest(
  "metrics are in Prometheus' text format, and count what status counts",
  async () => {
    writeFileSync(join(cwd, "rules/b.json"), JSON.stringify({ name: "heard", when: { gap: { longer_than: "1s" } } }));
    const lines = [1, 2].map((n) =>
      JSON.stringify({ sensor_id: `s"${n}\\`, timestamp: new Date().toISOString(), temperature: n }),
    );
    const fed = Bun.spawnSync([AGENT_BINARY, "run", "--once", "--source", "stdin:"], {
      cwd,
      env: ENV,
      stdin: Buffer.from(`${lines.join("\n")}\nnot json\n`),
    });
    expect(fed.exitCode).toBe(0);
    start();
    const { body, answer } = await ask(
      "/metrics",
      (_, text) => text.includes("agent_sensor_silent_seconds{") && text.includes(`agent_rule_sensors{rule="heard"} 4`),
    );
    expect(answer.headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
    const metrics = parse(body);
    expect(metrics.get('agent_readings_accepted_total{source="stdin:"}')).toBe(3);
    expect(metrics.get('agent_readings_malformed_total{source="stdin:"}')).toBe(1);
    expect(metrics.get("agent_uplink_up")).toBe(1);
    expect(metrics.get("agent_rules")).toBe(2);
    expect(metrics.get("agent_silent_sensors")).toBe(2);
    // Those of stdin, which are in the buffer, and the simulator's.
    expect(metrics.get('agent_rule_sensors{rule="heard"}')).toBe(4);
    expect(metrics.get('agent_rule_readings_total{rule="heard"}')).toBe(metrics.get("agent_readings_judged_total")!);
    expect(metrics.get('agent_rule_errors_total{rule="heard"}')).toBe(0);
    expect(metrics.get('agent_sensor_silent_seconds{rule="heard",sensor="s\\"1\\\\"}')).toBeGreaterThan(1);
    expect(metrics.get('agent_rows_delivered_total{stage="raw"}')).toBeGreaterThanOrEqual(3);
    expect(metrics.get("process_resident_memory_bytes")).toBeGreaterThan(1e7);
  },
  600_000,
);

binaryTest(
  "a port that is taken is a problem, and no end: it is listened on when it is free",
  async () => {
    const other = createServer();
    start(await listen(other));
    expect(await agent!.says("not_listening")).toBe(true);
    expect(await agent!.says("running")).toBe(true);
    const problems = (): string[] => {
      const told = Bun.spawnSync([AGENT_BINARY, "status", "--json"], { cwd, env: ENV });
      expect(told.exitCode).toBe(0);
      return JSON.parse(told.stdout.toString()).problems.map(({ code }: { code: string }) => code);
    };
    // The report of the running agent is a second old at most, and at the start there is none.
    for (const giveUp = performance.now() + ENOUGH_MS; problems().length === 0 && performance.now() < giveUp; )
      await Bun.sleep(100);
    expect(problems()).toEqual(["not_listening"]);
    await new Promise((done) => other.close(done));
    expect(await agent!.says("listening: Page: ")).toBe(true);
    expect((await ask("/healthz")).status).toBe(200);
  },
  600_000,
);

binaryTest(
  "an agent that waits for another one's end lives, and says that it is not ready",
  async () => {
    const first = new AgentProcess({ args: ["run", "--source", "simulator:?sensors=1&rate=10"], cwd, env: ENV });
    expect(await first.says("running")).toBe(true);
    start();
    const { status, body } = await ask("/healthz", (_, text) => text.includes("waiting_for_lock"));
    const { health, problems } = JSON.parse(body);
    expect([status, health, problems[0].code]).toEqual([200, "degraded", "waiting_for_lock"]);
    expect([(await ask("/readyz")).status, (await ask("/metrics")).status]).toEqual([503, 503]);
    first.kill("SIGTERM");
    await first.ended;
    expect((await ask("/readyz", (code) => code === 200)).status).toBe(200);
  },
  600_000,
);

binaryTest(
  "an impossible address is a wrong call, and off starts no server",
  async () => {
    const wrong = Bun.spawnSync([AGENT_BINARY, "run", "--dashboard", "9464"], { cwd, env: ENV });
    expect(wrong.exitCode).toBe(2);
    expect(wrong.stderr.toString()).toMatch(/^Cannot use --dashboard "9464".*did you mean 127.0.0.1:9464\?\nTry: /);
    const check = Bun.spawnSync([AGENT_BINARY, "config", "check", "--dashboard", "0.0.0.0:9464"], { cwd, env: ENV });
    expect([check.exitCode, check.stderr.toString()]).toEqual([0, expect.stringContaining("without a password")]);
    agent = new AgentProcess({ args: ["run", "--dashboard", "off"], cwd, env: ENV });
    expect(await agent.says("running")).toBe(true);
    expect(agent.heard).not.toContain("listening");
  },
  600_000,
);

binaryTest(
  "only GET and HEAD of known paths, and only under its own name",
  async () => {
    start();
    expect((await ask("/")).body).toContain("/metrics");
    expect((await ask("/nothing", () => true)).status).toBe(404);
    const post = await ask("/healthz", () => true, { method: "POST", body: "x" });
    expect([post.status, post.answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    const head = await ask("/healthz", () => true, { method: "HEAD" });
    expect([head.status, head.body]).toEqual([200, ""]);
    expect((await ask("/healthz", () => true, { headers: { host: "evil.example" } })).status).toBe(421);
    expect((await ask("/healthz", () => true, { headers: { host: `localhost:${portNow()}` } })).status).toBe(200);
  },
  600_000,
);

binaryTest(
  "more connections than the process may have files hold up neither its work nor its end",
  async () => {
    const tookMs = await quickest(700, async () => {
      const few = ["-c", 'ulimit -n 200 && exec "$0" "$@"', AGENT_BINARY, ...argsOf(0)];
      agent = new AgentProcess({ program: "/bin/sh", args: few, cwd, env: ENV });
      await ask("/healthz", (_, text) => /"accepted":[1-9]/.test(text));
      const sockets: Socket[] = Array.from({ length: 1_000 }, () =>
        connect(portNow(), "127.0.0.1").on("error", () => undefined),
      );
      for (const socket of sockets) socket.write("GET /healthz HTTP/1.1\r\nHost: local");
      const { delivered } = JSON.parse((await ask("/healthz")).body).stages.raw;
      const isMore = (body: string) => JSON.parse(body).stages.raw.delivered > delivered + 50;
      const { body } = await ask("/healthz", (_, text) => isMore(text));
      expect([isMore(body), JSON.parse(body).health, agent.heard.includes("EMFILE")]).toEqual([true, "ok", false]);
      const slow = connect(portNow(), "127.0.0.1").on("error", () => undefined);
      await new Promise((done) => slow.write("GET /healthz HTTP/1.1\r\n", done));
      const askedAtMs = performance.now();
      agent.kill("SIGTERM");
      const end = await agent.ended;
      expect(end.code).toBe(0);
      for (const socket of [slow, ...sockets]) socket.destroy();
      return end.atMs - askedAtMs;
    });
    expect(tookMs).toBeLessThan(700);
  },
  600_000,
);
