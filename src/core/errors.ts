/**
 * The errors that callers branch on. A message reads `Cannot <verb> <object>: <cause>`; `tryHint` is a command to try, printed
 * as a `Try:` line. Callers never branch on message text.
 */
export class AgentError extends Error {
  override readonly name: string = "AgentError";
  readonly tryHint: string | undefined;
  constructor(message: string, options: { readonly tryHint?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.tryHint = options.tryHint;
  }
}

/** The call was wrong and can never work: exit code 2, before anything starts. */
export class UsageError extends AgentError {
  override readonly name = "UsageError";
}

/** Trying later may help: the network, a 5xx, a busy lock, a full disk. The agent waits and repeats. */
export class TransientError extends AgentError {
  override readonly name = "TransientError";
  /** How long the server asked us to wait, in ms, or undefined. */
  readonly retryAfterMs: number | undefined;
  constructor(message: string, options: { tryHint?: string; cause?: unknown; retryAfterMs?: number | undefined } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The store refuses (or has no such bucket): the agent waits as for a TransientError, but a person must act. */
export class DeniedError extends AgentError {
  override readonly name = "DeniedError";
  /** The missing permission, in the words of the store: `s3:PutObject on arn:aws:s3:::acme-raw-data-us-west-2/*`. */
  readonly missing: string;
  constructor(message: string, options: { missing: string; tryHint: string; cause?: unknown }) {
    super(message, options);
    this.missing = options.missing;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a system error (`ENOSPC`, `SQLITE_BUSY`, …), or undefined. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
