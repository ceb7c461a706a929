/** A line on the terminal for work that takes longer than a second: how far it is. */
import type { ProgressLine } from "../../core/progress.ts";

const CLEAR_LINE = "\r\u001b[2K";
const FIRST_MS = 1_000;
const EVERY_MS = 250;

export function progressLine(
  terminal: boolean,
  write = (text: string) => void process.stderr.write(text),
): ProgressLine {
  let nextMs = performance.now() + FIRST_MS;
  let isShown = false;
  return {
    tell: (text) => {
      if (!terminal) return;
      const now = performance.now();
      if (now < nextMs) return;
      nextMs = now + EVERY_MS;
      isShown = true;
      write(`${CLEAR_LINE}${text().slice(0, Math.max(20, (process.stderr.columns ?? 100) - 1))}`);
    },
    end: () => {
      if (isShown) write(CLEAR_LINE);
    },
  };
}
