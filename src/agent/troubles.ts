/** What the outside world does to the buffer's files while the agent runs: said once, told as a problem, and waited out. */

import type { Premises } from "../buffer/disk/premises.ts";
import type { OutsideTrouble } from "../buffer/outside-error.ts";
import type { Log } from "../core/log/log.ts";
import type { Problem } from "./live.ts";

type Waited = Exclude<OutsideTrouble, "full">;

/** A trouble that did not come again for this long is over. */
const OVER_MS = 3_000;

const TROUBLES: Readonly<Record<Waited, Omit<Problem, "message">>> = {
  busy: { code: "buffer_busy", try: "lsof | grep buffer.db" },
  broken: {
    code: "buffer_unwritable",
    try: "df -h",
  },
};

export class Troubles {
  readonly #log: Log;
  readonly #running: () => number;
  #trouble: { readonly problem: Problem; readonly atMs: number } | null = null;
  #gone: Problem | null = null;

  constructor(log: Log, running: () => number) {
    this.#log = log;
    this.#running = running;
  }

  met(trouble: Waited, cause: string): void {
    const message = `Cannot use the buffer: ${cause}`;
    const isNews = this.problems().every(({ code }) => code !== TROUBLES[trouble].code);
    this.#trouble = { problem: { ...TROUBLES[trouble], message }, atMs: this.#running() };
    if (isNews) this.#log.warn(TROUBLES[trouble].code, `${message}. Nothing is lost; trying again`);
  }

  /** Nothing may be taken: what is committed now would end with this process. */
  get isGone(): boolean {
    return this.#gone !== null;
  }

  /** Files that were deleted are put back, and are to be opened again; until that can be done nothing is taken. */
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
    const message = "The data dir was deleted under the running agent; its buffer was put back whole";
    this.#log.error("data_dir_put_back", message);
    return "put-back";
  }

  #isGone(why: string): void {
    const message = `The data dir was deleted under the running agent and cannot be put back: ${why}`;
    const meanwhile = "Nothing more is taken; what is held is delivered, and ends with the agent";
    if (this.#gone === null) this.#log.error("data_dir_gone", `${message}. ${meanwhile}`);
    this.#gone = {
      code: "data_dir_gone",
      message: `${message}. Keep it running until all is delivered`,
      try: "agent status",
    };
  }

  problems(): Problem[] {
    const isOver = this.#trouble === null || this.#running() - this.#trouble.atMs >= OVER_MS;
    return [...(this.#gone === null ? [] : [this.#gone]), ...(isOver ? [] : [this.#trouble!.problem])];
  }
}
