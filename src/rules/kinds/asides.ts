/**
 * What a rule remembered of a subject before readings of an earlier time came, while those count: a backlog must neither be
 * judged by what came after it, nor change the verdicts of the readings that follow it.
 */
import { RuleState, type Subjects } from "../state.ts";
import { CATCHES_UP, CLOCK_WIDTH, PASSES, PEAK, SET_BACK, type Step } from "./event-time.ts";

// Of a subject: the last of the readings of an earlier time, and how far apart they are; then what was set aside: the time of
// its last reading, and the doubles behind the clock.
const LAST = 0;
const APART = 1;
const PEAK_TIME = 2;
const CONTENT = 3;
/** A step this many times longer than those before it is a jump. */
const JUMP = 3;
/** A long step among shorter ones is forgotten by this factor with each of them. */
const FORGOTTEN = 4;

export class Asides {
  /** A subject has a row here once its clock has gone back. */
  readonly state: RuleState;
  readonly #reset: Float64Array;

  /**
   * `fresh`: the doubles behind the clock of a subject that was never seen. An earlier time begins with the first `reset` of
   * them, by default all; the others continue: a value that is learnt slowly, and does not depend on the time.
   */
  constructor(subjects: Subjects, fresh: readonly number[], reset = fresh.length) {
    this.state = new RuleState(subjects, [0, 0, 0, ...fresh]);
    this.#reset = Float64Array.from(fresh.slice(0, reset));
  }

  /**
   * After a step above `LATE`: exchanges the doubles behind the clock at `at` where the time changed its direction. Returns
   * the time of the last reading that they know; NaN without one.
   */
  turn(step: Step, subject: number, values: Float64Array, at: number): number {
    const own = this.state.touch(subject);
    const aside = this.state.values;
    const now = values[at]!;
    const content = at + CLOCK_WIDTH;
    const last = aside[own + LAST]!;
    aside[own + LAST] = now;
    if (step === CATCHES_UP) {
      aside[own + APART] = Math.max(now - last, aside[own + APART]! / FORGOTTEN);
      return last;
    }
    if (step === PASSES) {
      // A clock that was ahead is passed step by step, and so is the end of a backlog without a hole: both continue.
      if (now - last <= JUMP * aside[own + APART]!) return last;
      values.set(aside.subarray(own + CONTENT, own + this.state.width), content);
      return aside[own + PEAK_TIME]!;
    }
    if (step === SET_BACK) {
      aside[own + PEAK_TIME] = values[at + PEAK]!;
      aside.set(values.subarray(content, content + this.state.width - CONTENT), own + CONTENT);
    }
    aside[own + APART] = 0;
    values.set(this.#reset, content);
    return Number.NaN;
  }
}
