/** A backtest that the page asked for: its progress, then its result. */
import { signal } from "@preact/signals";
import type { BacktestLine, BacktestResult } from "../../dashboard/rules-wire.ts";
import type { WireProblem } from "../../dashboard/wire.ts";
import { ApiError, open, parsed, problemOf } from "../shell/api.ts";
import { linesOf } from "../shell/stream-parts.ts";

type Progress = Extract<BacktestLine, { readonly progress: unknown }>["progress"];

export type BacktestState = {
  readonly progress: Progress | null;
  readonly problem: WireProblem | null;
  /** `text`: what was tested. */
  readonly done: { readonly result: BacktestResult; readonly text: string } | null;
};
const NOTHING: BacktestState = { progress: null, problem: null, done: null };

export class BacktestModel {
  readonly state = signal<BacktestState>(NOTHING);
  readonly isRunning = signal(false);
  #abort: AbortController | null = null;

  async run(name: string, text: string, sinceMs: number): Promise<void> {
    this.stop();
    const abort = new AbortController();
    this.#abort = abort;
    this.isRunning.value = true;
    this.state.value = NOTHING;
    try {
      const answer = await open("POST", "/api/rules/backtest", JSON.stringify({ name, text, sinceMs }), abort.signal);
      if (answer.body === null) return;
      for await (const line of linesOf(answer.body)) if (line !== "") this.#take(parsed<BacktestLine>(line), text);
      const { problem, done } = this.state.peek();
      if (problem === null && done === null)
        this.#fail({ message: "The backtest ended before its result came", try: null });
    } catch (error) {
      if (!abort.signal.aborted)
        this.#fail(error instanceof ApiError && error.status === 422 ? CHECK_FIRST : problemOf(error));
    } finally {
      if (this.#abort === abort) this.isRunning.value = false;
    }
  }

  stop(): void {
    this.#abort?.abort();
    this.isRunning.value = false;
  }

  #take(line: BacktestLine, text: string): void {
    if ("progress" in line) this.state.value = { ...this.state.peek(), progress: line.progress };
    else if ("result" in line)
      this.state.value = { progress: null, problem: null, done: { result: line.result, text } };
    else this.#fail(line.problem);
  }

  #fail(problem: WireProblem): void {
    this.state.value = { ...NOTHING, problem };
  }
}

const CHECK_FIRST: WireProblem = {
  message: "Cannot begin a backtest: the rules of the folder do not pass their check with this text",
  try: null,
};
