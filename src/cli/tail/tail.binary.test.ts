/** The filters of `agent tail`, as the compiled binary has them, over what a real run has judged. */
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";
import { LiveTerminal } from "../../testing/terminal/live-terminal.ts";

const test = testWith("binary");
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "agent-tail-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const env = { PATH: process.env["PATH"] ?? "" };

/** What tail shows first; it is stopped when it says that no agent runs. */
async function tailed(...flags: readonly string[]) {
  const child = Bun.spawn([AGENT_BINARY, "tail", "--data-dir", "data", "--lines", "1000", ...flags], {
    cwd: dir,
    env,
    stdout: "pipe",
    stderr: "pipe",
  });
  const decoder = new TextDecoder();
  let said = "";
  const saying = (async () => {
    for await (const bytes of child.stderr) {
      said += decoder.decode(bytes, { stream: true });
      if (said.includes("No agent is running")) child.kill("SIGTERM");
    }
  })();
  const stdout = await new Response(child.stdout).text();
  await saying;
  return { code: await child.exited, lines: stdout.split("\n").slice(0, -1), said };
}

test("tail of the binary filters by sensor, rule and severity; --watch of status draws in place", async () => {
  const source = "simulator:?profile=wind-turbine&sensors=3&count=1500&rate=max&anomaly=0.2&seed=5";
  const run = Bun.spawnSync([AGENT_BINARY, "run", "--once", "--data-dir", "data", "--source", source], {
    cwd: dir,
    env,
  });
  expect(run.exitCode).toBe(0);
  const all = await tailed("--stage", "anomalies");
  expect(all.code).toBe(0);
  const sensors = new Set(all.lines.map((line) => line.split("  ")[2] ?? ""));
  expect(sensors.size).toBe(3);
  const [one = ""] = sensors;
  const ofOne = await tailed("--stage", "anomalies", "--sensor", `${one.slice(0, -1)}?`);
  expect(ofOne.lines.length).toBeGreaterThan(0);
  expect(ofOne.lines).toEqual(all.lines.filter((line) => (line.split("  ")[2] ?? "").startsWith(one.slice(0, -1))));
  const critical = await tailed("--severity", "critical", "--json");
  const severities = critical.lines.map((line) =>
    JSON.parse(line).verdict.map((found: { severity: string }) => found.severity),
  );
  expect(severities.every((found) => found.includes("critical"))).toBe(true);
  const rule = /ANOMALY ([\w-]+):/.exec(all.lines[0] ?? "")?.[1] ?? "";
  const byRule = await tailed("--rule", `${rule.slice(0, -2)}*`);
  expect(byRule.lines.every((line) => line.includes(rule.slice(0, -2)))).toBe(true);
  expect(byRule.lines.length).toBeGreaterThan(0);
  expect((await tailed("--rule", `x${rule}`)).said).toContain(`did you mean ${rule}?`);
  const program = [AGENT_BINARY, "status", "--watch", "--interval", "100ms", "--data-dir", "data"];
  const status = new LiveTerminal({ program, cwd: dir, columns: 80, rows: 24 });
  await status.sees(/raw +1,500/);
  status.type("q");
  expect(await status.ended()).toBe(0);
  expect(Object.fromEntries(status.screen.modes)).toEqual({ "?1049": false, "?25": true, "?7": true, "8": true });
  expect(status.text).toMatch(/raw +1,500/);
});
