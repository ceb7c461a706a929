/** `agent top` as a person has it: the compiled binary on a real pseudo terminal, beside a running agent. */
import { afterAll, afterEach, beforeAll, expect } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY, AgentProcess } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";
import { LiveTerminal } from "../../testing/terminal/live-terminal.ts";

const test = testWith("binary");
const HOSTILE = "\u001b[2J\u001b]0;owned\u0007\u202e日本語 שלום";

let dir: string;
let agent: AgentProcess;
const terminals: LiveTerminal[] = [];
const startAgent = () =>
  new AgentProcess({
    args: [
      "run",
      "--source",
      "simulator:?sensors=5&rate=5&anomaly=0.3",
      "--source",
      "file:hostile.ndjson",
      "--data-dir",
      "data",
    ],
    cwd: dir,
    env: { AGENT_COMMIT_MS: "200" },
  });

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "agent-top-"));
  const reading = { sensor_id: HOSTILE, timestamp: new Date().toISOString(), temperature: -200 };
  writeFileSync(join(dir, "hostile.ndjson"), `${JSON.stringify(reading)}\n`);
});
afterEach(async () => {
  for (const terminal of terminals.splice(0)) {
    terminal.kill("SIGKILL");
    await terminal.ended();
  }
  agent?.kill("SIGKILL");
  await agent?.ended;
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function top(columns: number, rows: number, ...flags: readonly string[]): LiveTerminal {
  const program = [AGENT_BINARY, "top", "--data-dir", "data", "--interval", "200ms", ...flags];
  const terminal = new LiveTerminal({ program, cwd: dir, columns, rows });
  terminals.push(terminal);
  return terminal;
}

/** As it was before: the first screen, a cursor, wrapping, and nothing that a terminal should not get. */
function expectRestored({ screen }: LiveTerminal): void {
  expect(Object.fromEntries(screen.modes)).toEqual({ "?1049": false, "?25": true, "?7": true, "8": true });
  expect(screen.strange).toEqual([]);
}

test("it waits for an agent, shows it, survives its restart, and q gives the terminal back", async () => {
  const terminal = top(80, 24);
  await terminal.sees("WAITING");
  agent = startAgent();
  await terminal.sees(/OK .*pid \d+/);
  await terminal.sees(/\d+ readings\/s/);
  await terminal.sees(/raw +\d/);
  terminal.type("2");
  await terminal.sees(/sensor +rate/);
  await terminal.sees("temperature");
  terminal.type("3");
  await terminal.sees(/age +sensor/);
  await terminal.sees("temperature -200 is below");
  terminal.type("4");
  await terminal.sees("temperature-range");
  terminal.type("/pressure\r");
  await terminal.sees('filter "pressure"');
  expect(terminal.text).not.toContain("temperature-range");
  terminal.type("\u001b1");
  agent.kill("SIGKILL");
  await agent.ended;
  await terminal.sees("NO AGENT IS RUNNING");
  agent = startAgent();
  await terminal.sees(/OK .*pid \d+/);
  terminal.resize(120, 40);
  await terminal.sees(/sensor +rate(.|\n)*age +sensor/);
  expect(terminal.screen.lines().length).toBe(40);
  terminal.type("?");
  await terminal.sees("PgUp");
  terminal.type(" q");
  expect(await terminal.ended()).toBe(0);
  expectRestored(terminal);
});

test("Ctrl-C, SIGTERM, SIGHUP, the end of --for and an uncaught error give the terminal back, too", async () => {
  agent = startAgent();
  const byKey = top(80, 24);
  await byKey.sees(/raw +/);
  byKey.type("\u0003");
  const bySignal = top(120, 40);
  await bySignal.sees(/raw +/);
  bySignal.kill("SIGTERM");
  const byHangUp = top(80, 24);
  await byHangUp.sees(/raw +/);
  byHangUp.kill("SIGHUP");
  const byTime = top(80, 24, "--for", "1s");
  const all = [byKey, bySignal, byHangUp, byTime];
  expect(await Promise.all(all.map((terminal) => terminal.ended()))).toEqual([0, 0, 0, 0]);
  for (const terminal of all) {
    expectRestored(terminal);
    expect(terminal.raw).toContain("\u001b[?1049h");
  }
  const script = join(dir, "failing.ts");
  const part = (path: string) => JSON.stringify(join(import.meta.dir, path));
  writeFileSync(
    script,
    `import { defineCommand } from ${part("../frame/command.ts")};
     import { start } from ${part("../frame/process.ts")};
     const command = defineCommand({ name: "x", summary: "", args: {}, examples: [], run: async (_, { screen }) => {
       screen.open({ key: () => undefined, redraw: () => undefined });
       setTimeout(() => { throw new Error("it broke"); }, 10);
       return new Promise(() => undefined);
     } });
     await start(["x"], { x: async () => ({ command }) });`,
  );
  const failing = new LiveTerminal({ program: [process.execPath, script], cwd: dir, columns: 80, rows: 24 });
  terminals.push(failing);
  expect(await failing.ended()).toBe(1);
  expectRestored(failing);
  expect(failing.text).toContain("it broke");
});

test("a sensor's name sends nothing to the terminal, and NO_COLOR takes the colours away", async () => {
  agent = startAgent();
  const terminal = new LiveTerminal({
    program: [AGENT_BINARY, "top", "--data-dir", "data", "--interval", "200ms"],
    cwd: dir,
    env: { NO_COLOR: "1" },
    columns: 80,
    rows: 24,
  });
  terminals.push(terminal);
  await terminal.sees(/raw +/);
  terminal.type("2/日本\r");
  await terminal.sees("?[2J?]0;owned??日…");
  terminal.type("3");
  await terminal.sees(/age +sensor/);
  terminal.type("q");
  expect(await terminal.ended()).toBe(0);
  expectRestored(terminal);
  expect(terminal.raw).not.toMatch(/\u001b\[3\d/);
  expect(terminal.raw).not.toContain("owned\u0007");
  expect(terminal.raw).not.toContain("\u202e");
});

test("Ctrl-Z gives the terminal to the shell, and it is drawn again afterwards", async () => {
  agent = startAgent();
  const terminal = top(80, 24);
  await terminal.sees(/raw +/);
  terminal.type("\u001a");
  await terminal.sees(/^\s*$/);
  expect(terminal.screen.modes.get("?1049")).toBe(false);
  terminal.kill("SIGCONT");
  await terminal.sees(/raw +/);
  terminal.type("q");
  expect(await terminal.ended()).toBe(0);
  expectRestored(terminal);
});
