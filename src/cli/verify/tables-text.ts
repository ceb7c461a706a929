/** The text of `agent verify --databricks` about the tables: sums by node and stage, then each difference by name and what to do. */

import { oneLine } from "../../core/log/log.ts";
import { grouped } from "../../core/readable-numbers.ts";
import { STAGES, type Stage, TABLE_OF_STAGE } from "../../core/stage.ts";
import { parseKey } from "../../uplink/object-key.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";
import { KINDS, type Kind, type TableFinding } from "../../verify/tables/compare.ts";
import { isClean, type NodeStage, type StageTables, type TablesVerification } from "../../verify/tables/tables.ts";
import { foreignText } from "../foreign-text.ts";
import { textTable } from "../frame/table.ts";

/** Findings of one kind and stage, nodes and hours that are named; `--json` has more. */
const NAMED = 5;
const NODES_SHOWN = 20;

/** Rows that the buffer of this machine delivered, by stage. */
export type Delivered = { readonly nodeId: string; readonly rows: Readonly<Record<Stage, number>> };

type Place = Pick<ObjectStore, "uri" | "place">;

export const TABLES_ARE_WELL = "every object is in its table, once";

export function tablesText(
  found: TablesVerification,
  delivered: Delivered | null,
  store: Place,
  columns?: number,
): string[] {
  const lines = [headline(found, store), "", ...sumsTable(found, delivered, columns), ""];
  for (const stage of found.stages) lines.push(...asides(stage, store));
  for (const kind of KINDS) {
    const ofKind = found.stages.flatMap((stage) => named(stage, kind, store));
    if (ofKind.length > 0) lines.push(...ofKind, ...adviceLines(kind, found));
  }
  for (const stage of found.stages) lines.push(...leftOut(stage));
  if (found.ok) lines.push(TABLES_ARE_WELL);
  return lines;
}

function headline({ names, ingest, stages }: TablesVerification, store: Place): string {
  const loaded = stages.map(({ loadedMs }) => loadedMs);
  const since = loaded.some((time) => time === null) ? null : Math.min(...(loaded as number[]));
  const time = since === null ? "not all were ever loaded" : `loaded through ${new Date(since).toISOString()}`;
  const by =
    ingest !== null && ingest.startedMs !== null ? "the job's last run that succeeded" : "the newest row of each";
  const running = ingest?.isRunning === true ? "; a run is loading them now" : "";
  return `tables of ${names.catalog}.${names.schema} against ${store.uri}, ${time} (by ${by})${running}`;
}

function sumsTable({ stages }: TablesVerification, delivered: Delivered | null, columns: number | undefined): string[] {
  const names = [...new Set(stages.flatMap(({ nodes }) => [...nodes.keys()]))].sort();
  const differs = (name: string) =>
    stages.some(({ nodes }) => {
      const node = nodes.get(name);
      return node !== undefined && !isClean(node);
    });
  // If not all have room, those that differ come first.
  const ordered =
    names.length <= NODES_SHOWN ? names : names.toSorted((a, b) => Number(differs(b)) - Number(differs(a)));
  const rows = ordered.slice(0, NODES_SHOWN).flatMap((name) =>
    STAGES.flatMap((stage, at) => {
      const node = stages[at]!.nodes.get(name);
      const ofBuffer = delivered?.nodeId === name && stage !== "aggregated" ? grouped(delivered.rows[stage]) : "-";
      return node === undefined ? [] : [[name, stage, ofBuffer, ...numbersOf(node)]];
    }),
  );
  const head = ["node", "stage", "delivered", "objects", "rows", "in table", "rows", "lost", "waiting", "other"];
  const shown = textTable({ head, rows, right: [2, 3, 4, 5, 6, 7, 8, 9], columns })
    .trimEnd()
    .split("\n");
  const more = names.length - NODES_SHOWN;
  return more > 0 ? [...shown, `and ${grouped(more)} nodes more: agent verify --databricks --json`] : shown;
}

function numbersOf({ bucket, table, counts }: NodeStage): string[] {
  const other = KINDS.filter((kind) => kind !== "lost" && kind !== "waiting");
  const sum = other.reduce((total, kind) => total + counts[kind], 0);
  const countText = (n: number) => (n === 0 ? "-" : grouped(n));
  const sums = [bucket.objects, bucket.rows, table.objects, table.rows].map(grouped);
  return [...sums, ...[counts.lost, counts.waiting, sum].map(countText)];
}

function asides({ stage, cleaned, foreign, foreignRows, isBucketEmpty }: StageTables, store: Place): string[] {
  const lines: string[] = [];
  if (isBucketEmpty) {
    const held = `the table holds ${grouped(cleaned.rows)} rows of ${grouped(cleaned.objects)} objects`;
    lines.push(`${stage}: ${store.place(stage)} lists nothing, and ${held}`);
    lines.push("The objects are in another store, or were deleted: then there is nothing to compare");
    lines.push("  Try: agent verify --databricks --store s3:");
  } else if (cleaned.objects > 0) {
    const held = `${grouped(cleaned.rows)} rows of ${grouped(cleaned.objects)} objects`;
    lines.push(
      `${stage}: also in the table: ${held} of hours before the first that the bucket lists: cleaned away there`,
    );
  }
  if (foreign.objects > 0) {
    const objects = foreignText(foreign.objects, foreign.named.map(oneLine));
    lines.push(`${stage}: ${objects} in ${store.place(stage)} are not the agent's, and nothing reads them`);
  }
  if (foreignRows > 0)
    lines.push(`${stage}: also in the table: ${grouped(foreignRows)} rows from objects whose names are not ours`);
  return lines;
}

function named({ stage, findings, nodes }: StageTables, kind: Kind, store: Place): string[] {
  const own = findings.filter((finding) => finding.kind === kind);
  const all = [...nodes.values()].reduce((sum, { counts }) => sum + counts[kind], 0);
  const lines = own.slice(0, NAMED).map((finding) => `${stage}: ${kind}: ${SENTENCE[kind](finding, store)}`);
  const more = all - lines.length;
  return more > 0 ? [...lines, `${stage}: ${kind}: ${grouped(more)} more: agent verify --databricks --json`] : lines;
}

const objectOf = ({ stage, key }: TableFinding, store: Place) => `${store.place(stage)}/${key}`;
const rowsOf = (count: number) => (count === 1 ? "1 row" : `${grouped(count)} rows`);

const SENTENCE: Record<Kind, (finding: TableFinding, store: Place) => string> = {
  lost: (one, store) => `${objectOf(one, store)}: none of its ${rowsOf(one.expected)}`,
  waiting: (one, store) => `${objectOf(one, store)}: ${rowsOf(one.expected)}, stored ${one.note}`,
  quarantined: (one, store) => `${objectOf(one, store)}: ${rowsOf(one.expected)}: ${one.note}`,
  older: (one) =>
    `${windowText(one.key)}: ${rowsOf(one.found)} of revision ${revisionText(one.note ?? "")}, the highest is ${revisionText(one.key)}`,
  short: (one, store) => `${objectOf(one, store)}: ${grouped(one.found)} of its ${rowsOf(one.expected)}`,
  surplus: (one, store) => `${objectOf(one, store)}: ${rowsOf(one.found)}, its name says ${grouped(one.expected)}`,
  twice: (one) => `${one.note}: ${rowsOf(one.found)}, of ${one.key}`,
  unread: (one) => `${rowsOf(one.found)} of ${one.key} could not be read (column _corrupt_record)`,
  unlisted: (one, store) => `${rowsOf(one.found)} of ${one.key}, which ${store.place(one.stage)} does not list`,
};

type Advice = { readonly note: string; readonly command: "history" | "verify" | "run" | "rebuild" };

/** No object is loaded twice: what a table lost is inserted by hand, or all of the bucket is read again. */
const ADVICE: Record<Kind, (found: TablesVerification) => Advice> = {
  lost: () => ({
    note: "The table's history says who deleted rows; a rebuild reads all objects of the bucket again",
    command: "rebuild",
  }),
  waiting: ({ ingest }) =>
    ingest?.isRunning === true
      ? { note: "A run is loading them now", command: "verify" }
      : { note: "The next run loads them", command: "run" },
  quarantined: () => ({
    note: "Insert the rows from a whole copy of the object (the bucket's versions)",
    command: "history",
  }),
  older: () => ({
    note: "A MERGE was undone; the rows are in the object of the highest revision",
    command: "history",
  }),
  short: () => ({
    note: "The table's history says who deleted rows; RESTORE the table, or insert them from the object",
    command: "history",
  }),
  surplus: () => ({ note: "The table's history says who inserted rows", command: "history" }),
  twice: () => ({
    note: "Rows were inserted, or objects loaded again; a rebuild deletes the rows of the bucket's objects, and reads these again",
    command: "rebuild",
  }),
  unread: () => ({
    note: "This must not happen: please report it, with the lines, to the makers of the agent",
    command: "verify",
  }),
  unlisted: () => ({
    note: "Restore the objects from the bucket's versions, or find out who deleted them",
    command: "verify",
  }),
};

function adviceLines(kind: Kind, found: TablesVerification): string[] {
  const { note, command } = ADVICE[kind](found);
  const stage = found.stages.find(({ findings }) => findings.some((finding) => finding.kind === kind))?.stage ?? "raw";
  const { catalog, schema } = found.names;
  const commands = {
    history: `agent query "DESCRIBE HISTORY ${catalog}.${schema}.${TABLE_OF_STAGE[stage]}"`,
    verify: "agent verify --databricks --json",
    run: "agent provision run",
    rebuild: `agent provision run --rebuild ${stage}`,
  };
  return [note, `  Try: ${commands[command]}`];
}

function windowText(key: string): string {
  const of = parseKey("aggregated", key);
  return of?.kind === "window" ? `window ${new Date(of.windowStartMs).toISOString()} of ${of.node} (${of.epoch})` : key;
}

function revisionText(key: string): string {
  const of = parseKey("aggregated", key);
  return of?.kind === "window" ? String(of.revision) : key;
}

function leftOut({ stage, unexamined }: StageTables): string[] {
  if (unexamined.length === 0) return [];
  const [first, last] = [unexamined[0], unexamined.at(-1)];
  return [
    `${stage}: ${grouped(unexamined.length)} hours more differ, from ${first} to ${last}`,
    "Repair the ones above first",
    "  Try: agent verify --databricks",
  ];
}

export function tablesJson(found: TablesVerification, delivered: Delivered | null) {
  const { ok, names, ingest, stages } = found;
  return {
    ok,
    ...names,
    job: ingest === null ? null : { last_success_started: timeText(ingest.startedMs), running: ingest.isRunning },
    buffer: delivered === null ? null : { node_id: delivered.nodeId, delivered: delivered.rows },
    stages: Object.fromEntries(stages.map((one) => [one.stage, stageJson(one)])),
  };
}

function stageJson(one: StageTables) {
  const { nodes, findings, unnamed, loadedMs, cleaned, foreign, foreignRows, isBucketEmpty, unexamined } = one;
  return {
    loaded_through: timeText(loadedMs),
    nodes: [...nodes].map(([node_id, { bucket, table, counts }]) => ({
      node_id,
      bucket: { objects: bucket.objects, rows: bucket.rows },
      table: { objects: table.objects, rows: table.rows },
      ...counts,
    })),
    findings: findings.map(({ kind, node, key, expected, found, note }) => ({
      kind,
      node_id: node,
      key,
      expected,
      found,
      note,
    })),
    findings_left_out: unnamed,
    cleaned,
    foreign,
    other_rows: foreignRows,
    bucket_empty: isBucketEmpty,
    hours_left_out: unexamined,
  };
}

function timeText(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
