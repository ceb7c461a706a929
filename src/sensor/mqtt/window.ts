/**
 * When the broker waits for acknowledgements. MQTT 5 lets the agent say how many messages may be unanswered; other brokers have a
 * number of their own (mosquitto: 20, or 1 where order matters), which shows when they stop, and continue as soon as they are
 * answered. Until then a commit would only cost a write.
 */

/** It sent nothing for so long before it was answered, and something so soon after: it had waited. */
const PAUSE_MS = 50;
/** So often in a row, with the same number. */
const ENOUGH = 2;
/** Then the number is forgotten, and may be learnt again. */
const COMMITS = 1_000;

export class AckWindow {
  readonly #most: number;
  /** Null while the broker was never seen waiting. */
  #learnt: number | null = null;
  #uses = 0;
  #suspect = { unanswered: 0, times: 0 };
  #receivedAt = Number.NEGATIVE_INFINITY;
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(most: number) {
    this.#most = most;
  }

  received(unanswered: number, nowMs: number): void {
    const { times } = this.#suspect;
    if (this.#learnt !== null && unanswered > this.#learnt) this.#learnt = null;
    if (times > 0 && this.#answeredAt > this.#receivedAt) {
      if (nowMs - this.#answeredAt > PAUSE_MS) this.#suspect.times = 0;
      else if (times >= ENOUGH) {
        this.#learnt = this.#suspect.unanswered;
        this.#uses = 0;
        this.#suspect.times = 0;
      }
    }
    this.#receivedAt = nowMs;
  }

  answered(unanswered: number, nowMs: number): void {
    if (this.#learnt !== null && ++this.#uses > COMMITS) this.#learnt = null;
    const { times, unanswered: before } = this.#suspect;
    const waited = this.#learnt === null && nowMs - this.#receivedAt >= PAUSE_MS;
    this.#suspect = { unanswered, times: waited ? (before === unanswered ? times + 1 : 1) : 0 };
    this.#answeredAt = nowMs;
  }

  isFull(unanswered: number): boolean {
    return unanswered > 0 && unanswered >= (this.#learnt ?? this.#most);
  }
}
