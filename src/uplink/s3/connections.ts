/**
 * Whether a request can have been sent twice. `fetch` repeats a PUT by itself when a connection that was used before ends
 * without an answer; a request that has a connection of its own is sent once.
 */
export class Connections {
  #answered = 0;
  #own = 0;

  /** The next requests have a connection each, at the price of a handshake each. */
  useOwn(requests: number): void {
    this.#own = requests;
  }

  /** For a request that is about to be sent: whether its connection must be its own. */
  next(): boolean {
    // Before the first answer no connection can be used again, unless that answer comes in this moment.
    if (this.#answered === 0) return true;
    if (this.#own === 0) return false;
    this.#own--;
    return true;
  }

  answered(): void {
    this.#answered++;
  }
}

const SENT_ONCE = Symbol("sent once");

/** Marks an answer whose request cannot have been sent twice. */
export function sentOnce<T extends object>(answer: T): T {
  return Object.assign(answer, { [SENT_ONCE]: true });
}

/** Whether the answer of an error, as the SDK throws it, has the mark. */
export function wasSentOnce(error: unknown): boolean {
  if (typeof error !== "object" || error === null || !("$response" in error)) return false;
  const { $response: answer } = error;
  return typeof answer === "object" && answer !== null && SENT_ONCE in answer;
}
