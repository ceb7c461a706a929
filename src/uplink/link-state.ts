/**
 * Whether the store can be reached, and when to try again: decided purely. The caller keeps the state, starts no put
 * before `retryAtMs`, and logs what `say` names. Times are of a clock that is never set: a wait is as long as it was meant.
 */

/** `sinceMs`: when the state was entered. */
export type Link =
  | { readonly state: "up"; readonly sinceMs: number }
  | {
      readonly state: "down";
      readonly sinceMs: number;
      /** The latest failure, for people. */
      readonly error: string;
      readonly tryHint: string | null;
      /** True when a person must act: health is degraded. The agent keeps trying. */
      readonly denied: boolean;
      /** Tries that failed, counted once for puts that failed together. */
      readonly attempt: number;
      /** No put before this time. */
      readonly retryAtMs: number;
    };

/**
 * How a put ended. `failed`: trying later may help; `denied`: a person must act, and trying later will help then. An
 * object that can never be stored is not an event: the store answered, and the link stays as it is.
 */
export type LinkEvent =
  | { readonly kind: "stored" }
  | {
      readonly kind: "failed" | "denied";
      readonly message: string;
      readonly tryHint: string | null;
      /** How long the store asked us to wait, or null. */
      readonly retryAfterMs: number | null;
    };

/** `say`: the link went down or came back with this event. Each is logged once, however long it lasts. */
export type NextLink = { readonly link: Link; readonly say: "down" | "up" | null };

export const BACKOFF_BASE_MS = 500;
const BACKOFF_CEILING_MS = 60_000;
/** A store may ask for a longer wait than our own ceiling, up to this. */
export const RETRY_AFTER_LIMIT_MS = 3_600_000;
/** 2^30 × 500 ms is past any ceiling; more would only lose precision. */
const MAX_DOUBLINGS = 30;

/** `random` gives numbers in [0, 1); `ceilingMs` is BACKOFF_CEILING_MS where absent. */
export type Backoff = { readonly random: () => number; readonly ceilingMs?: number };

export function newLink(nowMs: number): Link {
  return { state: "up", sinceMs: nowMs };
}

/**
 * Full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter): try n waits a random time between
 * 0 and min(ceiling, base × 2^(n-1)), so that a fleet that lost its store together does not come back together. A Retry-After
 * is waited for first, and the jitter comes on top.
 */
export function nextLink(
  link: Link,
  event: LinkEvent,
  nowMs: number,
  { random, ceilingMs = BACKOFF_CEILING_MS }: Backoff,
): NextLink {
  if (event.kind === "stored") {
    if (link.state === "up") return { link, say: null };
    return { link: newLink(nowMs), say: "up" };
  }
  const failure = { error: event.message, tryHint: event.tryHint, denied: event.kind === "denied" };
  const asked = Math.min(RETRY_AFTER_LIMIT_MS, Math.max(0, event.retryAfterMs ?? 0));
  if (link.state === "down" && waitMs(link, nowMs, ceilingMs) > 0) {
    // A put that was on its way when the link went down: the same outage, which is counted once.
    const retryAtMs = asked > 0 ? Math.max(link.retryAtMs, nowMs + asked) : link.retryAtMs;
    return { link: { ...link, ...failure, retryAtMs }, say: null };
  }
  const attempt = link.state === "down" ? link.attempt + 1 : 1;
  const widest = widestWaitMs(attempt, ceilingMs);
  const retryAtMs = nowMs + Math.min(RETRY_AFTER_LIMIT_MS, asked + random() * widest);
  const sinceMs = link.state === "down" ? link.sinceMs : nowMs;
  return { link: { state: "down", sinceMs, ...failure, attempt, retryAtMs }, say: link.state === "up" ? "down" : null };
}

/** The longest wait after this many tries that failed. */
export function widestWaitMs(tries: number, ceilingMs: number): number {
  return Math.min(ceilingMs, BACKOFF_BASE_MS * 2 ** Math.min(tries - 1, MAX_DOUBLINGS));
}

/**
 * How long to wait before the next put: 0 is now. A wait that is longer than any that was ever set means that the clock
 * went back: then the next put is due now.
 */
export function waitMs(link: Link, nowMs: number, ceilingMs: number = BACKOFF_CEILING_MS): number {
  if (link.state === "up") return 0;
  const wait = link.retryAtMs - nowMs;
  return wait <= 0 || wait > Math.max(RETRY_AFTER_LIMIT_MS, ceilingMs) ? 0 : wait;
}
