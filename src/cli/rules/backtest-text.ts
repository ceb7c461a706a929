/** A backtest as JSON, and as tables for people. */
import { oneLine } from "../../core/log/log.ts";
import { counted, grouped } from "../../core/readable-numbers.ts";
import type { RuleSet } from "../../rules/rule-set.ts";
import type { Backtest, Change } from "../../verdicts/backtest.ts";
import type { Counts, Difference, RuleTally } from "../../verdicts/tally.ts";
import type { TruthRow } from "../../verdicts/truth.ts";
import { textTable } from "../frame/table.ts";

export type BacktestAsked = {
  readonly epoch: string;
  readonly from: string;
  readonly set: RuleSet;
  readonly sinceMs: number;
  readonly untilMs: number;
};

export type BacktestJson = ReturnType<typeof backtestJson>;
type RuleJson = BacktestJson["rules"][number];

/** `only_would` and `only_did` are readings in which the two verdicts differ in this rule; `examples` are the newest of them. */
export function backtestJson(found: Backtest, { epoch, from, set, sinceMs, untilMs }: BacktestAsked) {
  const { tally, changes } = found;
  const { would, did, onlyWould, onlyDid } = tally.anomalous;
  return {
    readings: tally.readings,
    malformed: tally.malformed,
    warmed_up: found.warmedUp,
    since: iso(sinceMs),
    until: iso(untilMs),
    held: heldJson(found),
    candidate: { from, version: set.version, rules: set.names.length },
    in_force: found.inForce,
    judged_by: [...tally.judgedBy].map(([version, readings]) => ({ version, readings })),
    anomalous: { would, did, only_would: onlyWould, only_did: onlyDid },
    rules: [...tally.rules]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, rule]) => {
        return ruleJson(
          name,
          rule,
          { inCandidate: set.names.includes(name), change: changes.get(name) ?? null },
          epoch,
        );
      }),
    truth: truthJson(found),
    problems: found.problems,
  };
}

function heldJson({ held: { seqs, fromMs, toMs } }: Backtest) {
  const time = (ms: number | null) => (ms === null ? null : iso(ms));
  return { first_seq: seqs?.first ?? null, last_seq: seqs?.last ?? null, from: time(fromMs), to: time(toMs) };
}

type RuleNow = { readonly inCandidate: boolean; readonly change: Change | null };

function ruleJson(name: string, rule: RuleTally, { inCandidate, change }: RuleNow, epoch: string) {
  const cells = (of: ReadonlyMap<string, Counts>) => [...of].sort(([a], [b]) => (a < b ? -1 : 1));
  const counts = ({ would, did }: Counts) => ({ would_break: would, did_break: did });
  return {
    name,
    ...counts(rule),
    only_would: rule.would - rule.both,
    only_did: rule.did - rule.both,
    in_candidate: inCandidate,
    change,
    by_sensor: cells(rule.bySensor).map(([sensor_id, of]) => ({ sensor_id, ...counts(of) })),
    by_hour: cells(rule.byHour).map(([hour, of]) => ({ hour, ...counts(of) })),
    examples: [...rule.onlyWould, ...rule.onlyDid].map((one) => exampleJson(one, epoch)),
  };
}

function exampleJson({ seq, timeMs, sensorId, would, did }: Difference, epoch: string) {
  return { reading_id: `${epoch}-${seq}`, timestamp: iso(timeMs), sensor_id: sensorId, would, did };
}

function truthJson({ tally }: Backtest) {
  const truth = tally.truth();
  if (truth === null) return null;
  return { all_rules: truth.all, without_flag_rules: truth.withoutLabelRules, flag_rules: truth.labelRules };
}

/** Lines of one table; `--json` has all. */
const ROWS = 40;

export function backtestText(json: BacktestJson, by: By | null, columns?: number): string {
  const parts = [headText(json), rulesTable(json, columns)];
  if (by !== null) parts.push(cellsTable(json, by, columns));
  const differences = json.rules.filter(({ examples }) => examples.length > 0).map(examplesText);
  if (differences.length > 0) parts.push(`Where they differ, the newest:\n${differences.join("")}`);
  if (json.readings > 0 && json.anomalous.only_would + json.anomalous.only_did === 0 && differences.length === 0) {
    parts.push("Not one verdict would have been another.\n");
  }
  if (json.truth !== null) parts.push(...truthTexts(json.truth, columns));
  const problems = json.problems.map(({ rule, message, count }) => {
    return oneLine(`${rule} could not be evaluated for ${counted(count, "reading")}: ${message}`);
  });
  if (problems.length > 0) parts.push(`${problems.join("\n")}\n`);
  return parts.join("\n");
}

function headText({ readings, malformed, warmed_up, since, until, candidate, judged_by, held }: BacktestJson): string {
  const range = `committed from ${since} to ${until}`;
  const bad = malformed === 0 ? "" : `, and ${grouped(malformed)} malformed that no rule judges`;
  const sets = judged_by.map(({ version, readings: n }) => `${version} (${counted(n, "reading")})`);
  const kept = held.first_seq === null ? "none" : `those committed from ${held.from} to ${held.to}`;
  return [
    `${counted(readings, "reading")} ${range}${bad}`,
    `warmed up with  ${counted(warmed_up, "older reading")}`,
    `would break     ${candidate.from}, ${counted(candidate.rules, "rule")}, version ${candidate.version}`,
    `did break       ${sets.length === 0 ? `nothing was judged then; the buffer holds ${kept}` : sets.join(", ")}`,
    "",
  ].join("\n");
}

const CHANGE_TEXT: Record<Change, string> = { same: "", changed: "changed", new: "new", removed: "removed" };

function rulesTable({ rules, anomalous }: BacktestJson, columns: number | undefined): string {
  const isQuiet = ({ change, did_break }: RuleJson) => change === "removed" && did_break === 0;
  const quiet = rules.filter(isQuiet).length;
  const more = `and ${counted(quiet, "rule")} in force that broke nothing and would be gone\n`;
  const shown = rules.filter((rule) => !isQuiet(rule));
  const rows = shown.map(({ name, would_break, did_break, only_would, only_did, change }) => {
    const counts = [would_break, did_break, only_would, only_did].map(grouped);
    return [name, ...counts, change === null ? "" : CHANGE_TEXT[change]];
  });
  const { would, did, only_would, only_did } = anomalous;
  const any = ["any rule", ...[would, did, only_would, only_did].map(grouped), ""];
  const head = ["rule", "would break", "did break", "only would", "only did", ""];
  return textTable({ head, rows: [...rows, any], right: [1, 2, 3, 4], columns }) + (quiet === 0 ? "" : more);
}

/** Those that differ most come first. */
function cellsTable({ rules }: BacktestJson, by: By, columns: number | undefined): string {
  const cells = rules.flatMap(({ name, by_sensor, by_hour }) => {
    const own = by === "sensor" ? by_sensor.map((c) => ({ ...c, key: c.sensor_id })) : [];
    const hours = by === "hour" ? by_hour.map((c) => ({ ...c, key: c.hour })) : [];
    return [...own, ...hours].map(({ key, would_break, did_break }) => ({ name, key, would_break, did_break }));
  });
  const gap = (cell: { would_break: number; did_break: number }) => Math.abs(cell.would_break - cell.did_break);
  const sorted = by === "hour" ? cells : cells.sort((a, b) => gap(b) - gap(a) || b.would_break - a.would_break);
  const rows = sorted.slice(0, ROWS).map(({ name, key, would_break, did_break }) => {
    return [oneLine(key), name, grouped(would_break), grouped(did_break)];
  });
  const more = sorted.length > ROWS ? `and ${grouped(sorted.length - ROWS)} more: --json has all\n` : "";
  if (by === "hour") rows.sort(([a = ""], [b = ""]) => (a < b ? -1 : a > b ? 1 : 0));
  return textTable({ head: [by, "rule", "would break", "did break"], rows, right: [2, 3], columns }) + more;
}

function examplesText({ name, examples }: RuleJson): string {
  const lines = examples.map(({ reading_id, sensor_id, timestamp, would, did }) => {
    const what = would === null ? `no longer breaks: ${did}` : `would break: ${would}`;
    return `  ${reading_id}  ${timestamp}  ${oneLine(`${sensor_id}  ${what}`)}\n`;
  });
  return `${name}\n${lines.join("")}`;
}

function truthTexts(truth: NonNullable<BacktestJson["truth"]>, columns: number | undefined): string[] {
  const table = (rows: readonly TruthRow[]) =>
    textTable({
      head: ["anomaly_type", "readings", "caught", "recall", "precision"],
      rows: rows.map(({ type, readings, caught, recall, precision }) => {
        return [oneLine(type ?? "any"), grouped(readings), grouped(caught), share(recall), share(precision)];
      }),
      right: [1, 2, 3, 4],
      columns,
    });
  const all = `Against the labels of the readings (anomaly_type), all rules:\n${table(truth.all_rules)}`;
  const note =
    "recall: the share of the type's readings that broke a rule. precision: of the readings that broke a rule and are of the type or healthy, the share of the type.\n";
  if (truth.flag_rules.length === 0) return [all + note];
  const without = `The same without the flag rules (${truth.flag_rules.join(", ")}), which only repeat what the sensor says:`;
  return [all, `${without}\n${table(truth.without_flag_rules)}${note}`];
}

/** Cut, not rounded: what is not all is never shown as 1.000. */
function share(value: number | null): string {
  return value === null ? "-" : (Math.floor(value * 1_000) / 1_000).toFixed(3);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export const BY = ["sensor", "hour"] as const;
export type By = (typeof BY)[number];
