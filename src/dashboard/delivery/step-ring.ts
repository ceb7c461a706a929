/** What was delivered, in steps of the same length: a ring in memory, as long as it is made, however long the agent runs. */

export type StepCounts = {
  readonly rows: number;
  readonly objects: number;
  readonly bytes: number;
  readonly failures: number;
  /** Of the time that was watched, how long the uplink was up. */
  readonly upMs: number;
  readonly watchedMs: number;
  readonly bufferBytes: number;
};

/** Of each step: its number, then the counts. */
const WIDTH = 8;

export class StepRing {
  readonly stepMs: number;
  readonly #count: number;
  readonly #cells: Float64Array;

  constructor(stepMs: number, count: number) {
    this.stepMs = stepMs;
    this.#count = count;
    this.#cells = new Float64Array(count * WIDTH).fill(-1);
  }

  /** Adds to the step of this moment; the buffer's size is that of the newest addition. */
  add(atMs: number, counts: StepCounts): void {
    const step = Math.floor(atMs / this.stepMs);
    const cells = this.#cells;
    const at = this.#placeOf(step);
    if (cells[at] !== step) cells.fill(0, at, at + WIDTH);
    cells[at] = step;
    const { rows, objects, bytes, failures, upMs, watchedMs, bufferBytes } = counts;
    for (const [i, more] of [rows, objects, bytes, failures, upMs, watchedMs].entries()) {
      cells[at + 1 + i] = (cells[at + 1 + i] ?? 0) + more;
    }
    cells[at + WIDTH - 1] = bufferBytes;
  }

  /** Of the step that this moment is in; null: nothing was added to it, or it is too old. */
  read(atMs: number): StepCounts | null {
    const step = Math.floor(atMs / this.stepMs);
    const at = this.#placeOf(step);
    const cells = this.#cells;
    if (cells[at] !== step) return null;
    const [rows = 0, objects = 0, bytes = 0, failures = 0, upMs = 0, watchedMs = 0, bufferBytes = 0] = cells.subarray(
      at + 1,
      at + WIDTH,
    );
    return { rows, objects, bytes, failures, upMs, watchedMs, bufferBytes };
  }

  #placeOf(step: number): number {
    return (((step % this.#count) + this.#count) % this.#count) * WIDTH;
  }
}
