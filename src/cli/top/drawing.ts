/** The loop of `agent top` on a terminal: look, draw, wait; a key or a new size draws at once, from what was seen last. */

import { nap } from "../../core/time/nap.ts";
import type { Context } from "../frame/command.ts";
import type { ScreenPort } from "../frame/terminal.ts";
import { frame } from "./draw.ts";
import { Frames } from "./frames.ts";
import type { TopLook } from "./look.ts";
import { firstView, keyed, type TopView } from "./view.ts";

/** A look that takes longer than a share of the interval is made less often: the device has better things to do. */
const BUSY_FACTOR = 10;

export type Watched = {
  readonly look: () => TopLook;
  readonly everyMs: number;
  /** Looks until the end; null: until a person leaves. */
  readonly count: number | null;
};

/** Returns when the person leaves, after `count` looks, or when `stop` is aborted. The terminal is then as it was, also after an error. */
export async function drawTop(
  watched: Watched,
  port: ScreenPort,
  { stop, onHangUp }: Pick<Context, "stop" | "onHangUp">,
) {
  const drawing = new Drawing(watched.everyMs, port);
  onHangUp?.(() => drawing.leave());
  try {
    for (let looks = 0; looks !== watched.count && !drawing.left.aborted && !stop.aborted; looks++) {
      if (!drawing.view.isPaused) drawing.show(watched.look());
      await drawing.wait(stop);
    }
  } finally {
    drawing.close();
  }
}

class Drawing {
  view: TopView;
  readonly #port: ScreenPort;
  readonly #frames: Frames;
  readonly #close: () => void;
  readonly #left = new AbortController();
  #hurry = new AbortController();
  #look: TopLook | null = null;

  constructor(everyMs: number, port: ScreenPort) {
    this.#port = port;
    this.view = firstView(everyMs);
    const screen = port.open({
      key: (key) => this.#key(key),
      redraw: () => {
        this.#frames.forget();
        this.#draw();
      },
    });
    this.#close = () => screen.close();
    this.#frames = new Frames(screen, port.hasColours);
  }

  get left(): AbortSignal {
    return this.#left.signal;
  }

  leave(): void {
    this.#left.abort();
  }

  close(): void {
    this.#close();
  }

  show(look: TopLook): void {
    this.#look = look;
    this.#draw();
  }

  async wait(stop: AbortSignal): Promise<void> {
    const busyMs = (this.#look?.tookMs ?? 0) * BUSY_FACTOR;
    await nap(Math.max(this.view.everyMs, busyMs), stop, this.left, this.#hurry.signal);
    this.#hurry = new AbortController();
  }

  #key(key: string): void {
    // Ctrl-L: another program drew here.
    if (key === "\u000c") this.#frames.forget();
    const next = keyed(this.view, key);
    if (next === null) {
      this.leave();
      return;
    }
    // A pause that ends, and a pace that is quicker, are seen at once.
    const isSooner = (this.view.isPaused && !next.isPaused) || next.everyMs < this.view.everyMs;
    this.view = next;
    this.#draw();
    if (isSooner) this.#hurry.abort();
  }

  #draw(): void {
    const size = this.#port.size();
    if (this.#look !== null) this.#frames.show(frame(this.#look, this.view, size), size);
  }
}
