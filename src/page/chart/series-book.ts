/**
 * The series that a view shows, each with what comes live and what the buffer holds from before. Only what is shown is asked for; what
 * is known of the others is kept for a while, so that scrolling back shows it at once.
 */
import { batch, effect, type Signal, signal } from "@preact/signals";
import { type LivePoints, type SeriesAnswer, type SeriesPart, WATCHED_MOST } from "../../dashboard/wire.ts";
import { problemOf, readLines } from "../shell/api.ts";
import { connection, onPoints, state, stateAtMs, watch } from "../shell/live.ts";
import { NO_POINTS, SeriesRing } from "./ring.ts";

export type SeriesState = {
  readonly part: SeriesPart;
  /** All that the buffer holds of the time has been read. */
  readonly isWhole: boolean;
  /** How much of the history is read, 0 to 1. */
  readonly doneShare: number;
  /** There are more anomalies than are marked. */
  readonly isMarkedInPart: boolean;
  /** What the history could not be read for. */
  readonly problem: string | null;
};

export const NOTHING_YET: SeriesState = {
  part: NO_POINTS,
  isWhole: false,
  doneShare: 0,
  isMarkedInPart: false,
  problem: null,
};

/** Series whose points are kept, the shown ones among them. */
const KEPT_MOST = 2 * WATCHED_MOST;
const ASK_DEBOUNCE_MS = 120;
/** After other series are watched, what came meanwhile is asked for: this much before, so that nothing is missing. */
const MEANWHILE_MS = 10_000;

/** Now, by the agent's clock. */
export function agentNowMs(): number {
  const [last, atMs] = [state.peek(), stateAtMs.peek()];
  return last === null || atMs === null ? Date.now() : last.nowMs + Date.now() - atMs;
}

type KeptSeries = { readonly ring: SeriesRing; readonly state: Signal<SeriesState> };

export class SeriesBook {
  readonly #rangeMs: number | null;
  readonly #pixels: number;
  readonly #kept = new Map<string, KeptSeries>();
  readonly #shown = new Set<string>();
  readonly #stops: (() => void)[];
  /** Series to ask for, with the time from which on. */
  readonly #needed = new Map<string, number>();
  readonly #asking = new Map<AbortController, ReadonlySet<string>>();
  #unwatch: () => void = () => undefined;
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** `rangeMs` null: all that the buffer holds. `pixels`: of the widest chart. */
  constructor(rangeMs: number | null, pixels: number) {
    this.#rangeMs = rangeMs;
    this.#pixels = pixels;
    this.#stops = [onPoints((points) => this.#take(points)), this.#askAfterLoss()];
  }

  /** Changes with each point; {@link NOTHING_YET} until there is one. */
  stateOf(key: string): Signal<SeriesState> {
    return this.#keep(key).state;
  }

  /** These are on screen now: at most {@link WATCHED_MOST} of them are watched. */
  show(keys: readonly string[]): void {
    const next = new Set(keys.slice(0, WATCHED_MOST));
    const came = [...next].filter((key) => !this.#shown.has(key));
    const left = [...this.#shown].filter((key) => !next.has(key));
    if (came.length + left.length === 0) return;
    for (const key of left) {
      this.#shown.delete(key);
      this.#needed.delete(key);
    }
    for (const key of this.#shown) this.#need(key, agentNowMs() - MEANWHILE_MS);
    for (const key of came) {
      this.#shown.add(key);
      this.#need(key, this.#fromMs());
    }
    const unwatch = this.#unwatch;
    this.#unwatch = watch([...this.#shown]);
    unwatch();
    for (const [abort, asked] of this.#asking) if (![...asked].some((key) => this.#shown.has(key))) abort.abort();
    this.#forgetOld();
  }

  close(): void {
    this.#unwatch();
    for (const stop of this.#stops) stop();
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const abort of this.#asking.keys()) abort.abort();
  }

  #fromMs(): number {
    return this.#rangeMs === null ? 0 : Math.floor(agentNowMs() - this.#rangeMs);
  }

  #keep(key: string): KeptSeries {
    let kept = this.#kept.get(key);
    if (kept === undefined) {
      kept = { ring: new SeriesRing(this.#rangeMs ?? Number.POSITIVE_INFINITY), state: signal(NOTHING_YET) };
      this.#kept.set(key, kept);
    }
    return kept;
  }

  #forgetOld(): void {
    for (const key of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_MOST) return;
      if (!this.#shown.has(key)) this.#kept.delete(key);
    }
  }

  #take(points: LivePoints): void {
    batch(() => {
      for (const [key, part] of Object.entries(points)) {
        const kept = this.#shown.has(key) ? this.#kept.get(key) : undefined;
        if (kept === undefined) continue;
        if (part.isBroken) this.#need(key, (kept.ring.part.atMs.at(-1) ?? agentNowMs()) - MEANWHILE_MS);
        kept.ring.add(part, agentNowMs());
        kept.state.value = { ...kept.state.peek(), part: kept.ring.part };
      }
    });
  }

  /** What came while the connection was lost is in the buffer. */
  #askAfterLoss(): () => void {
    let lostAtMs: number | null = null;
    return effect(() => {
      const isLive = connection.value.is === "live";
      if (!isLive) lostAtMs ??= agentNowMs() - MEANWHILE_MS;
      else if (lostAtMs !== null) {
        const fromMs = Math.max(lostAtMs, this.#fromMs());
        lostAtMs = null;
        for (const key of this.#shown) this.#need(key, fromMs);
      }
    });
  }

  #need(key: string, fromMs: number): void {
    this.#needed.set(key, Math.min(this.#needed.get(key) ?? Number.POSITIVE_INFINITY, Math.floor(fromMs)));
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const [whole, meanwhile]: [string[], string[]] = [[], []];
      const start = this.#fromMs() + MEANWHILE_MS;
      for (const [needed, from] of this.#needed) (from <= start ? whole : meanwhile).push(needed);
      const least = Math.min(...meanwhile.map((one) => this.#needed.get(one) ?? 0));
      this.#needed.clear();
      if (whole.length > 0) void this.#ask(whole, this.#fromMs(), true);
      if (meanwhile.length > 0) void this.#ask(meanwhile, least, false);
    }, ASK_DEBOUNCE_MS);
  }

  async #ask(keys: readonly string[], fromMs: number, isRange: boolean): Promise<void> {
    const abort = new AbortController();
    this.#asking.set(abort, new Set(keys));
    try {
      const to = Math.ceil(agentNowMs()) + 60_000;
      const query = { series: keys, from: fromMs, to, pixels: this.#pixels };
      for await (const answer of readLines<SeriesAnswer>("/api/series", query, abort.signal)) {
        batch(() => this.#takeHistory(keys, answer, isRange));
      }
    } catch (error) {
      if (abort.signal.aborted) return;
      const { message } = problemOf(error);
      for (const key of keys) this.#change(key, { problem: message });
    } finally {
      this.#asking.delete(abort);
    }
  }

  #takeHistory(keys: readonly string[], answer: SeriesAnswer, isRange: boolean): void {
    const { fromMs, toMs, isWhole, doneShare } = answer;
    for (const key of keys) {
      const kept = this.#keep(key);
      const part = answer.series[key];
      if (part !== undefined) kept.ring.addHistory(part, { fromMs, toMs }, agentNowMs());
      const doneBefore = kept.state.peek().doneShare;
      this.#change(key, { part: kept.ring.part, problem: null });
      if (!isRange) continue;
      const isMarkedInPart = part?.anomaliesLeftOut === true || (doneBefore < 1 && kept.state.peek().isMarkedInPart);
      this.#change(key, { isWhole, doneShare: isWhole ? 1 : doneShare, isMarkedInPart });
    }
  }

  #change(key: string, what: Partial<SeriesState>): void {
    const { state: known } = this.#keep(key);
    known.value = { ...known.peek(), ...what };
  }
}
