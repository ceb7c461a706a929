/** A source in trouble (file gone, table missing, database locked): logged once when it begins and once when it is over. */
import { messageOf, type TransientError } from "../../core/errors.ts";
import type { Log } from "../../core/log/log.ts";
import type { Problem } from "../../core/problem.ts";

export type SourceTrouble = {
  readonly message: string;
  readonly try: string;
  readonly sinceMs: number;
  /** It was logged, or the run ends with it. Trouble of a moment may end before a person could act. */
  readonly isReported: boolean;
};

/** A source that says when to come back (a writer that holds its lock) is in trouble many times a day. */
const PATIENCE_MS = 10_000;
const PATIENT: SourceTrouble["try"] = "agent config check";

/** The trouble that a source is in after `error`; `before`: the one that it was in. */
export function inTrouble(
  before: SourceTrouble | null,
  error: TransientError,
  of: { readonly uri: string; readonly runningMs: number; readonly log: Log },
): SourceTrouble {
  const { uri, runningMs, log } = of;
  const sinceMs = before?.sinceMs ?? runningMs;
  const mayPass = error.retryAfterMs !== undefined && runningMs - sinceMs < PATIENCE_MS;
  const trouble = { message: messageOf(error), try: error.tryHint || PATIENT, sinceMs };
  if (error.isFinal) {
    const end = `${sentence(uri, trouble.message)}. The run ends without the rest of it`;
    log.warn("source_ended", end, { try: trouble.try });
    return { ...trouble, isReported: true };
  }
  if (before?.isReported || mayPass) return { ...trouble, isReported: before?.isReported ?? false };
  const said = sentence(uri, trouble.message).replace(/[.\s]+$/, "");
  log.warn("source_trouble", `${said}${/[?!]$/.test(said) ? "" : "."} The agent tries again`, { try: trouble.try });
  return { ...trouble, isReported: true };
}

/** Nothing more is taken from a source that never worked: a run that ends says so itself. */
export function atEnd(trouble: SourceTrouble): SourceTrouble {
  return { ...trouble, isReported: true };
}

/** Its end; trouble that was never reported ends without a line in the log. */
export function outOfTrouble(trouble: SourceTrouble, uri: string, log: Log): null {
  if (trouble.isReported) log.info("source_back", `Taking from "${uri}" again`);
  return null;
}

export function sourceProblem(uri: string, trouble: SourceTrouble | null): Problem[] {
  if (trouble === null || !trouble.isReported) return [];
  return [{ code: "source_trouble", message: sentence(uri, trouble.message), try: trouble.try }];
}

function sentence(uri: string, message: string): string {
  return `Cannot take from "${uri}": ${message}`;
}
