/** The shapes that signals consist of, in plain arithmetic (core/random.ts says why without `Math.sin`). */
import { hashAt } from "../../core/random.ts";

/** A wave of period 1 with its crest (+1) at whole numbers and its trough (−1) between: within 0.1 % of a cosine. */
export function wave(turns: number): number {
  const shifted = turns + 0.25;
  const y = shifted - Math.floor(shifted + 0.5);
  const rough = 8 * y - 16 * y * (y < 0 ? -y : y);
  return rough * (0.775 + 0.225 * (rough < 0 ? -rough : rough));
}

/** Smooth chance in [−1, 1]: a random height at each whole number, joined smoothly. A pure function of both. */
export function wander(key: number, position: number): number {
  const cell = Math.floor(position);
  const along = position - cell;
  const from = hashAt(key, cell);
  const to = hashAt(key, cell + 1);
  // Two signed 32-bit integers to [−1, 1].
  return (from + (to - from) * along * along * (3 - 2 * along)) / 0x80000000;
}

/** A broken line through points with rising x, level before the first and after the last. */
export class Line {
  readonly #x: Float64Array;
  readonly #y: Float64Array;

  constructor(points: readonly (readonly [x: number, y: number])[]) {
    this.#x = Float64Array.from(points, (point) => point[0]);
    this.#y = Float64Array.from(points, (point) => point[1]);
  }

  heightAt(x: number): number {
    const xs = this.#x;
    const last = xs.length - 1;
    if (!(x > xs[0]!)) return this.#y[0]!;
    if (x >= xs[last]!) return this.#y[last]!;
    let i = 1;
    while (xs[i]! < x) i++;
    const below = this.#y[i - 1]!;
    return below + ((this.#y[i]! - below) * (x - xs[i - 1]!)) / (xs[i]! - xs[i - 1]!);
  }
}
