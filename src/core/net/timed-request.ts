/** A request with a limit on its time: from its start to the last byte of its answer. */
import { AgentError, codeOf, messageOf } from "../errors.ts";

/** No answer, or not all of it: refused, reset, no route, no name, a bad certificate, or too late. */
export class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
}

export type RequestLimits = { readonly limitMs: number; readonly stop?: AbortSignal | undefined };

/**
 * What `ask` returns. Its signal aborts at the limit, or when `stop` does. An AgentError of `ask` passes; every other failure
 * is a NoAnswerError, also after `stop`: the caller knows that it stopped.
 */
export async function askWithin<T>(
  { limitMs, stop }: RequestLimits,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // One controller a request: AbortSignal.any on a signal that lives as long as the agent would gather listeners.
  const over = new AbortController();
  const end = () => over.abort();
  const timer = setTimeout(end, limitMs);
  stop?.addEventListener("abort", end);
  if (stop?.aborted) end();
  try {
    return await ask(over.signal);
  } catch (error) {
    if (error instanceof AgentError) throw error;
    const isLate = over.signal.aborted && !stop?.aborted;
    const reason = isLate ? `no answer within ${secondsText(limitMs)} s` : reasonOf(error);
    throw new NoAnswerError(reason, { cause: error });
  } finally {
    clearTimeout(timer);
    stop?.removeEventListener("abort", end);
  }
}

/** `12`, or `0.3` below a second. */
export function secondsText(ms: number): string {
  return ms < 950 ? (ms / 1_000).toFixed(1) : String(Math.round(ms / 1_000));
}

/** What `fetch` throws, with its code. */
function reasonOf(error: unknown): string {
  const code = codeOf(error);
  const message = messageOf(error);
  if (code === undefined) return message;
  const reason = message.includes(code) ? message : `${code}: ${message}`;
  return UNTRUSTED.test(code) ? `${reason}, ${AUTHORITIES}` : reason;
}

/** The engine has the public authorities with it, and needs none of the system: a container without /etc/ssl can use them. */
const UNTRUSTED = /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_UNTRUSTED)$/;
const AUTHORITIES =
  "not of a public authority, which this binary trusts by itself; name another one's PEM file in AWS_CA_BUNDLE (for AWS), or in NODE_EXTRA_CA_CERTS of the environment";
