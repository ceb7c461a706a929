/** The episodes of the agent's buffer: read back from the newest when someone begins to look, then followed. */
import type { OpenAgent } from "../../agent/open-agent.ts";
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import type { SeqRange } from "../../core/seq-range.ts";
import type { RuleSet } from "../../rules/rule-set.ts";
import type { Turns } from "../series/work-budget.ts";
import { brokenInMemory, brokenStored } from "./broken-readings.ts";
import { EpisodeBook, type KnownRule } from "./episode-book.ts";
import { UsualIntervals } from "./usual-intervals.ts";

/** Broken readings that the look back takes, a few milliseconds at a time. */
const BACK_MOST = 20_000;
const AT_ONCE = 250;
/** Of new ones, where they are no longer in memory: the newest. An episode of a flood may then have had more readings than it says. */
const NEW_MOST = 500;
/** Sensors are new, or change their pace: how long they usually take is looked at again. */
const INTERVALS_MS = 30_000;
/** Rules of silence are asked this often, and the longest silences are shown. */
const SILENCE_MS = 2_000;
const SILENCES_MOST = 200;
const NEVER = new AbortController().signal;

export class EpisodeFeed {
  readonly book: EpisodeBook;
  readonly buffer: SqliteBuffer;
  readonly #opened: OpenAgent;
  readonly #turns: Turns;
  readonly #intervals = new UsualIntervals();
  #through: number;
  #silenceMs = Number.NEGATIVE_INFINITY;
  #intervalsMs: number;
  #set: RuleSet | null = null;
  #rules: ReadonlyMap<string, KnownRule> = new Map();
  #isRead = false;

  constructor(opened: OpenAgent, turns: Turns, commitMs: number) {
    this.#opened = opened;
    this.#turns = turns;
    this.buffer = opened.parts.buffer;
    this.#through = this.buffer.lastSeq;
    this.#intervalsMs = turns.running();
    this.book = new EpisodeBook({
      gapMs: (sensorId) => this.#intervals.gapMs(sensorId),
      // Good readings may wait for their commit.
      openMs: (sensorId) => Math.max(this.#intervals.openMs(sensorId), 2 * commitMs),
      rules: () => this.#known(),
    });
  }

  /** The buffer was read back: episodes have the names that stay. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /** Another buffer has taken the place of this one's. */
  get isOver(): boolean {
    return this.#opened.parts.buffer !== this.buffer;
  }

  /** Before the first `follow`. */
  async readBack(gone: AbortSignal): Promise<void> {
    await this.#inTurns(this.#intervals.look(this.buffer), gone);
    await this.#inTurns(this.#back(), gone);
    this.#isRead = true;
  }

  /** Takes in what was committed since the last call. One short look. */
  follow(nowMs: number): void {
    if (!this.#isRead || this.isOver) return;
    const range = { first: this.#through + 1, last: this.buffer.lastSeq };
    this.#through = range.last;
    if (range.first <= range.last) this.#take(range);
    this.book.settle(nowMs);
    this.#lookAtIntervals();
    if (nowMs - this.#silenceMs >= SILENCE_MS || nowMs < this.#silenceMs) this.#lookForSilence(nowMs);
  }

  #lookAtIntervals(): void {
    const runningMs = this.#turns.running();
    if (runningMs - this.#intervalsMs < INTERVALS_MS) return;
    this.#intervalsMs = runningMs;
    // A buffer that is closed meanwhile ends this feed, too.
    this.#inTurns(this.#intervals.look(this.buffer), NEVER).catch(() => undefined);
  }

  #take(range: SeqRange): void {
    const { recent, catalogue } = this.buffer;
    const blocks = recent.cover(range);
    const found =
      blocks === null ? brokenStored(this.buffer, range, NEW_MOST).readings : brokenInMemory(blocks, range, catalogue);
    for (const reading of found) this.book.add(reading);
  }

  *#back(): Generator<void> {
    let left: SeqRange | null = { first: 1, last: this.#through };
    for (let taken = 0; left !== null && taken < BACK_MOST && !this.book.isFull; ) {
      const { readings, next } = brokenStored(this.buffer, left, AT_ONCE);
      for (const reading of readings) this.book.add(reading);
      taken += readings.length;
      left = next;
      yield;
    }
  }

  async #inTurns(steps: Generator<void>, gone: AbortSignal): Promise<void> {
    const { running } = this.#turns;
    for (let isDone: boolean | undefined = false; !isDone && !gone.aborted && !this.isOver; ) {
      const sinceMs = running();
      isDone = steps.next().done;
      await this.#turns.pause(running() - sinceMs, gone);
    }
  }

  #lookForSilence(nowMs: number): void {
    this.#silenceMs = nowMs;
    const { set } = this.#opened.parts.rules;
    if (![...this.#known().values()].some(({ kind }) => kind === "gap")) return;
    const silent = set.silentSensors(nowMs).toSorted((a, b) => b.sinceMs - a.sinceMs);
    this.book.silences(silent.slice(0, SILENCES_MOST), nowMs);
  }

  #known(): ReadonlyMap<string, KnownRule> {
    const { set } = this.#opened.parts.rules;
    if (set !== this.#set) {
      this.#set = set;
      this.#rules = new Map(
        set.rules.map(({ name, kind, severity, measures }) => [name, { kind, severity, measures }]),
      );
    }
    return this.#rules;
  }
}
