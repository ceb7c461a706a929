/**
 * What an agent says to systemd, and when (sd_notify). Pure but for `send`: time is an argument of the clock that is handed in.
 *
 * - Until the buffer is open it asks for more time, for as long as its event loop turns: a large buffer, a salvage and the
 *   lock of another agent are no reason to be killed.
 * - Then each round of the agent's own loops is a sign of life. A timer is none: it would also ring in an agent whose loops hang.
 * - A damaged buffer is opened again while the agent runs. That is one long step, so the watchdog waits longer meanwhile.
 */

/** A step of an opening that does not let the event loop turn, such as reading a large log, may take this long. */
export const STEP_MS = 600_000;
/** How often more time is asked for. */
export const ASK_MS = 15_000;
/** `STATUS=` is sent this often, if it has changed. */
const STATUS_MS = 10_000;
/** A stop takes this much longer than its drain. */
const STOP_MS = 15_000;
/** Signs of life in the time that systemd waits for one: some may be lost. */
const BEATS = 4;

type Phase = "opening" | "running" | "reopening" | "stopping";

export type SupervisedInputs = {
  /** Hands a message over; false: not now. */
  readonly send: (text: string) => boolean;
  /** systemd kills an agent of which it hears nothing for so long; null: it does not watch. */
  readonly watchdogMs: number | null;
  /** A clock that never goes back and cannot be set, in ms. */
  readonly running: () => number;
};

export class Supervised {
  readonly #inputs: SupervisedInputs;
  #phase: Phase = "opening";
  #waiting: string | null = null;
  #said = "";
  #saidAt = Number.NEGATIVE_INFINITY;
  #beatAt = Number.NEGATIVE_INFINITY;
  /** What no one took: it is sent again. */
  #unsent: string[] = [];

  constructor(inputs: SupervisedInputs) {
    this.#inputs = inputs;
    this.#say("Opening the buffer");
    this.tick();
  }

  /** The caller calls this every `ASK_MS`, from a timer: it counts only while the agent's loops do not run. */
  tick(): void {
    if (this.#phase === "opening") this.#send(`EXTEND_TIMEOUT_USEC=${STEP_MS * 1_000}`);
    else if (this.#phase === "reopening" && this.#inputs.watchdogMs !== null) this.#send("WATCHDOG=1");
    else this.#sendUnsent();
  }

  /** What a start waits for; null: it waits no more. */
  waiting(why: string | null): void {
    this.#waiting = why;
    if (this.#phase === "opening" || this.#phase === "reopening") this.#say(why ?? "Opening the buffer");
  }

  /** The buffer is open, and the agent takes readings. */
  ready(status: string): void {
    if (this.#phase === "stopping") return;
    this.#phase = "running";
    this.#insist("READY=1");
    this.#say(status);
    this.beat(() => status);
  }

  /** Both loops of the agent came round. `status` is asked for now and then. */
  beat(status: () => string): void {
    if (this.#phase !== "running") return;
    const nowMs = this.#inputs.running();
    const { watchdogMs } = this.#inputs;
    if (watchdogMs !== null && nowMs - this.#beatAt >= watchdogMs / BEATS) {
      if (this.#send("WATCHDOG=1")) this.#beatAt = nowMs;
    }
    if (nowMs - this.#saidAt >= STATUS_MS) this.#say(status());
  }

  /** The buffer has to be opened again, which may take long. */
  reopening(): void {
    if (this.#phase !== "running") return;
    this.#phase = "reopening";
    this.#watch(STEP_MS);
    this.#say(this.#waiting ?? "Opening the buffer again");
  }

  reopened(): void {
    if (this.#phase !== "reopening") return;
    this.#phase = "running";
    this.#watch(this.#inputs.watchdogMs ?? 0);
  }

  /** The agent ends, and delivers for `drainMs` at most before. */
  stopping(drainMs: number): void {
    if (this.#phase === "stopping") return;
    this.#phase = "stopping";
    this.#insist(`STOPPING=1\nEXTEND_TIMEOUT_USEC=${(drainMs + STOP_MS) * 1_000}`);
    this.#say(drainMs > 0 ? "Stopping, after what is left is delivered" : "Stopping");
  }

  #watch(watchdogMs: number): void {
    if (this.#inputs.watchdogMs !== null) this.#insist(`WATCHDOG_USEC=${watchdogMs * 1_000}\nWATCHDOG=1`);
  }

  #say(status: string): void {
    this.#saidAt = this.#inputs.running();
    const line = status.replace(/\s+/g, " ");
    if (line !== this.#said && this.#send(`STATUS=${line}`)) this.#said = line;
  }

  #send(text: string): boolean {
    this.#sendUnsent();
    return this.#unsent.length === 0 && this.#inputs.send(text);
  }

  /** As `#send`, until someone takes it. */
  #insist(text: string): void {
    if (this.#send(text)) return;
    this.#unsent = [...this.#unsent.filter((other) => other !== text), text];
  }

  #sendUnsent(): void {
    while (this.#unsent[0] !== undefined && this.#inputs.send(this.#unsent[0])) this.#unsent.shift();
  }
}
