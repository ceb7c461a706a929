/** What one sensor did in one window of event time. */

/** n, shift, sum and sum of squares of (value − shift), min, max. The shift keeps the sums small and so exact. */
export const STRIDE = 6;

/** The accumulators of one sensor in one window. */
export class SensorWindow {
  records = 0;
  anomalies = 0;
  stats = new Float64Array(0);
  readonly slots = new Set<number>();
  /** The open window that it is in. */
  startMs = Number.NaN;
  #seen: readonly number[] | null = null;

  /** The measures of this sensor are columns of its row, also where a window saw no value of them. */
  seen(slots: readonly number[]): void {
    if (slots === this.#seen) return;
    this.#seen = slots;
    for (const slot of slots) this.slots.add(slot);
  }

  add(slot: number, value: number): void {
    const at = slot * STRIDE;
    if (this.stats.length < at + STRIDE) {
      const grown = new Float64Array(at + STRIDE);
      grown.set(this.stats);
      this.stats = grown;
    }
    const stats = this.stats;
    if (stats[at] === 0) {
      stats[at + 1] = value;
      stats[at + 4] = value;
      stats[at + 5] = value;
    }
    const shifted = value - stats[at + 1]!;
    stats[at]!++;
    stats[at + 2]! += shifted;
    stats[at + 3]! += shifted * shifted;
    if (value < stats[at + 4]!) stats[at + 4] = value;
    else if (value > stats[at + 5]!) stats[at + 5] = value;
  }
}
