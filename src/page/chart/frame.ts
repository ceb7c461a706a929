/**
 * All charts that changed are drawn in one animation frame. What does not fit into a frame's share is drawn in the next one, so that
 * the page keeps answering however many charts there are.
 */

/** Of the 16 ms of a frame at 60 frames/s, or 33 ms at 30. */
const SHARE_MS = 8;

export interface FrameClock {
  request(run: () => void): void;
  nowMs(): number;
}

const BROWSER: FrameClock = {
  request: (run) => {
    requestAnimationFrame(run);
  },
  nowMs: () => performance.now(),
};

export class DrawQueue {
  readonly #draws = new Map<object, () => void>();
  readonly #clock: FrameClock;
  #isAsked = false;

  constructor(clock: FrameClock = BROWSER) {
    this.#clock = clock;
  }

  /** The last `draw` of an owner counts; several between two frames are one. */
  ask(owner: object, draw: () => void): void {
    this.#draws.set(owner, draw);
    this.#next();
  }

  /** For an owner that is no longer there. */
  forget(owner: object): void {
    this.#draws.delete(owner);
  }

  #next(): void {
    if (this.#isAsked || this.#draws.size === 0) return;
    this.#isAsked = true;
    this.#clock.request(() => {
      this.#isAsked = false;
      const endMs = this.#clock.nowMs() + SHARE_MS;
      for (const [owner, draw] of this.#draws) {
        this.#draws.delete(owner);
        draw();
        if (this.#clock.nowMs() >= endMs) break;
      }
      this.#next();
    });
  }
}

export const drawQueue = new DrawQueue();
