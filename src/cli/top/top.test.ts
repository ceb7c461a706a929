import { afterEach, beforeEach, expect, test } from "bun:test";
import { IDENTITY_COLUMNS } from "../../core/sensor.ts";
import { TestNode } from "../../verify/node.suite.ts";
import { see } from "../frame/command-line.suite.ts";
import type { ScreenEvents, ScreenPort } from "../frame/terminal.ts";
import { cut, harmless, lineText, lineWidth, padded, span, sparkline, widthOf } from "./cells.ts";
import { frame } from "./draw.ts";
import { drawTop } from "./drawing.ts";
import { Frames } from "./frames.ts";
import { TopWatch } from "./look.ts";
import { command } from "./top.ts";
import { firstView, keyed, type TopView } from "./view.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.end());

const USUAL = { columns: 80, rows: 24 };
const VIEW = firstView(1_000);
const after = (keys: readonly string[], from: TopView = VIEW) =>
  keys.reduce<TopView>((view, key) => keyed(view, key) ?? view, from);
const texts = (watch: TopWatch, view: TopView, size = USUAL) =>
  frame(watch.look(node.nowMs), view, size).map((line) => line.map(({ text }) => text).join(""));

test("a frame fills the screen and no line is wider, in every view and size", () => {
  node.take(300);
  const watch = new TopWatch(node.dataDir, node.settings);
  for (const size of [USUAL, { columns: 120, rows: 40 }, { columns: 41, rows: 11 }, { columns: 300, rows: 100 }]) {
    for (const keys of [[], ["2"], ["3"], ["4"], ["?"], ["/", "s"]]) {
      const lines = frame(watch.look(node.nowMs), after(keys), size);
      expect([keys, size, lines.length]).toEqual([keys, size, size.rows]);
      expect(Math.max(...lines.map(lineWidth))).toBeLessThanOrEqual(size.columns);
    }
  }
  expect(texts(watch, VIEW, { columns: 20, rows: 5 })).toEqual(["agent top needs a t…"]);
});

test("the views have the stages, each sensor, anomalies with reasons, and rules", () => {
  node.take(300);
  const watch = new TopWatch(node.dataDir, node.settings);
  const flow = texts(watch, VIEW).join("\n");
  expect(flow).toContain("edge-7  NO AGENT IS RUNNING");
  for (const word of ["buffer ", "raw ", "validated ", "anomalies ", "schematized ", "aggregated ", "store "]) {
    expect(flow).toContain(word);
  }
  // No agent runs: nothing has a rate.
  expect(texts(watch, after(["2"])).join("\n")).not.toMatch(/\d\/(s|min)\b/);
  expect(texts(watch, after(["2"])).join("\n")).toMatch(/s0 .*temperature\s*\n(.*\n)*s1 |s1 .*temperature/);
  expect(texts(watch, after(["3"])).join("\n")).toMatch(/s\d +r +\d* ?×? ?temperature 72.4 is above 60/);
  expect(texts(watch, after(["3"])).join("\n")).toContain("malformed");
  expect(texts(watch, after(["4"])).join("\n")).toMatch(/\nr +.*\d/);
  expect(texts(watch, after(["2", "/", "s", "1", "\r"])).join("\n")).not.toContain("s0 ");
});

test("it waits where there is no buffer, and is there when one comes", () => {
  const none = new TopWatch("/nowhere/at/all", node.settings);
  const waiting = texts(none, VIEW).join("\n");
  expect(waiting).toContain("WAITING");
  expect(waiting).toContain("Try: agent run");
  expect(none.look(1).status).toBe(null);
});

test("a problem is at the top with what to try, and a path that is longer than a line is broken, not cut", () => {
  node.take(10);
  const look = new TopWatch(node.dataDir, node.settings).look(node.nowMs);
  if (look.status === null) throw new Error("There is no status");
  const path = `/srv/${"x".repeat(150)}/end`;
  const problem = { code: "store_denied", message: `Cannot store "${path}": it is full`, try: "df -h /srv" };
  const uplink = { state: "down", since: null, error: problem.message, as_of: null } as const;
  const status = { ...look.status, pid: 7, problems: [problem], uplink };
  const lines = frame({ ...look, status }, VIEW, USUAL).map((line) => line.map(({ text }) => text).join(""));
  expect(lines[2]).toStartWith("! Cannot store");
  expect(lines.slice(2, 6).join("").replaceAll(/\s/g, "")).toContain(`"${path}":itisfull`);
  expect(lines[6]).toBe("  Try: df -h /srv");
  expect(lines.filter((line) => line.startsWith("store"))).toEqual(["store     DOWN"]);
});

test("keys: views, order, filter, pause, pace, leaving", () => {
  expect(after(["\t", "\t"]).panel).toBe("anomalies");
  expect(after(["\u001b[D"]).panel).toBe("rules");
  expect(after(["2", "s"]).sorts.sensors).toBe(1);
  expect(after(["/", "a", "b", "\u007f", "q", "\r"]).filter).toBe("aq");
  expect(after(["/", "a", "\u001b"])).toEqual(VIEW);
  expect(after(["/", "\u001b[A", "\u0001"]).typing).toBe("");
  expect(after(["p"]).isPaused).toBe(true);
  expect([after(["-"]).everyMs, after(["+"]).everyMs, after(["+", "+", "+"]).everyMs]).toEqual([2_000, 500, 500]);
  expect([keyed(VIEW, "q"), keyed(VIEW, "\u0003"), keyed(after(["/"]), "\u0003")]).toEqual([null, null, null]);
  expect(keyed(after(["/"]), "q")).not.toBe(null);
  expect(after(["\u001b[9~", "x"])).toEqual(VIEW);
});

test("names of sensors are data: sequences, wide and right-to-left characters keep their place and do nothing", () => {
  const names = [
    "\u001b[2J\u001b]0;x\u0007",
    "日本語のセンサー日本語のセンサー",
    "\u202eabc\u2066",
    "שלום",
    "z\u0300\u0301\u0302\u0303\u0304",
    "\u009b31m",
  ];
  const { catalogue } = node.buffer;
  const block = node.buffer.recent.lend();
  const label = catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
  for (const name of names) {
    const identity = IDENTITY_COLUMNS.map((column) => (column === "sensor_id" ? name : null));
    const row = block.add(catalogue.internSensor(identity, [name]), node.nowMs, label);
    block.column(catalogue.slotOf(name))[row] = 1;
    const finding = { rule: name, severity: "warning", reason: name, observed: 1, limit: name, window: null } as const;
    block.findings.set(row, [finding]);
  }
  node.buffer.commit(block, { ingestedAtMs: 1, rulesVersion: "abc", timeQuality: "ok", agentVersion: "1" }, []);
  const watch = new TopWatch(node.dataDir, node.settings);
  expect(watch.look(1).trouble).toBe(null);
  for (const keys of [[], ["2"], ["3"], ["4"]]) {
    for (const line of texts(watch, after(keys))) {
      expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
      expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
    }
  }
  expect(harmless("a\u001b[31mb\u202ec\n")).toBe("a?[31mb?c?");
  expect(harmless("\ud800").isWellFormed()).toBe(true);
});

test("texts are cut and padded by the columns that they take", () => {
  expect([cut("日本語", 6), cut("日本語", 5), cut("日本語", 4), cut("abc", 0)]).toEqual(["日本語", "日本…", "日…", ""]);
  expect([widthOf(padded("日本", 7)), padded("日本", 7, "right"), padded("12", 4, "right")]).toEqual([
    7,
    "   日本",
    "  12",
  ]);
  expect(sparkline([1, 2, Number.NaN, 3], 6)).toBe("  ▁▅ █");
  expect(sparkline([5, 5], 2)).toBe("▄▄");
  expect(lineText([span("a", "red"), span("b", "bold")], false)).toBe("a\u001b[1mb\u001b[0m");
});

test("a frame writes only the lines that changed, all at once, and a slow terminal gets the newest one", async () => {
  const written: string[] = [];
  let taken: () => void = () => undefined;
  const write = (text: string) => {
    written.push(text);
    return new Promise<void>((resolve) => {
      taken = resolve;
    });
  };
  const frames = new Frames({ write }, true);
  const size = { columns: 10, rows: 2 };
  const show = (...lines: readonly string[]) =>
    frames.show(
      lines.map((line) => [span(line)]),
      size,
    );
  show("a", "b");
  show("a", "c");
  show("a", "d");
  expect(written.length).toBe(1);
  taken();
  await Promise.resolve();
  await Promise.resolve();
  expect(written[1]).toBe("\u001b[?2026h\u001b[2;1Hd\u001b[K\u001b[?2026l");
});

/** A terminal that types. */
function typist(keys: readonly string[]): { port: ScreenPort; state: { isOpen: boolean; text: string } } {
  const state = { isOpen: false, text: "" };
  const open = ({ key }: ScreenEvents) => {
    state.isOpen = true;
    setImmediate(() => keys.forEach(key));
    return {
      write: async (text: string) => {
        state.text += text;
      },
      close: () => {
        state.isOpen = false;
      },
    };
  };
  return { port: { hasColours: true, size: () => USUAL, open }, state };
}

test("the screen is given back after q, and after an error", async () => {
  node.take(10);
  const { port, state } = typist(["2", "q"]);
  const watch = new TopWatch(node.dataDir, node.settings);
  const stop = new AbortController().signal;
  await drawTop({ look: () => watch.look(1), everyMs: 60_000, count: null }, port, { stop });
  expect(state.isOpen).toBe(false);
  expect(state.text).toContain("edge-7");
  const look = () => {
    throw new Error("x");
  };
  await expect(drawTop({ look, everyMs: 60_000, count: null }, port, { stop })).rejects.toThrow("x");
  expect(state.isOpen).toBe(false);
});

test("in a pipe it is a line a look, or a JSON value, until --count or --for", async () => {
  node.take(100);
  const commands = { top: async () => ({ command }) };
  const argv = ["top", "--data-dir", node.dataDir, "--interval", "100ms"];
  const plain = await see([...argv, "--count", "2"], commands);
  expect(plain).toMatchObject({ code: 0, stderr: [] });
  expect(
    plain.stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/^\S+/, "TIME")),
  ).toEqual(
    Array(2).fill(
      "TIME  edge-7 stopped  - readings/s  - anomalies/min  -/s sent  lag p95 -  100 pending  buffer 0 %  store -  1 problem, first not_running: No agent is running, and 294 rows wait to be delivered. Start it with the same source and store as before",
    ),
  );
  const json = await see([...argv, "--for", "250ms", "--json"], commands);
  const values = json.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(values.length).toBeGreaterThanOrEqual(1);
  expect(values[0]).toMatchObject({ status: { node_id: "edge-7" }, trouble: null, sensors_cut: false });
  expect(values[0].sensors.map(({ sensor_id }: { sensor_id: string }) => sensor_id).sort()).toEqual(["s0", "s1", "s2"]);
  expect(values[0].anomalies[0]).toMatchObject({ rule: "malformed", sensor_id: null });
  const none = await see(["top", "--data-dir", "no", "--count", "1"], commands);
  expect(none.stdout).toMatch(/Z {2}waiting: Cannot find a buffer/);
  for (const flags of [
    ["--interval", "1ms"],
    ["--interval", "x"],
    ["--count", "0"],
    ["--for", "0"],
  ]) {
    expect([flags, (await see([...argv.slice(0, 3), ...flags], commands)).code]).toEqual([flags, 2]);
  }
});
