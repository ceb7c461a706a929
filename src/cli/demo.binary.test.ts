/** `agent demo` as a user runs it: the compiled binary in an empty folder. Plain `bun test` skips it aloud without dist/agent. */
import { afterAll, expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentProcess, ENOUGH_MS, killAllAgents } from "../testing/agent-process.ts";
import { testWith } from "../testing/needs.ts";

const BINARY = join(import.meta.dir, "../../dist/agent");
const binaryTest = testWith("binary");
const folder = mkdtempSync(join(tmpdir(), "agent-demo-"));
afterAll(() => {
  killAllAgents();
  rmSync(folder, { recursive: true, force: true });
});

type Stages = Record<string, { rows: number; objects: number }>;

function demo(...argv: string[]) {
  const done = Bun.spawnSync([BINARY, "demo", ...argv], { cwd: folder, env: {} });
  return { code: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
}

binaryTest("the demo takes, judges and delivers, and its figures agree with each other", () => {
  const { code, stdout } = demo("--for", "2s", "--json");
  expect(code).toBe(0);
  const summary = JSON.parse(stdout) as {
    accepted: number;
    losses: number;
    stages: Stages;
    anomalies_by_rule: Record<string, number>;
    verify: { ok: boolean };
  };
  const rows = (stage: string) => summary.stages[stage]!.rows;
  expect(summary.verify).toEqual({ ok: true });
  expect(summary.losses).toBe(0);
  expect(summary.accepted).toBeGreaterThan(200);
  expect(rows("raw")).toBe(summary.accepted);
  expect(rows("validated") + rows("anomalies")).toBe(summary.accepted);
  expect(rows("schematized")).toBe(rows("validated"));
  expect(rows("anomalies")).toBeGreaterThan(0);
  expect(rows("aggregated")).toBeGreaterThanOrEqual(24);
  // A flagged reading breaks this rule and maybe others; nothing breaks a rule more often than there are anomalies.
  expect(summary.anomalies_by_rule["sensor-flag"]).toBeGreaterThan(0);
  expect(Math.max(...Object.values(summary.anomalies_by_rule))).toBeLessThanOrEqual(rows("anomalies"));
});

binaryTest("for a person it ends with the result in a sentence, and it empties only a folder of its own", () => {
  const { code, stdout } = demo("--for", "1s");
  expect(code).toBe(0);
  expect(stdout.trimEnd().endsWith("every reading is where it belongs")).toBe(true);
  mkdirSync(join(folder, "mine"));
  writeFileSync(join(folder, "mine", "thesis.txt"), "do not lose this");
  const refused = demo("--dir", "mine", "--for", "1s");
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("Try: agent demo --dir");
  expect(existsSync(join(folder, "mine", "thesis.txt"))).toBe(true);
});

const pageOf = (heard: string) => /^Page: (http:\/\/127\.0\.0\.1:\d+\/)#token=(\S+)$/m.exec(heard);

binaryTest(
  "its page is on, and its address, with the token, is the first line; two demos have a port each",
  async () => {
    const start = (dir: string) =>
      new AgentProcess({ args: ["demo", "--for", "1h", "--dir", dir], cwd: folder, env: {} });
    const demos = [start("one"), start("two")];
    const urls: string[] = [];
    for (const one of demos) {
      expect(await one.says("readings a second")).toBe(true);
      expect(one.heard).toMatch(/^Page: http/);
      const [, url = "", token = ""] = pageOf(one.heard) ?? [];
      urls.push(url);
      const page = await fetch(url, { headers: { accept: "text/html" } });
      expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
      const dir = one === demos[0] ? "one" : "two";
      expect(readFileSync(join(folder, dir, "data/dashboard.token"), "utf8").trim()).toBe(token);
    }
    expect(new Set(urls).size).toBe(2);
    for (const one of demos) one.kill("SIGINT");
    expect(await Promise.all(demos.map(async (one) => (await one.ended).code))).toEqual([0, 0]);
    const off = demo("--for", "1s", "--dashboard", "off");
    expect([off.code, pageOf(off.stderr)]).toEqual([0, null]);
  },
  ENOUGH_MS * 4,
);

binaryTest("an address that was asked for and is taken is refused before the demo begins", () => {
  const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const at = `127.0.0.1:${taken.port}`;
  const { code, stderr } = demo("--for", "1h", "--dir", "refused", "--dashboard", at);
  taken.stop(true);
  expect([code, existsSync(join(folder, "refused"))]).toEqual([2, false]);
  expect(stderr).toContain(`Cannot serve the page on ${at}: the port is taken`);
  expect(stderr).toContain("Try: agent demo --dashboard 127.0.0.1:0");
});

binaryTest(
  "its page edits rules of the demo alone: a save is in force, and ./rules stays as it is",
  async () => {
    const cwd = join(folder, "edits");
    const rule = JSON.stringify({ name: "mine", when: { range: { measure: "temperature", max: 1_000 } } });
    mkdirSync(join(cwd, "rules"), { recursive: true });
    writeFileSync(join(cwd, "rules/mine.json"), rule);
    const edited = new AgentProcess({ args: ["demo", "--for", "1h"], cwd, env: {} });
    expect(await edited.says("readings a second")).toBe(true);
    const [, url = "", token = ""] = pageOf(edited.heard) ?? [];
    const version = async () => JSON.parse(await (await fetch(`${url}healthz`)).text()).rules.version as string;
    const before = await version();
    writeFileSync(join(cwd, "agent-demo/rules/mine.json"), rule.replace("1000", "999"));
    for (const giveUp = performance.now() + ENOUGH_MS; (await version()) === before; await Bun.sleep(50))
      if (performance.now() > giveUp) throw new Error("the other rules are not in force");
    expect(readFileSync(join(cwd, "rules/mine.json"), "utf8")).toBe(rule);
    const asked = await fetch(`${url}api/rules`, { headers: { authorization: `Bearer ${token}` } });
    expect(await asked.json()).toMatchObject({ folder: "agent-demo/rules" });
    edited.kill("SIGINT");
    expect((await edited.ended).code).toBe(0);
  },
  ENOUGH_MS * 2,
);

binaryTest(
  "with --keep it takes readings and serves its page after the summary, until Ctrl-C",
  async () => {
    const line = `exec '${BINARY}' demo --for 1s --keep --dir kept >summary.txt`;
    const kept = new AgentProcess({ program: "/bin/sh", args: ["-c", line], cwd: folder, env: {} });
    expect(await kept.says("The sensors continue until Ctrl-C")).toBe(true);
    const [, url = ""] = pageOf(kept.heard) ?? [];
    // The summary has something to show.
    expect(readFileSync(join(folder, "summary.txt"), "utf8")).toMatch(/^raw +[1-9][\d,]* +[1-9]/m);
    const accepted = async () => JSON.parse(await (await fetch(`${url}healthz`)).text()).buffer.accepted as number;
    const before = await accepted();
    for (const giveUp = performance.now() + ENOUGH_MS; (await accepted()) <= before; await Bun.sleep(50))
      if (performance.now() > giveUp) throw new Error("it takes no more readings");
    expect(kept.end).toBe(null);
    kept.kill("SIGINT");
    expect((await kept.ended).code).toBe(0);
    expect(kept.heard).toMatch(/Stopped: [\d,]+ readings accepted, all of them delivered/);
    const verified = Bun.spawnSync(
      [BINARY, "verify", "--deep", "--data-dir", "kept/data", "--store", "dir:kept/lake"],
      { cwd: folder, env: {} },
    );
    expect(verified.exitCode).toBe(0);
  },
  ENOUGH_MS * 4,
);
