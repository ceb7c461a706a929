/** Asking a person, where there is one. */
import { createInterface } from "node:readline";

/** Resolves to what a person typed, or null where there is nobody to ask. */
export type Ask = (question: string, stop: AbortSignal) => Promise<string | null>;

/** A line from the terminal; the end of input or a signal is an answer too: nothing. */
export function askOnTerminal(question: string, stop: AbortSignal): Promise<string | null> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return Promise.resolve(null);
  return new Promise((resolve) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    const end = (answer: string) => {
      // First of all: closing calls us again.
      resolve(answer);
      stop.removeEventListener("abort", onStop);
      lines.close();
    };
    const onStop = () => end("");
    stop.addEventListener("abort", onStop);
    lines.on("close", () => end(""));
    lines.question(question, end);
  });
}
