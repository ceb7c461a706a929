/** A frame of `agent top`: head, problems, tabs, the panel, keys. Every line has a place, so that nothing jumps. */

import type { Problem } from "../../core/problem.ts";
import { grouped, roughAge, roughBytes, roughDelay, roughRate } from "../../core/readable-numbers.ts";
import type { Status } from "../../status/status.ts";
import { silenceText } from "../../status/status-line.ts";
import type { ScreenSize } from "../frame/terminal.ts";
import { wrapWords } from "../frame/wrap.ts";
import { fitted, type Ink, type Line, span, spread } from "./cells.ts";
import { flowLines } from "./flow.ts";
import { anomalyList, type Listed, ruleList, sensorList } from "./lists.ts";
import type { TopLook } from "./look.ts";
import { KEY_HELP, PANELS, type Panel, sortOf, type TopView } from "./view.ts";

/** Below this nothing useful fits. */
export const LEAST_SIZE: ScreenSize = { columns: 40, rows: 10 };
/** With this many lines the flow has the sensors below it, too. */
const TALL = 34;

const LISTS: Readonly<Record<Exclude<Panel, "flow">, (look: TopLook, view: TopView, width: number) => Listed>> = {
  sensors: sensorList,
  anomalies: anomalyList,
  rules: ruleList,
};

export function frame(look: TopLook, view: TopView, size: ScreenSize): Line[] {
  const { columns, rows } = size;
  if (columns < LEAST_SIZE.columns || rows < LEAST_SIZE.rows) {
    const least = `${LEAST_SIZE.columns} × ${LEAST_SIZE.rows}`;
    return [fitted([span(`agent top needs a terminal of ${least}; this one is ${columns} × ${rows}`)], columns)];
  }
  const head = look.status === null ? waitingHead(look, view, columns) : headLines(look.status, look, view, columns);
  const problems = problemLines(
    problemsOf(look),
    columns,
    Math.max(2, Math.floor(rows / (view.panel === "flow" ? 4 : 6))),
  );
  const top = [...head, ...problems, tabs(view, columns)];
  const room = rows - top.length - 1;
  const body = view.isHelp ? helpLines() : bodyLines(look, view, { columns, rows: room });
  const filled = Array.from({ length: Math.max(0, room) }, (_, at) => body[at] ?? []);
  return [...top, ...filled, footer(view, columns)].map((line) => fitted(line, columns));
}

function bodyLines(look: TopLook, view: TopView, room: ScreenSize): Line[] {
  if (view.panel !== "flow") return listLines(LISTS[view.panel](look, view, room.columns), view.offset, room.rows);
  if (look.status === null) return [[], [span("The node is shown as soon as an agent has its buffer.", "dim")]];
  const flow = flowLines(look.status, look);
  const left = room.rows - flow.length - 1;
  if (left < 2) return flow;
  const anomalies = anomalyList(look, view, room.columns);
  if (room.rows < TALL - 8) return [...flow, [], ...listLines(anomalies, 0, left)];
  const half = Math.floor((left - 1) / 2);
  const sensors = sensorList(look, view, room.columns);
  return [...flow, [], ...listLines(sensors, 0, half), [], ...listLines(anomalies, 0, left - half - 1)];
}

/** The head, the lines from `offset` on, and how many more there are. */
function listLines({ head, lines, empty }: Listed, offset: number, rows: number): Line[] {
  if (lines.length === 0) return [head, [span(empty, "dim")]];
  const room = Math.max(1, rows - 1);
  if (lines.length <= room) return [head, ...lines];
  const from = Math.min(offset, lines.length - room + 1);
  const shown = lines.slice(from, from + room - 1);
  const more = `${grouped(from + 1)} to ${grouped(from + shown.length)} of ${grouped(lines.length)}`;
  return [head, ...shown, [span(more, "dim")]];
}

function headLines(status: Status, look: TopLook, view: TopView, columns: number): Line[] {
  const isRunning = status.pid !== null;
  const [state, ink]: [string, Ink] = isRunning
    ? [status.health, status.health === "ok" ? "green" : "red"]
    : idle(status);
  const up =
    look.startedAtMs === null || status.not_heard_since !== null
      ? ""
      : `  up ${roughAge(look.atMs - look.startedAtMs)}`;
  const silence = silenceText(status, look.atMs);
  const agent = isRunning ? `agent ${status.agent_version}  pid ${status.pid}${up}` : "";
  const heard = silence === null ? [] : [span(`  ${silence}`, "yellow")];
  return [
    spread(
      [span(status.node_id, "bold"), span("  "), span(state.toUpperCase(), ink), span(`  ${agent}`, "dim"), ...heard],
      clock(look, view),
      columns,
    ),
    ratesLine(status),
  ];
}

function idle({ waiting }: Status): [string, Ink] {
  return waiting === null ? ["no agent is running", "yellow"] : [`an agent waits, pid ${waiting.pid}`, "yellow"];
}

function ratesLine({ rates, buffer, pid }: Status): Line {
  if (rates === null) {
    const when = pid === null ? "while an agent runs" : "while the agent reports";
    return [span(`${grouped(buffer.accepted)} readings accepted; rates are shown ${when}`, "dim")];
  }
  const lag = rates.lagP95Ms === null ? "-" : roughDelay(rates.lagP95Ms);
  return [
    span(roughRate(rates.readingsPerSecond), "bold"),
    span(" readings/s   ", "dim"),
    span(roughRate(rates.anomaliesPerMinute), "bold"),
    span(" anomalies/min   ", "dim"),
    span(roughBytes(rates.bytesPerSecond), "bold"),
    span("/s sent   ", "dim"),
    span("lag p95 ", "dim"),
    span(lag, "bold"),
  ];
}

function waitingHead(look: TopLook, view: TopView, columns: number): Line[] {
  return [spread([span("agent top", "bold"), span("  WAITING", "yellow")], clock(look, view), columns), []];
}

function clock({ atMs }: TopLook, { isPaused }: TopView): Line {
  const time = `${new Date(atMs).toISOString().slice(11, 19)} UTC`;
  return isPaused ? [span(" PAUSED ", "inverse"), span(` ${time}`, "dim")] : [span(time, "dim")];
}

function problemsOf({ status, trouble }: TopLook): readonly Problem[] {
  return [...(trouble === null ? [] : [trouble]), ...(status?.problems ?? [])];
}

/** As many as there is room for; each has its message and what to try. */
function problemLines(problems: readonly Problem[], columns: number, most: number): Line[] {
  const lines: Line[] = [];
  let left = problems.length;
  for (const { message, try: hint } of problems) {
    const wrapped = folded(message, columns - 3).map(
      (text, at): Line => [span(at === 0 ? "! " : "  ", "red"), span(text, "red")],
    );
    const own: Line[] = [...wrapped.slice(0, Math.max(1, most - 1)), [span("  Try: ", "dim"), span(hint, "bold")]];
    const isFirst = left === problems.length;
    if (!isFirst && lines.length + own.length > most) break;
    lines.push(...own);
    left--;
  }
  return left === 0 ? lines : [...lines, [span(`  and ${left} more: agent status`, "red")]];
}

/** Lines between words; a word that is longer than a line, as a path, is broken. */
function folded(text: string, width: number): string[] {
  const long = new RegExp(`\\S{${width}}(?=\\S)`, "gu");
  return wrapWords(text.replaceAll(long, "$& "), width);
}

function tabs(view: TopView, columns: number): Line {
  const names = PANELS.flatMap((panel, at): Line => {
    const name = ` ${at + 1} ${panel[0]?.toUpperCase()}${panel.slice(1)} `;
    return [span(name, panel === view.panel ? "inverse" : "dim"), span(" ")];
  });
  const filter = view.filter === "" ? "" : `filter "${view.filter}"  `;
  const sort = view.panel === "flow" ? "" : `by ${sortOf(view)}`;
  return spread(names, [span(filter, "yellow"), span(sort, "dim")], columns);
}

function footer(view: TopView, columns: number): Line {
  if (view.typing !== null)
    return [span(`/${view.typing}`), span(" ", "inverse"), span("  Enter: filter, Esc: leave it", "dim")];
  const keys = "q quit  1-4 view  s sort  / filter  p pause  ? help";
  return spread([span(keys, "dim")], [span(`every ${view.everyMs / 1_000} s`, "dim")], columns);
}

function helpLines(): Line[] {
  return KEY_HELP.map(([key, what]) => [span(`  ${key.padEnd(22)}`, "bold"), span(what)]);
}
