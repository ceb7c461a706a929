import { afterEach, beforeEach, expect, test } from "bun:test";
import { BufferLedger } from "../buffer/ledger/ledger.ts";
import { readStatus } from "../status/status.ts";
import { TestNode } from "../verify/node.suite.ts";
import { see } from "./frame/command-line.suite.ts";
import type { ScreenEvents, ScreenPort } from "./frame/terminal.ts";
import { command } from "./status.ts";
import { statusText } from "./status-text.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.end());

const commands = { status: async () => ({ command }) };

/** A terminal on which a person presses q as soon as something is drawn. */
function impatient(rows: number) {
  const state = { isOpen: false, drawn: "" };
  const open = ({ key }: ScreenEvents) => {
    state.isOpen = true;
    return {
      write: async (text: string) => {
        state.drawn += text;
        key("q");
      },
      close: () => {
        state.isOpen = false;
      },
    };
  };
  const screen: ScreenPort = { hasColours: false, size: () => ({ columns: 80, rows }), open };
  return { screen, state };
}

test("--watch draws in place on a terminal, cut at its bottom, and leaves the last status there", async () => {
  node.take(3);
  const { screen, state } = impatient(6);
  const seen = await see(["status", "--watch", "--data-dir", node.dataDir], commands, { screen });
  expect([seen.code, state.isOpen]).toEqual([0, false]);
  expect(state.drawn).toContain("edge-7: degraded (no agent is running)");
  expect(state.drawn).toMatch(/and \d+ more lines: agent status/);
  expect(seen.stdout).toStartWith("edge-7: degraded (no agent is running)\n! No agent is running");
});

test("--watch appends blocks where there is no terminal, lines with --line and values with --json", async () => {
  node.take(3);
  const twice = async (...flags: readonly string[]) => {
    const stop = new AbortController();
    let stdout = "";
    const write = async (data: string | Uint8Array) => {
      stdout += String(data);
      if (stdout.match(/edge-7/g)?.length === 2) stop.abort();
    };
    const argv = ["status", "--watch", "--interval", "100ms", "--data-dir", node.dataDir, ...flags];
    expect((await see(argv, commands, { write, stop: stop.signal })).code).toBe(0);
    return stdout;
  };
  expect(await twice()).toMatch(/\nepoch [^\n]*\n\nedge-7: degraded/);
  expect(await twice("--line")).toMatch(/^edge-7 stopped [^\n]*\nedge-7 stopped [^\n]*\n$/);
  const values = (await twice("--json")).trimEnd().split("\n");
  expect(values.map((value) => JSON.parse(value).node_id)).toEqual(["edge-7", "edge-7"]);
});

test("--watch shows why there is nothing to see, and continues", async () => {
  const { screen, state } = impatient(24);
  const seen = await see(["status", "--watch", "--data-dir", "none"], commands, { screen });
  expect(seen.code).toBe(0);
  expect(state.drawn).toContain("Cannot find a buffer in data dir");
  expect((await see(["status", "--interval", "1s"], commands)).stderr[0]).toStartWith("Cannot use --interval without");
});

test("rates of a running agent come first, and by stage", () => {
  node.take(3);
  BufferLedger.open(node.dataDir).close();
  const stage = { rowsPerSecond: 12.34, bytesPerSecond: 1_000, lagP95Ms: 2_500 };
  const stages = {
    raw: stage,
    validated: stage,
    anomalies: stage,
    schematized: stage,
    aggregated: { ...stage, lagP95Ms: null },
  };
  const rates = { readingsPerSecond: 1_234, anomaliesPerMinute: 0.5, bytesPerSecond: 4_096, lagP95Ms: 850, stages };
  const text = statusText({ ...readStatus(node.dataDir, node.settings, node.nowMs), rates }, node.nowMs);
  expect(text).toContain("rates     1,234 readings/s, 0.5 anomalies/min, 4.0 KiB/s sent, lag p95 850 ms\n");
  expect(text).toMatch(/\nstage +delivered +rows\/s +lag p95 +pending\nraw +0 +12 +2.5 s +3 +0 s old\n/);
  expect(text).toMatch(/\naggregated +0 +12 +- +\d+ /);
});
