/** Outside trouble with the buffer's files while the agent runs: logged once, reported as a problem, and waited out. */

import type { Premises } from "../buffer/disk/premises.ts";
import { troubleOf } from "../buffer/disk/trouble.ts";
import type { OutsideTrouble } from "../buffer/outside-error.ts";
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log/log.ts";
import type { Problem } from "../core/problem.ts";

type WaitedTrouble = Exclude<OutsideTrouble, "full">;

/** A trouble that did not return for this long is over. */
const OVER_MS = 3_000;

const TROUBLES: Readonly<Record<WaitedTrouble, Omit<Problem, "message">>> = {
  busy: { code: "buffer_busy", try: "lsof | grep buffer.db" },
  broken: {
    code: "buffer_unwritable",
    try: "df -h",
  },
};

export class Troubles {
  readonly #log: Log;
  readonly #running: () => number;
  readonly #dataDir: string;
  #trouble: { readonly problem: Problem; readonly atMs: number } | null = null;
  #gone: Problem | null = null;

  constructor(log: Log, running: () => number, dataDir: string) {
    this.#log = log;
    this.#running = running;
    this.#dataDir = dataDir;
  }

  met(trouble: WaitedTrouble, error: unknown): void {
    const message =
      trouble === "broken"
        ? `Cannot use data dir "${this.#dataDir}": ${troubleOf(this.#dataDir, error).why}`
        : `Cannot use the buffer: ${messageOf(error)}`;
    const isNews = this.problems().every(({ code }) => code !== TROUBLES[trouble].code);
    this.#trouble = { problem: { ...TROUBLES[trouble], message }, atMs: this.#running() };
    if (isNews) this.#log.warn(TROUBLES[trouble].code, `${message}. Nothing is lost; trying again`);
  }

  /** Nothing may be taken: readings committed now would be lost when this process ends. */
  get isGone(): boolean {
    return this.#gone !== null;
  }

  /** Restores deleted files, which must then be opened again. Nothing is taken while they cannot be restored. */
  watch(premises: Premises): "in-place" | "put-back" | "gone" {
    if (premises.isInPlace()) {
      this.#gone = null;
      return "in-place";
    }
    const why = premises.putBack();
    if (why !== null) {
      this.#isGone(why);
      return "gone";
    }
    const message = "The data dir was deleted under the running agent; the agent restored its whole buffer";
    this.#log.error("data_dir_put_back", message);
    return "put-back";
  }

  #isGone(why: string): void {
    const message = `The data dir was deleted under the running agent and cannot be restored: ${why}`;
    const meanwhile =
      "The agent takes no more readings. It delivers those that it holds; the rest is lost when it ends";
    if (this.#gone === null) this.#log.error("data_dir_gone", `${message}. ${meanwhile}`);
    const advice =
      "Keep this agent running until all is delivered; make the data dir writable, or end the other agent there";
    this.#gone = { code: "data_dir_gone", message: `${message}. ${advice}`, try: "agent status" };
  }

  problems(): Problem[] {
    const trouble = this.#trouble;
    const lasts = trouble !== null && this.#running() - trouble.atMs < OVER_MS;
    return [...(this.#gone === null ? [] : [this.#gone]), ...(lasts ? [trouble.problem] : [])];
  }
}
