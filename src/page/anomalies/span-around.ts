/** The time around an episode that its chart shows: a few windows of its rule before it, and some after. Pure. */
import type { Episode, RuleLimit } from "../../dashboard/wire.ts";
import type { TimeSpan } from "../chart/shape.ts";

const LEAST_MS = 30_000;
const WINDOWS_BEFORE = 3;
/** Of a long episode, this share of its length is shown on each side. */
const SHARE = 0.3;
/** An open episode grows: its chart is read again in steps of this share of its length, not with each reading. */
const STEP_SHARE = 0.1;
const STEP_LEAST_MS = 5_000;

export function spanAround(episode: Episode, limits: readonly RuleLimit[]): TimeSpan {
  const { sinceMs, untilMs, rule } = episode;
  const windowMs = Math.max(0, ...limits.filter((limit) => limit.rule === rule).map((limit) => limit.windowMs ?? 0));
  const lengthMs = Math.max(0, untilMs - sinceMs);
  const besideMs = Math.max(LEAST_MS, lengthMs * SHARE);
  const stepMs = Math.max(STEP_LEAST_MS, lengthMs * STEP_SHARE);
  const toMs = sinceMs + Math.ceil(lengthMs / stepMs) * stepMs + besideMs;
  return { fromMs: Math.floor(sinceMs - Math.max(besideMs, WINDOWS_BEFORE * windowMs)), toMs: Math.ceil(toMs) };
}
