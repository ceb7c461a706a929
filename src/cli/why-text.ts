/** The text of `agent why` for people. */
import { oneLine } from "../core/log/log.ts";
import type { Finding } from "../core/reading.ts";
import type { AppliedRule, Explanation, JudgedBy } from "../verdicts/explain.ts";
import { measuresText, type Outcome, type ReadingFields } from "../verdicts/reading-view.ts";
import { textTable } from "./frame/table.ts";
import { factLines } from "./frame/wrap.ts";

/** Lines of one window, and characters of what was received; `--json` has all. */
const WINDOW_LINES = 40;
const RECEIVED_CHARS = 2_000;

export function explanationText(found: Explanation, columns?: number): string {
  const facts = factsOf(found).map(([name, text]): [string, string] => [name, oneLine(text)]);
  const lines = [...factLines(facts, columns), "", ...SENTENCES[found.shown.outcome](found, columns)];
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

function factsOf({ at, shown, judgedBy }: Explanation): [string, string][] {
  const { reading } = shown;
  const facts: [string, string][] = [["reading", String(reading["reading_id"])]];
  if (shown.outcome === "malformed") {
    facts.push(["received", `${reading["timestamp"]}`]);
  } else {
    facts.push(["taken", String(reading["timestamp"])], ["sensor", sensorText(reading)]);
    facts.push(["measures", measuresText(at)], ["says", saysText(reading)]);
    if (reading["extra"] !== null) facts.push(["extra", String(reading["extra"])]);
  }
  const { ingested_at: committed, time_quality: time, node_id: node, agent_version: agent } = reading;
  facts.push(["committed", `${committed} on ${node} by agent ${agent}${time === "ok" ? "" : `, time ${time}`}`]);
  facts.push(["rules", rulesText(judgedBy)]);
  return facts;
}

/** The id first, then other known fields: `s1 (model EnvSense-3, location Berlin)`. */
function sensorText(reading: ReadingFields): string {
  const named = ["sensor_type", "model", "manufacturer", "firmware_version", "location", "deployment_type"];
  const known = named.filter((name) => reading[name] !== null).map((name) => `${name} ${reading[name]}`);
  return `${reading["sensor_id"] ?? "-"}${known.length === 0 ? "" : ` (${known.join(", ")})`}`;
}

function saysText(reading: ReadingFields): string {
  return ["status_code", "anomaly_flag", "anomaly_type"].map((name) => `${name} ${reading[name] ?? "-"}`).join(", ");
}

function rulesText({ version, known, since, rules, because }: JudgedBy): string {
  if (!known || rules === null) return `${version}, which cannot be shown: ${because}`;
  return `${version}, ${rules} rule${rules === 1 ? "" : "s"}, in this buffer since ${since}`;
}

const SENTENCES: Record<Outcome, (found: Explanation, columns: number | undefined) => string[]> = {
  valid: ({ judgedBy: { applied } }) => {
    if (applied === null) return ["Valid: it broke no rule."];
    const about = applied.length === 0 ? "No rule of the set is about this sensor." : "These are about its sensor:";
    return ["Valid: it broke no rule.", about, ...appliedLines(applied)];
  },
  anomalous: ({ shown: { verdict }, judgedBy: { applied } }, columns) => {
    const kept = (applied ?? []).filter(({ broken }) => !broken);
    return [
      `Anomalous: it broke ${verdict.length === 1 ? "a rule" : `${verdict.length} rules`}.`,
      ...verdict.flatMap((finding) => ["", ...findingLines(finding, applied, columns)]),
      ...(kept.length === 0 ? [] : ["", "These are about its sensor too, and it did not break them:"]),
      ...appliedLines(kept),
    ];
  },
  malformed: ({ shown: { malformed } }) => {
    if (malformed === null) return ["Malformed."];
    const { reason, detail, received, encoding, bytes } = malformed;
    const whole = received.length <= RECEIVED_CHARS ? received : `${received.slice(0, RECEIVED_CHARS)}…`;
    return [
      `Malformed (${reason}): ${oneLine(detail)}.`,
      "No rule judges a malformed reading; it went to the stages raw and anomalies as it was received:",
      `${bytes} byte${bytes === 1 ? "" : "s"}${encoding === "base64" ? ", in base64" : ""}`,
      `  ${oneLine(whole)}`,
    ];
  },
};

function appliedLines(applied: readonly AppliedRule[]): string[] {
  const width = Math.max(0, ...applied.map(({ rule }) => rule.length));
  return applied.map(({ rule, description, absent }) => {
    const missing = absent.length === 0 ? "" : ` (absent here: ${absent.join(", ")})`;
    return `  ${rule.padEnd(width)}  ${oneLine(description)}${missing}`;
  });
}

function findingLines(finding: Finding, applied: readonly AppliedRule[] | null, columns: number | undefined): string[] {
  const { rule, severity, reason, observed, limit, window } = finding;
  const about = applied?.find((one) => one.rule === rule)?.description ?? "";
  return [
    `${rule} (${severity}): ${oneLine(reason)}`,
    `  observed  ${oneLine(String(observed ?? "-"))}`,
    `  limit     ${oneLine(limit ?? "-")}`,
    ...(about === "" ? [] : [`  meaning   ${oneLine(about)}`]),
    ...(window === null ? [] : ["  window", ...windowLines(window, inside(columns, 4)).map((line) => `    ${line}`)]),
  ];
}

/** Any JSON as lines: a list of objects is a table, an object its keys, a list of values a line. */
export function windowLines(window: unknown, columns?: number): string[] {
  const lines = linesOf(window, "", columns);
  if (lines.length <= WINDOW_LINES) return lines;
  return [...lines.slice(0, WINDOW_LINES), `and ${lines.length - WINDOW_LINES} more lines: --json has all`];
}

function linesOf(value: unknown, key: string, columns: number | undefined): string[] {
  if (Array.isArray(value)) {
    if (value.length === 0) return ["-"];
    if (value.every(isRecord)) return recordsTable(value, columns);
    return value.every(isScalar) ? [value.map((one) => cell(one, key)).join(", ")] : value.map((one) => cell(one, key));
  }
  if (!isRecord(value)) return [cell(value, key)];
  return Object.entries(value).flatMap(([name, inner]) => {
    const lines = linesOf(inner, name, inside(columns, 2));
    if (lines.length === 1) return [oneLine(`${name}  ${lines[0]}`)];
    return [oneLine(name), ...lines.map((line) => `  ${line}`)];
  });
}

/** The width that is left after an indent. */
function inside(columns: number | undefined, indent: number): number | undefined {
  return columns === undefined ? undefined : columns - indent;
}

function recordsTable(rows: readonly Readonly<Record<string, unknown>>[], columns: number | undefined): string[] {
  const head = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = rows.map((row) => head.map((name) => cell(row[name] ?? null, name)));
  const isNumber = (name: string) => !IS_TIME.test(name) && rows.every((row) => typeof row[name] === "number");
  const numbers = head.flatMap((name, i) => (isNumber(name) ? [i] : []));
  return textTable({ head: head.map(oneLine), rows: cells, right: numbers, columns })
    .trimEnd()
    .split("\n");
}

/** Unix milliseconds by the name that they have: `time`, `at`, `since`, `time_ms`, `atMs`. */
const IS_TIME = /^(?:time|timestamp|at|since|until|from|to)$|(?:time|at|since|until|from|to)(?:_ms|Ms)$/;
const EARLIEST_TIME = Date.UTC(2000, 0, 1);
const LATEST_TIME = Date.UTC(3000, 0, 1);

function cell(value: unknown, name: string): string {
  if (value === null || value === undefined) return "-";
  if (typeof value === "number") {
    const isTime = IS_TIME.test(name) && value >= EARLIEST_TIME && value < LATEST_TIME;
    return isTime ? new Date(value).toISOString() : String(value);
  }
  return oneLine(typeof value === "string" ? value : JSON.stringify(value));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isScalar(value: unknown): boolean {
  return typeof value !== "object" || value === null;
}
