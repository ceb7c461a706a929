/** Asking a person, where there is one. */
import { createInterface } from "node:readline";
import { UsageError } from "../../core/errors.ts";

/** Resolves to the line that a person typed, or null where there is no one to ask. */
export type Ask = (question: string, stop: AbortSignal) => Promise<string | null>;

export type Consent = {
  /** The word to type. */
  readonly word: string;
  /** With the word in it. */
  readonly question: string;
  /** The work that needs an answer: `clean the lake`. */
  readonly what: string;
  readonly tryHint: string;
};

export function typed(word: string): Pick<Consent, "word" | "question"> {
  return { word, question: `Type "${word}" to do this: ` };
}

/** Whether a person typed the word, or gave `--yes`. Throws UsageError where there is no one to ask. */
export async function agreed(
  flags: { readonly yes: boolean },
  stop: AbortSignal,
  ask: Ask,
  consent: Consent,
): Promise<boolean> {
  if (flags.yes) return true;
  const { word, question, what, tryHint } = consent;
  const answer = await ask(question, stop);
  if (answer === null) throw new UsageError(`Cannot ${what}: there is no terminal to ask on`, { tryHint });
  return answer.trim() === word;
}

/** A line from the terminal; the end of input or a signal is an answer too: nothing. */
export function askOnTerminal(question: string, stop: AbortSignal): Promise<string | null> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return Promise.resolve(null);
  return new Promise((resolve) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    let isOver = false;
    const end = (answer: string) => {
      // First of all: closing calls us again.
      isOver = true;
      resolve(answer);
      stop.removeEventListener("abort", onStop);
      lines.close();
    };
    const onStop = () => {
      if (isOver) return;
      // The next message begins a new line, because no one has pressed Enter.
      process.stderr.write("\n");
      end("");
    };
    stop.addEventListener("abort", onStop);
    lines.on("close", onStop);
    lines.question(question, end);
  });
}
