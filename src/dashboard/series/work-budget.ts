/**
 * How much of the agent's thread all answers from the buffer may take together: a little at once, so that what is quick is there at
 * once, and then a small share of the time. Pure: the caller reads the clock and waits.
 */
import { breathe } from "../../core/time/bell.ts";

export type WorkShare = {
  /** Milliseconds of work that may be done at once after a rest. */
  readonly burstMs: number;
  /** Of the time, from then on. */
  readonly share: number;
};
/** With live viewers beside it the page stays below 5 % of a core. */
export const PAGE_SHARE: WorkShare = { burstMs: 400, share: 0.025 };

export class WorkBudget {
  readonly #share: WorkShare;
  #left: number;
  #atMs: number;

  constructor(share: WorkShare, runningMs: number) {
    this.#share = share;
    this.#left = share.burstMs;
    this.#atMs = runningMs;
  }

  /** Work was done. Returns how long to wait before more of it. */
  spend(workMs: number, runningMs: number): number {
    this.#refill(runningMs);
    this.#left -= workMs;
    return Math.max(0, -this.#left / this.#share.share);
  }

  /** How long to wait before work. */
  waitMs(runningMs: number): number {
    return this.spend(0, runningMs);
  }

  #refill(runningMs: number): void {
    const earned = Math.max(0, runningMs - this.#atMs) * this.#share.share;
    this.#left = Math.min(this.#share.burstMs, this.#left + earned);
    this.#atMs = runningMs;
  }
}

/** The budget with its clock: all that reads the buffer for the page takes turns here. */
export class Turns {
  readonly running: () => number;
  readonly #budget: WorkBudget;

  constructor(running: () => number, share = PAGE_SHARE) {
    this.running = running;
    this.#budget = new WorkBudget(share, running());
  }

  /** Behind each piece of work: lets the agent work, for as long as the budget says, or until `gone` is aborted. */
  async pause(workMs: number, gone: AbortSignal): Promise<void> {
    let waitMs = this.#budget.spend(workMs, this.running());
    do {
      await rest(waitMs, gone);
      waitMs = this.#budget.waitMs(this.running());
    } while (waitMs > 0 && !gone.aborted);
  }
}

function rest(ms: number, gone: AbortSignal): Promise<void> {
  if (ms <= 0 || gone.aborted) return breathe();
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      gone.removeEventListener("abort", end);
      done();
    };
    const timer = setTimeout(end, ms);
    gone.addEventListener("abort", end);
  });
}
