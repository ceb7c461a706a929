/**
 * Readings of a source whose times are implausible: a wrong unit in the map, a device without a clock. They are taken as they
 * are, with `time_quality: unsynced`; the first is logged, and it is a problem of the source for a day.
 */
import type { Log } from "../../core/log/log.ts";
import type { Problem } from "../../core/problem.ts";
import { grouped } from "../../core/readable-numbers.ts";
import { isImplausible, type ReadingBlock, type TimeFacts } from "../../core/reading.ts";
import { MS_PER_DAY } from "../../core/time/duration.ts";
import type { Source } from "../../sensor/source.ts";

/** So many are asked for another meaning of their number. A few zeros may come before one that has it. */
const ASKED_MOST = 100;

type Bounds = Omit<TimeFacts, "timeQuality">;

export class TimeWatch {
  readonly #source: Pick<Source, "uri" | "otherTime">;
  #readings = 0;
  #implausible = 0;
  /** The one that is shown: the first, or the first that has another meaning. */
  #timeMs = Number.NaN;
  #otherTime: string | null = null;
  #reported = 0;
  #lastAtMs = Number.NEGATIVE_INFINITY;

  constructor(source: Pick<Source, "uri" | "otherTime">) {
    this.#source = source;
  }

  /** Looks at the readings of `block` from `from` on. */
  add(block: ReadingBlock, from: number, bounds: Bounds): void {
    for (let row = from; row < block.count; row++) {
      if (block.label[row]! < 0) continue;
      this.#readings++;
      if (isImplausible(bounds, block.time[row]!)) this.#note(block.time[row]!);
    }
  }

  #note(timeMs: number): void {
    if (this.#implausible++ === 0) this.#timeMs = timeMs;
    if (this.#otherTime !== null || this.#implausible > ASKED_MOST) return;
    this.#otherTime = this.#source.otherTime?.(timeMs) ?? null;
    if (this.#otherTime !== null) this.#timeMs = timeMs;
  }

  /** Logs the first of them, once. */
  report(nowMs: number, log: Log): void {
    if (this.#implausible === this.#reported) return;
    const isFirst = this.#reported === 0;
    this.#reported = this.#implausible;
    this.#lastAtMs = nowMs;
    if (isFirst) log.warn("times_implausible", `${this.#sentence()}. The agent keeps them, with time_quality unsynced`);
  }

  problem(nowMs: number): Problem | null {
    if (Math.abs(nowMs - this.#lastAtMs) >= MS_PER_DAY) return null;
    return { code: "times_implausible", message: this.#sentence(), try: "agent config show" };
  }

  #sentence(): string {
    const many = `${grouped(this.#implausible)} of ${grouped(this.#readings)} readings from "${this.#source.uri}"`;
    const isOne = this.#implausible === 1;
    const example = `${isOne ? ": " : ", such as "}${new Date(this.#timeMs).toISOString()}`;
    const why = this.#otherTime === null ? example : `: ${this.#otherTime}`;
    return `${many} ${isOne ? "has an implausible time" : "have implausible times"}${why}`;
  }
}
