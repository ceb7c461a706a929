/** The steps of delivery as shapes: bars of a number, and stretches of the uplink's state. Pure; the view draws them. */
import type { DeliveryStep } from "../../dashboard/wire.ts";

export type StepNumber = "rows" | "bytes" | "objects" | "failures" | "bufferBytes";

/** Null: not known. `height`: of the greatest, 0 to 1. */
export type StepBar = { readonly atMs: number; readonly value: number | null; readonly height: number };

/** `most`: what a bar of full height is; the greatest value where it is not given. */
export function barsOf(steps: readonly DeliveryStep[], what: StepNumber, most?: number): readonly StepBar[] {
  const top = most ?? greatest(steps, what);
  return steps.map((step) => {
    const value = step[what];
    return { atMs: step.atMs, value, height: value === null || top <= 0 ? 0 : Math.min(1, value / top) };
  });
}

export function greatest(steps: readonly DeliveryStep[], what: StepNumber): number {
  return steps.reduce((most, step) => Math.max(most, step[what] ?? 0), 0);
}

export type LinkState = "up" | "partly" | "down" | "unknown";

/** A whole step that the uplink was up, was down, or was both in. */
export function linkStateOf({ upShare }: Pick<DeliveryStep, "upShare">): LinkState {
  if (upShare === null) return "unknown";
  if (upShare >= 0.995) return "up";
  return upShare <= 0.005 ? "down" : "partly";
}

/** Steps of one state, one after another. `first` and `count`: of steps. */
export type Stretch = { readonly state: LinkState; readonly first: number; readonly count: number };

export function stretchesOf(steps: readonly DeliveryStep[]): readonly Stretch[] {
  const stretches: { state: LinkState; first: number; count: number }[] = [];
  for (const [at, step] of steps.entries()) {
    const state = linkStateOf(step);
    const last = stretches.at(-1);
    if (last?.state === state) last.count++;
    else stretches.push({ state, first: at, count: 1 });
  }
  return stretches;
}

/** How long the uplink was down in these steps, ms, as far as it is known. */
export function wholeDownMs(steps: readonly DeliveryStep[]): number {
  return steps.reduce((sum, { downMs }) => sum + (downMs ?? 0), 0);
}
