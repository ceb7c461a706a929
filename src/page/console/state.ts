/** What the console holds while other views are shown: the snapshot, the question, its answer. */
import { signal } from "@preact/signals";
import type { SnapshotProgress, WireProblem } from "../../dashboard/wire.ts";
import { addressOf, getJson, problemOf, open as request } from "../shell/api.ts";
import { SqlEngine as Engine, type SqlEngine, SqlError, StoppedError } from "./engine.ts";
import { remember } from "./history.ts";
import type { SnapshotSchema, SqlValue, TextRange } from "./worker-words.ts";

/** Rows of an answer that the page keeps. */
export const ROWS_KEPT = 10_000;
const PROGRESS_MS = 400;

export type AskedAmount = { readonly unit: "readings" | "hours"; readonly amount: number };
export type TakenSnapshot = {
  readonly blob: Blob;
  readonly readings: number;
  readonly takenAtMs: number;
  readonly schema: SnapshotSchema;
};
/** `bytes` null: not known yet. */
export type TakingSnapshot = {
  readonly step: "making" | "receiving" | "opening";
  readonly done: number;
  readonly of: number;
};
export type ShownAnswer = {
  readonly sql: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
  /** So far, while it is counted; `isWhole`: of all. */
  readonly count: number;
  readonly isWhole: boolean;
  readonly ms: number | null;
  readonly changed: number;
};
export type SqlFailure = { readonly sql: string; readonly message: string; readonly at: TextRange | null };

export const amount = signal<AskedAmount>({ unit: "readings", amount: 100_000 });
export const snapshot = signal<TakenSnapshot | null>(null);
export const taking = signal<TakingSnapshot | null>(null);
export const snapshotProblem = signal<WireProblem | null>(null);
export const question = signal("");
export const answer = signal<ShownAnswer | null>(null);
export const failure = signal<SqlFailure | null>(null);
/** When the question that runs began, by `performance.now()`. */
export const runningSince = signal<number | null>(null);
/** What is made for a download now. */
export const making = signal<"csv" | "file" | null>(null);

let engine: SqlEngine | null = null;
let cancelTaking: AbortController | null = null;

export function queryOf({ unit, amount: many }: AskedAmount): Readonly<Record<string, number>> {
  return { [unit]: many };
}

/** Takes the place of the snapshot that is there, once it is opened. */
export async function takeSnapshot(asked: AskedAmount): Promise<void> {
  cancelTaking?.abort();
  const cancel = new AbortController();
  cancelTaking = cancel;
  snapshotProblem.value = null;
  taking.value = { step: "making", done: 0, of: 0 };
  const progress = setInterval(() => void askProgress(cancel.signal), PROGRESS_MS);
  try {
    const response = await request("GET", addressOf("/api/snapshot", queryOf(asked)), null, cancel.signal);
    clearInterval(progress);
    const takenAtMs = Date.now();
    const readings = Number(response.headers.get("x-snapshot-readings"));
    const blob = await received(response);
    taking.value = { step: "opening", done: 0, of: 0 };
    const next = new Engine(blob);
    cancel.signal.addEventListener("abort", () => next.stop());
    const schema = await next.open();
    engine?.stop();
    engine = next;
    snapshot.value = { blob, readings, takenAtMs, schema };
  } catch (error) {
    if (!cancel.signal.aborted) snapshotProblem.value = problemOf(error);
  } finally {
    clearInterval(progress);
    if (cancelTaking === cancel) {
      cancelTaking = null;
      taking.value = null;
    }
  }
}

export function cancelSnapshot(): void {
  cancelTaking?.abort();
}

async function askProgress(signal: AbortSignal): Promise<void> {
  const said = await getJson<SnapshotProgress>("/api/snapshot/progress", {}, signal).catch(() => null);
  if (said?.state === "making" && taking.peek()?.step === "making")
    taking.value = { step: "making", done: said.readings, of: said.of };
}

async function received(response: Response): Promise<Blob> {
  const of = Number(response.headers.get("content-length"));
  const parts: Blob[] = [];
  let done = 0;
  taking.value = { step: "receiving", done, of };
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    // Blobs are kept out of the page's own memory.
    parts.push(new Blob([part.value]));
    done += part.value.length;
    taking.value = { step: "receiving", done, of };
  }
  if (done !== of) throw new Error("The snapshot did not arrive whole: the connection was lost. Take it again");
  return new Blob(parts, { type: "application/vnd.sqlite3" });
}

export async function runQuestion(sql: string): Promise<void> {
  if (engine === null || runningSince.peek() !== null || sql.trim() === "") return;
  failure.value = null;
  answer.value = null;
  runningSince.value = performance.now();
  remember(sql);
  try {
    const { count, ms, changed } = await engine.run(sql, ROWS_KEPT, {
      onRows: (columns, rows) => {
        answer.value = { sql, columns, rows, count: rows.length, isWhole: false, ms: null, changed: 0 };
      },
      onCount: (count) => {
        const shown = answer.peek();
        if (shown !== null) answer.value = { ...shown, count };
      },
    });
    const shown = answer.peek() ?? { sql, columns: [], rows: [] };
    answer.value = { ...shown, count, ms, changed, isWhole: true };
  } catch (error) {
    if (!(error instanceof StoppedError)) failure.value = failureOf(sql, error);
  } finally {
    runningSince.value = null;
  }
}

function failureOf(sql: string, error: unknown): SqlFailure {
  const at = error instanceof SqlError ? error.at : null;
  return { sql, at, message: error instanceof Error ? error.message : String(error) };
}

/** The answer so far stays. */
export function stopQuestion(): void {
  engine?.stop();
  // So that the next question does not wait for it.
  engine?.open().catch(() => undefined);
}

export async function makeDownload(what: "csv" | "file", sql = ""): Promise<void> {
  if (engine === null || making.peek() !== null) return;
  making.value = what;
  try {
    const blob = what === "csv" ? await engine.csv(sql) : await engine.file();
    save(blob, what === "csv" ? "answer.csv" : "snapshot.db");
  } catch (error) {
    if (!(error instanceof StoppedError)) failure.value = failureOf(sql, error);
  } finally {
    making.value = null;
  }
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
