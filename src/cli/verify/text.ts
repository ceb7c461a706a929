/** The text of `agent verify` for people: a table, then missing and double rows by name, and what to do about them. */

import { oneLine } from "../../core/log/log.ts";
import { grouped, rangesText } from "../../core/readable-numbers.ts";
import { type SeqRange, subtractRanges, totalSize } from "../../core/seq-range.ts";
import { shellWord } from "../../core/shell-word.ts";
import { STAGES, type Stage } from "../../core/stage.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";
import { hasPending, type StageAudit } from "../../verify/audit.ts";
import type { EpochFindings, Verification } from "../../verify/findings.ts";
import { foreignText } from "../foreign-text.ts";
import { textTable } from "../frame/table.ts";

export const ALL_IS_WELL = "every reading is where it belongs";
export const WELL_SO_FAR = "nothing is missing, nothing is double; what is pending is on its way";
/** Objects and ranges that are named at most; `--json` has all. */
const NAMED = 5;

type Finding = { readonly lines: readonly string[]; readonly try: string };

export function verificationText(
  found: Verification,
  store: Pick<ObjectStore, "uri" | "place">,
  columns?: number,
): string {
  const lines = [
    ...found.epochs.flatMap((one) => [
      headline(one),
      "",
      ...stagesTable(one, columns).trimEnd().split("\n"),
      "",
      ...findingsOf(one, found, store).flatMap((finding) => [...finding.lines, `  Try: ${finding.try}`]),
    ]),
    ...asides(found, store),
    ...(found.ok ? [found.epochs.some(({ audit }) => hasPending(audit)) ? WELL_SO_FAR : ALL_IS_WELL] : []),
  ];
  return `${lines.map(oneLine).join("\n")}\n`;
}

function headline({ epoch, nodeId, accepted, lost, file, ended, isOther = false }: EpochFindings): string {
  if (isOther) return `node ${nodeId}, epoch ${epoch}: rows whose own keys other objects have`;
  const losses = lost === 0 ? "" : `, ${grouped(lost)} of them lost and counted (agent status)`;
  const before = ended ? ", which ended when the data dir was moved, restored or cloned" : "";
  const aside = file === null ? before : `, of a buffer that was set aside as corrupt`;
  return `node ${nodeId}, epoch ${epoch}${aside}: ${grouped(accepted)} readings accepted${losses}`;
}

function stagesTable({ audit }: EpochFindings, columns: number | undefined): string {
  const rows = STAGES.map((stage) => {
    const { rows: n, objects, missing, duplicate, pending } = audit.stages[stage];
    const size = (ranges: readonly SeqRange[]) => (ranges.length === 0 ? "-" : amount(stage, ranges));
    return [stage, grouped(n), grouped(objects), size(missing), size(pending), size(duplicate)];
  });
  const head = ["stage", "rows", "objects", "missing", "pending", "duplicate"];
  return textTable({ head, rows, right: [1, 2, 3, 4, 5], columns });
}

function asides(
  { otherEpochs, foreign, foreignNamed, conflicts }: Verification,
  store: Pick<ObjectStore, "place">,
): string[] {
  const epochs = otherEpochs.flatMap(({ epoch, objects, rows, together }) => {
    const there = `Also there: ${grouped(rows)} rows in ${grouped(objects)} objects of this node's epoch ${epoch}, whose buffer is not here`;
    if (together === null) return [there];
    const [from, until] = [together.first, together.last].map((ms) => new Date(ms).toISOString());
    const both = `Objects of it and of the present epoch were stored in turn, from ${from} to ${until}: two agents were at work under this name`;
    return [there, both, "  Try: agent config show"];
  });
  epochs.push(...conflictLines(conflicts, store));
  if (foreign > 0) epochs.push(`Also there, not the agent's: ${foreignText(foreign, foreignNamed.map(oneLine))}`);
  return epochs.length === 0 ? [] : [...epochs, ""];
}

/** Readers of the lake find their rows too. */
function conflictLines(all: Verification["conflicts"], store: Pick<ObjectStore, "place">): string[] {
  const there = all.filter(({ isThere }) => isThere);
  const named = there.slice(0, NAMED).map(({ stage, key, found, epoch }) => {
    return `Not written by this node: ${store.place(stage)}/${key} (${found}). The rows of that key are under epoch ${epoch}`;
  });
  if (there.length > NAMED) named.push(`and ${grouped(there.length - NAMED)} more: agent verify --json`);
  return named;
}

/** What is wrong, in a sentence: the first of all findings but what is pending; null: nothing. */
export function firstFinding(all: Verification, store: Pick<ObjectStore, "uri" | "place">): string | null {
  const wrong = all.epochs.flatMap((found) => findingsOf(found, all, store).slice(pendingFinding(found, all) ? 1 : 0));
  return wrong[0]?.lines[0] ?? null;
}

function findingsOf(found: EpochFindings, all: Verification, store: Pick<ObjectStore, "uri" | "place">): Finding[] {
  return [pendingFinding(found, all), missingFinding(found, all, store), parkedFinding(found)]
    .concat(duplicateFinding(found, store))
    .concat(deepFindings(found))
    .filter((finding) => finding !== null);
}

function pendingFinding(found: EpochFindings, { isRunning }: Verification): Finding | null {
  const lines = byStage(found, "pending", (audit) => audit.pending);
  if (lines.length === 0) return null;
  if (isRunning) return { lines: [...lines, "An agent is delivering them now"], try: "agent verify --settle 60s" };
  return { lines: [...lines, "No agent is running that delivers them"], try: "agent run" };
}

function missingFinding(
  found: EpochFindings,
  { deliversTo }: Verification,
  store: Pick<ObjectStore, "uri">,
): Finding | null {
  const lines = byStage(found, "missing", ({ missing, parked }) => subtractRanges(missing, parked));
  if (lines.length === 0) return null;
  const isEmpty = STAGES.every((stage) => found.audit.stages[stage].objects === 0);
  const other = deliversTo === store.uri ? null : deliversTo;
  if (isEmpty || other !== null) {
    const where = other === null ? "" : `; this node last delivered to ${other}`;
    const note = `${store.uri} ${isEmpty ? "holds nothing of" : "is not all of"} this epoch${where}`;
    return {
      lines: [...lines, note],
      try: other === null ? "agent status" : `agent verify --store ${shellWord(other)}`,
    };
  }
  const note =
    "These were delivered once and are not sent again: restore the objects from the store's versions or backups";
  return { lines: [...lines, note], try: "agent verify --json" };
}

function parkedFinding(found: EpochFindings): Finding | null {
  const lines = byStage(found, "parked", (audit) => audit.parked);
  return lines.length === 0 ? null : { lines, try: "agent buffer requeue" };
}

function duplicateFinding(found: EpochFindings, store: Pick<ObjectStore, "uri" | "place">): Finding | null {
  const lines = byStage(found, "duplicate", (audit) => audit.duplicate);
  if (lines.length === 0) return null;
  const { strays } = found.audit;
  const named = strays.slice(0, NAMED).map(({ stage, key }) => `  not promised: ${store.place(stage)}/${key}`);
  if (strays.length > NAMED) named.push(`  and ${grouped(strays.length - NAMED)} more: agent verify --json`);
  if (strays.length > 0) named.push("Delete the objects that were not promised, when their rows are in others too");
  return { lines: [...lines, ...named], try: "agent verify --deep" };
}

function deepFindings({ deep, audit }: EpochFindings): (Finding | null)[] {
  if (deep === null) return [];
  const { contents, corrupt } = deep;
  const rangesLine = (what: string, ranges: readonly SeqRange[]) =>
    ranges.length === 0 ? [] : [`${what}: seq ${rangesText(ranges, NAMED)}`];
  const rows = [
    ...Object.entries(contents.twice).flatMap(([stage, ranges]) => rangesLine(`${stage}: in two rows`, ranges)),
    ...rangesLine("in validated and in anomalies", contents.contradicting),
    ...rangesLine("in validated, not in schematized", contents.notSchematized),
    ...rangesLine("in schematized, not in validated", contents.notValidated),
  ];
  const bodies = corrupt.slice(0, NAMED).map(({ stage, key, message }) => `corrupt: ${stage}/${key}: ${message}`);
  if (corrupt.length > NAMED) bodies.push(`and ${grouped(corrupt.length - NAMED)} more: agent verify --deep --json`);
  const isOnlyThis = audit.ok && corrupt.length === 0;
  const note = isOnlyThis
    ? "This must not happen: please report it to the makers of the agent"
    : "Repair the rest first: it may be the cause of these";
  return [
    rows.length === 0 ? null : { lines: [...rows, note], try: "agent verify --deep --json" },
    bodies.length === 0
      ? null
      : {
          lines: [...bodies, "Restore these objects from the store's versions or backups"],
          try: "agent verify --deep --json",
        },
  ];
}

/** `raw: missing seq 101-200`, a line for each stage that has any. */
function byStage(found: EpochFindings, what: string, of: (audit: StageAudit) => readonly SeqRange[]): string[] {
  return STAGES.flatMap((stage) => {
    const ranges = of(found.audit.stages[stage]);
    return ranges.length === 0 ? [] : [`${stage}: ${what} ${placesText(stage, ranges)}`];
  });
}

function placesText(stage: Stage, ranges: readonly SeqRange[]): string {
  if (stage !== "aggregated") return `seq ${rangesText(ranges, NAMED)}`;
  const starts = ranges.slice(0, NAMED).map(({ first: startMs }) => new Date(startMs).toISOString());
  return `windows ${starts.join(", ")}${ranges.length > NAMED ? ` and ${ranges.length - NAMED} more` : ""}`;
}

/** Seqs in the ranges, or windows. A range of validated or anomalies is named whole, because no key says which of its seqs are in it. */
function amount(stage: Stage, ranges: readonly SeqRange[]): string {
  return grouped(stage === "aggregated" ? ranges.length : totalSize(ranges));
}
