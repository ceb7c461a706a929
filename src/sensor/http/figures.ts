/** What `status` says of the requests: since the agent was started. */
import type { HttpReply } from "./reply.ts";

/** The rate is that of so many seconds. */
const SECONDS = 60;

export class HttpFigures {
  readonly #byStatus = new Map<number, number>();
  /** Readings of each of the last seconds, by its number. */
  readonly #readings = new Map<number, number>();
  #lastError: { readonly status: number; readonly error: string; readonly atMs: number } | null = null;

  /** Responses by status code. */
  get byStatus(): ReadonlyMap<number, number> {
    return this.#byStatus;
  }

  answered({ status, error }: HttpReply, nowMs: number): void {
    this.#byStatus.set(status, (this.#byStatus.get(status) ?? 0) + 1);
    if (error !== null) this.#lastError = { status, error, atMs: nowMs };
  }

  took(readings: number, runningMs: number): void {
    const second = Math.floor(runningMs / 1_000);
    this.#readings.set(second, (this.#readings.get(second) ?? 0) + readings);
    for (const old of this.#readings.keys()) {
      if (old > second - SECONDS) break;
      this.#readings.delete(old);
    }
  }

  /** Parts of a sentence for a person. */
  notes(runningMs: number): string[] {
    const since = Math.floor(runningMs / 1_000) - SECONDS;
    const taken = [...this.#readings].reduce((sum, [second, count]) => sum + (second > since ? count : 0), 0);
    const requests = [...this.#byStatus].sort(([a], [b]) => a - b).map(([status, count]) => `${count} × ${status}`);
    const rate = taken === 0 || taken >= SECONDS ? Math.round(taken / SECONDS) : (taken / SECONDS).toFixed(2);
    const last = this.#lastError;
    return [
      `answered ${requests.length === 0 ? "no request yet" : requests.join(", ")}`,
      `${rate} readings/s in the last minute`,
      ...(last === null ? [] : [`last refusal at ${new Date(last.atMs).toISOString()}: ${last.status}, ${last.error}`]),
    ];
  }
}
