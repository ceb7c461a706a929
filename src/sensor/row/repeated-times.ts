/**
 * Local times that occur twice, when clocks go back. The order of a sensor's rows decides which occurrence is meant: the second,
 * where the sensor's row before is nearer to it than half of what is repeated (an hour, most often). Without such a row the first
 * is meant. A row before that is not in memory, after a restart, is the sensor's last one in the buffer.
 */
import { MS_PER_DAY } from "../../core/time/duration.ts";

export class RepeatedTimes {
  readonly #lastTimeOf: (sensor: number) => number | null;
  /** By sensor, the last time of this repeated hour. */
  readonly #last = new Map<number, number>();
  #aroundMs = Number.NaN;

  /** `lastTimeOf`: the time of the sensor's last reading that was committed, if it is not long ago. */
  constructor(lastTimeOf: (sensor: number) => number | null) {
    this.#lastTimeOf = lastTimeOf;
  }

  /** `firstMs`: the first occurrence; the second is `repeatMs` later. */
  settle(sensor: number, firstMs: number, repeatMs: number): number {
    if (!(Math.abs(firstMs - this.#aroundMs) < MS_PER_DAY)) {
      this.#last.clear();
      this.#aroundMs = firstMs;
    }
    const before = this.#last.get(sensor) ?? this.#lastTimeOf(sensor);
    const secondMs = firstMs + repeatMs;
    const meant = before !== null && Math.abs(before - secondMs) <= repeatMs / 2 ? secondMs : firstMs;
    this.#last.set(sensor, meant);
    return meant;
  }
}
