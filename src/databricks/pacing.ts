/** When to ask, when to ask again, and when to give up: decided purely, the waiting is the client's. */

/**
 * How often a call may reach Databricks. safe: twice is as good as once. refused: again only after an answer that says it
 * was not done (429, 503). never: again only after 429, which is said before anything begins: for what would be there twice.
 */
export type Again = "safe" | "refused" | "never";

export type Trouble =
  /** Refused for now; `retryAfterMs` as the answer asked. */
  | { readonly kind: "busy"; readonly status: number; readonly retryAfterMs: number | undefined }
  /** No answer, or an unclear one: the call may have been done. */
  | { readonly kind: "unknown" };

/** In all, for one call. The engine of provisioning tries again by itself, after a look at what is there. */
const BUSY_LIMIT_MS = 120_000;
const UNKNOWN_TRIES = 4;

/** How long to wait before the next try, or null: no more tries. `tries`: how many were made. `random`: 0 to 1. */
export function waitBeforeNext(
  trouble: Trouble,
  again: Again,
  made: { readonly tries: number; readonly spentMs: number },
  random: number,
): number | null {
  if (trouble.kind === "unknown") {
    if (again !== "safe" || made.tries >= UNKNOWN_TRIES) return null;
    return 500 * 2 ** (made.tries - 1) * (0.75 + random / 2);
  }
  if (again === "never" && trouble.status !== 429) return null;
  const waitMs = trouble.retryAfterMs ?? Math.min(10, made.tries) * 1_000 + random * 750;
  return made.spentMs + waitMs > BUSY_LIMIT_MS ? null : waitMs;
}

/** The public SDKs keep to 15 requests a second; a plan is allowed a start above that, as it reads everything at once. */
export const RATE = { perSecond: 15, burst: 30 } as const;

/** A bucket of tokens. */
export class RateLimit {
  #tokens: number = RATE.burst;
  #atMs = Number.NEGATIVE_INFINITY;

  /** Takes a place in the queue; the caller waits so long before it asks. */
  take(nowMs: number): number {
    if (nowMs > this.#atMs) {
      const gained = this.#atMs === Number.NEGATIVE_INFINITY ? 0 : ((nowMs - this.#atMs) / 1_000) * RATE.perSecond;
      this.#tokens = Math.min(RATE.burst, this.#tokens + gained);
      this.#atMs = nowMs;
    }
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / RATE.perSecond) * 1_000;
  }
}
