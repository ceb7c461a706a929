/**
 * Local times that occur twice, when clocks go back. The order of a sensor's rows decides which occurrence is meant:
 *
 * - where its last rows are one interval apart, the occurrence that is one interval after the last row;
 * - else the second, where the last row is nearer to it than half of what is repeated (an hour, most often);
 * - else, and without rows before, the first.
 *
 * The rows before are those of the block that is being filled, and of the buffer: so a restart changes nothing.
 */
import type { ReadingBlock } from "../../core/reading.ts";
import { MS_PER_DAY } from "../../core/time/duration.ts";

/** The times of a sensor's last readings that were committed, newest first; only of the newest readings of all. */
export type LastTimesOf = (sensor: number, most: number) => readonly number[];

/** Two intervals. */
const REMEMBERED = 3;
/** A logger's intervals differ by less than this share of one. */
const REGULAR = 0.05;

export class RepeatedTimes {
  readonly #lastTimesOf: LastTimesOf;
  /** By sensor, newest first: its last times before and in this repeated hour. */
  readonly #before = new Map<number, readonly number[]>();
  #aroundMs = Number.NaN;

  constructor(lastTimesOf: LastTimesOf) {
    this.#lastTimesOf = lastTimesOf;
  }

  /** `firstMs`: the first occurrence; the second is `repeatMs` later. The row is the next one of `block`. */
  settle(block: ReadingBlock, sensor: number, firstMs: number, repeatMs: number): number {
    if (!(Math.abs(firstMs - this.#aroundMs) < MS_PER_DAY)) {
      this.#before.clear();
      this.#aroundMs = firstMs;
    }
    const before = this.#before.get(sensor) ?? this.#rowsBefore(block, sensor);
    const meant = meantBy(before, firstMs, repeatMs);
    this.#before.set(sensor, [meant, ...before.slice(0, REMEMBERED - 1)]);
    return meant;
  }

  #rowsBefore(block: ReadingBlock, sensor: number): readonly number[] {
    const times: number[] = [];
    for (let row = block.count - 1; row >= 0 && times.length < REMEMBERED; row--) {
      if (block.sensor[row] === sensor) times.push(block.time[row] ?? Number.NaN);
    }
    return times.length === REMEMBERED ? times : [...times, ...this.#lastTimesOf(sensor, REMEMBERED - times.length)];
  }
}

function meantBy([last, second, third]: readonly number[], firstMs: number, repeatMs: number): number {
  if (last === undefined) return firstMs;
  const secondMs = firstMs + repeatMs;
  if (second !== undefined && third !== undefined) {
    const interval = last - second;
    const isRegular = interval > 0 && Math.abs(interval - (second - third)) <= interval * REGULAR;
    const isNext = (ms: number) => isRegular && Math.abs(last + interval - ms) <= interval * REGULAR;
    if (isNext(firstMs)) return firstMs;
    if (isNext(secondMs)) return secondMs;
  }
  return Math.abs(last - secondMs) <= repeatMs / 2 ? secondMs : firstMs;
}
