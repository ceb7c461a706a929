import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { heartbeatBody, heartbeatKey } from "../../fleet/heartbeat.ts";
import { heartbeatOf } from "../../testing/spark/heartbeats.ts";
import { see } from "../frame/command-line.suite.ts";
import { COMMANDS } from "../frame/commands.ts";

const cwd = mkdtempSync(join(tmpdir(), "agent-fleet-"));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const file = (name: string, list: unknown) => {
  writeFileSync(join(cwd, name), typeof list === "string" ? list : JSON.stringify(list));
  return name;
};
const execution = (node: string, state: number, out: string | null = null) => ({
  ID: `e-${node}-${state}`,
  NodeID: node,
  JobVersion: 1,
  CreateTime: 1,
  DesiredState: { StateType: 1 },
  ComputeState: { StateType: state, Message: state === 10 ? "oom" : "" },
  RunOutput: out === null ? null : { Stdout: out, ExitCode: 0 },
});
const AGENT = file("agent.json", [execution("n-1", 1), execution("n-2", 10), execution("n-2", 9)]);
const LINES = file("lines.json", [execution("n-1", 9, "pump-1 ok version=0.1.0 rules=abc lag=0s lost=0\n")]);
const NODES = file("nodes.json", [{ Info: { NodeID: "n-3", NodeType: "Compute" }, Connection: "DISCONNECTED" }]);

const metadata = join(cwd, "lake/acme-metadata-us-west-2");
for (const [node, beat] of [
  ["pump-1", { sent_at: new Date().toISOString(), losses: 12, rules_version: "abc" }],
  ["pump-9", { problems: ["store_denied: no right"], health: "degraded" as const }],
] as const) {
  const path = join(metadata, heartbeatKey(node));
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, heartbeatBody(heartbeatOf(node, beat)));
}
const env = { S3_BUCKET_PREFIX: "acme", AWS_REGION: "us-west-2" };
const status = (words: readonly string[], more: Readonly<Record<string, string>> = {}) =>
  see(["bacalhau", "status", ...words], COMMANDS, { cwd, env: { ...env, ...more } });

test("one row a node, and what to do about those without a live execution", async () => {
  const { code, stdout } = await status(["--executions", AGENT, "--lines", LINES, "--all-nodes", NODES]);
  expect(code).toBe(1);
  const [head, ...lines] = stdout.trimEnd().split("\n");
  expect(head?.split(/\s{2,}/)).toEqual([
    "node",
    "agent",
    "execution",
    "heard",
    "state",
    "version",
    "rules",
    "lag",
    "lost",
    "problem",
  ]);
  const rows = lines.slice(0, 4);
  expect(rows.map((row) => row.split(/\s{2,}/).toSpliced(3, 1))).toEqual([
    ["n-1", "pump-1", "live", "ok", "0.9.0", "abc", "-", "12", "-"],
    ["n-2", "-", "none", "-", "-", "-", "-", "-", "Failed: oom"],
    ["n-3", "-", "away", "-", "-", "-", "-", "-", "-"],
    [
      "-",
      "pump-9",
      "-",
      "degraded",
      expect.any(String),
      expect.any(String),
      expect.any(String),
      "0",
      "store_denied: no right",
    ],
  ]);
  expect(stdout).toContain("1 node without a live execution: n-2\n");
  expect(stdout).toContain("  Try: bacalhau job rerun agent --wait=false\n");
  expect(stdout).toContain("1 node not connected: n-3\n");
  const json = await status(["--executions", AGENT, "--lines", LINES, "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({
    job: "agent",
    nodes: [{ node: "n-1", node_id: "pump-1", execution: "live", losses: 12 }, { node: "n-2" }, { node_id: "pump-9" }],
  });
});

test("without files the command bacalhau is asked, for all nodes; what it does not know is said", async () => {
  const bin = join(cwd, "bin");
  mkdirSync(bin);
  // Bacalhau cannot be had here. This one answers as it does, and keeps what it was asked.
  const script = `#!/bin/sh
echo "$*" >> ${cwd}/asked
case "$*" in
  "job executions agent "*) cat ${cwd}/agent.json ;;
  "node list "*) echo null ;;
  *) echo "job not found" >&2; exit 1 ;;
esac
`;
  writeFileSync(join(bin, "bacalhau"), script, { mode: 0o755 });
  const { code, stdout, stderr } = await status([], { PATH: `${bin}:/usr/bin:/bin` });
  expect([code, stdout.includes("without a live execution: n-2")]).toEqual([1, true]);
  expect(stderr).toEqual([expect.stringMatching(/^Without status lines .*: job not found$/)]);
  expect((await Bun.file(join(cwd, "asked")).text()).trimEnd().split("\n")).toEqual([
    "job executions agent --limit 100000 --output json",
    "node list --labels role=edge --limit 100000 --output json",
    "job executions agent-status --limit 100000 --output json",
  ]);
});

test("an agent that works where no execution is live is an orphan: stop it, a rerun would wait for its lock", async () => {
  const orphans = file("orphans.json", [execution("pump-9", 10)]);
  const path = join(metadata, heartbeatKey("pump-9"));
  const hear = (at: Date) => {
    writeFileSync(path, heartbeatBody(heartbeatOf("pump-9", { sent_at: at.toISOString() })));
    // The age is by the store's own time.
    utimesSync(path, at, at);
  };
  hear(new Date("2026-01-01"));
  const gone = await status(["--executions", orphans]);
  expect([gone.code, gone.stdout]).toEqual([1, expect.stringContaining("1 node without a live execution: pump-9\n")]);
  hear(new Date());
  const { code, stdout } = await status(["--executions", orphans]);
  expect(code).toBe(1);
  expect(stdout).toContain("1 node without a live execution, though an agent there sends heartbeats: pump-9\n");
  expect(stdout).toContain("  Try: docker ps --filter name=bacalhau-\n  Try: bacalhau job rerun agent --wait=false\n");
});

test("what an ops job did is a line a node, and a failure exits 1", async () => {
  const ended = (node: string, ExitCode: number, Stdout: string, state = 9) => ({
    ID: node,
    NodeID: node,
    ComputeState: { StateType: state, Message: state === 10 ? "non-200 response from URL (404)" : "" },
    // A failed one has an output too, with exit code 0.
    RunOutput: { Stdout, stderr: "", ExitCode },
  });
  const ok = [ended("n-1", 0, "fetch: ok agent 1 -> agent 2\n")];
  const result = (list: unknown) =>
    see(["bacalhau", "result", "agent-fetch", "--executions", file("r.json", list)], COMMANDS, { cwd });
  expect(await result(ok)).toMatchObject({ code: 0, stdout: expect.stringContaining("1 of 1 nodes done\n") });
  const { code, stdout } = await result([
    ...ok,
    ended("n-3", 0, "", 10),
    ended("n-2", 13, "fetch: FAILED wrong_sum: x\n"),
  ]);
  expect([
    code,
    stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/\s{2,}/)),
  ]).toEqual([
    1,
    [
      ["node", "state", "exit", "line"],
      ["n-1", "Completed", "0", "fetch: ok agent 1 -> agent 2"],
      ["n-2", "Completed", "13", "fetch: FAILED wrong_sum: x"],
      ["n-3", "Failed", "-", "non-200 response from URL (404)"],
      ["1 of 3 nodes done, 2 failed"],
    ],
  ]);
  expect(await result("null")).toMatchObject({ code: 1, stdout: expect.stringContaining("has no execution") });
  expect((await result([ended("n-1", 0, "", 1)])).stdout).toEndWith("0 of 1 nodes done, 1 at work\n");
});

test("it could not look: no command, no job, no list: exit 2 with a way on", async () => {
  const none = await status([], { PATH: "/nowhere" });
  expect([none.code, none.stdout]).toEqual([2, ""]);
  expect(none.stderr[0]).toStartWith(
    'Cannot run "bacalhau job executions agent --limit 100000 --output json": there is no command',
  );
  expect((await status(["--executions", file("text.json", "job not found")])).code).toBe(2);
  const empty = await status(["--executions", AGENT], { AGENT_STORE: "dir:./empty" });
  expect(empty.stderr.join("\n")).toContain("There is no heartbeat in dir:./empty");
});
