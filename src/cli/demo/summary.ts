/** What `agent demo` says at its end. */
import { join } from "node:path";
import { grouped } from "../../core/readable-numbers.ts";
import type { Settings } from "../../core/settings/settings.ts";
import { STAGES, type Stage } from "../../core/stage.ts";
import { textTable } from "../frame/table.ts";

export type Summary = {
  readonly accepted: number;
  readonly losses: number;
  readonly stages: Readonly<Record<Stage, { readonly rows: number; readonly objects: number }>>;
  readonly anomalies_by_rule: Readonly<Record<string, number>>;
  readonly verify: { readonly ok: boolean };
  readonly seconds: number;
};

type Summarized = {
  readonly summary: Summary;
  readonly dir: string;
  readonly settings: Settings;
  /** Ranges that are on their way. */
  readonly pending: number;
};

export function summaryText({ summary, dir, settings, pending }: Summarized): string {
  const { accepted, losses, stages, anomalies_by_rule: byRule, seconds } = summary;
  const data = `--data-dir ${join(dir, "data")}`;
  const lake = `--store ${settings.store}`;
  const stageTable = textTable({
    head: ["stage", "rows", "objects"],
    rows: STAGES.map((stage) => [stage, grouped(stages[stage].rows), grouped(stages[stage].objects)]),
    right: [1, 2],
    columns: undefined,
  });
  const ruleTable = textTable({
    head: ["rule", "readings that broke it"],
    rows: Object.entries(byRule).map(([rule, count]) => [rule, grouped(count)]),
    right: [1],
    columns: undefined,
  });
  return `
${grouped(accepted)} readings accepted in ${seconds} s, ${losses === 0 ? "none lost" : `${grouped(losses)} lost`}

${stageTable}
${ruleTable}
Where to look next:
  agent lake head --stage anomalies ${lake}
  agent status ${data}
  agent verify ${data} ${lake}
  agent run --help

${summary.verify.ok ? `every reading is where it belongs${onItsWay(summary, pending)}` : `some readings are not where they belong: agent verify ${data} ${lake}`}
`;
}

function onItsWay({ accepted, stages }: Summary, pending: number): string {
  if (pending === 0) return "";
  const waiting = accepted - stages.raw.rows;
  return `, or on its way there${waiting > 0 ? `: ${grouped(waiting)} wait for the store` : ""}`;
}
