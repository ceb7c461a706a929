/**
 * The errors that callers branch on. A message reads `Cannot <verb> <object>: <cause>`. `advice` is what a person does about
 * it, in the line below; `tryHint` is a command that can be pasted, in the `Try:` line after that. Callers never branch on
 * message text.
 */
export type WayOut = {
  readonly advice?: string | undefined;
  readonly tryHint?: string | undefined;
  readonly cause?: unknown;
};

export class AgentError extends Error {
  override readonly name: string = "AgentError";
  readonly advice: string | undefined;
  readonly tryHint: string | undefined;
  constructor(message: string, options: WayOut = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.advice = options.advice;
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
  /** It was tried often enough for a run that must end: the caller gives up. */
  readonly isFinal: boolean;
  constructor(
    message: string,
    options: WayOut & { readonly retryAfterMs?: number | undefined; readonly isFinal?: boolean } = {},
  ) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs;
    this.isFinal = options.isFinal ?? false;
  }
}

/** The store refuses (or has no such bucket): the agent waits as for a TransientError, but a person must act. */
export class DeniedError extends AgentError {
  override readonly name = "DeniedError";
  /** The missing permission, in the words of the store: `s3:PutObject on arn:aws:s3:::acme-raw-data-us-west-2/*`. */
  readonly missing: string;
  constructor(message: string, options: WayOut & { readonly missing: string; readonly tryHint: string }) {
    super(message, options);
    this.missing = options.missing;
  }
}

/** A refusal in one text: what was refused, what is missing, and who can give it. */
export function refusalOf({ message, missing, advice }: DeniedError): string {
  const parts = message.includes(missing) ? [message] : [message, `Missing: ${missing}`];
  if (advice !== undefined) parts.push(advice);
  return parts.map(withoutStop).join(". ");
}

/** For a message in the middle of a text: those from outside often end in a full stop. */
export function withoutStop(message: string): string {
  return message.replace(/[.\s]+$/, "");
}

/** The object is larger than the store takes: half of it may be stored. */
export class TooLargeError extends AgentError {
  override readonly name = "TooLargeError";
}

/** The login itself is refused (an expired token, a deleted key): no other call with it can work, and it is said once. */
export class LoginRefusedError extends DeniedError {}

/** For an error that takes the place of another one. */
export const adviceOf = ({ advice }: AgentError): Pick<WayOut, "advice"> => (advice === undefined ? {} : { advice });

/** Message, advice and way out in one line, for a list of problems. */
export function sentenceOf({ message, advice, tryHint }: AgentError): string {
  return [message, advice, tryHint && `Try: ${tryHint}`].filter((part) => part !== undefined).join(". ");
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a system error (`ENOSPC`, `SQLITE_BUSY`, …), or undefined. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
