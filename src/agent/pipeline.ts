/**
 * One turn, in the order of the flow: take from the sources, judge by the rules in force, keep in one transaction, and
 * count into the windows. The only file that knows all four; it does not wait, sleep or talk to the network.
 */

import type { CommitFacts, SourceShare } from "../buffer/buffer.ts";
import type { SqliteBuffer } from "../buffer/sqlite-buffer.ts";
import { TransientError } from "../core/errors.ts";
import type { Log } from "../core/log/log.ts";
import type { Problem } from "../core/problem.ts";
import { countFlaw, type Flaw, type ReadingBlock } from "../core/reading.ts";
import { type ClockWatch, SANE_SINCE_MS } from "../core/time/clock.ts";
import type { RuleSet } from "../rules/rule-set.ts";
import type { Source, Taken } from "../sensor/source.ts";
import type { Windows } from "../stages/aggregate.ts";
import { atEnd, inTrouble, outOfTrouble } from "./input/source-trouble.ts";
import { hasShare, type Tap, tapOf } from "./input/tap.ts";
import type { RateCounter } from "./rates.ts";

export type Turn = {
  readonly committed: number;
  /** A source has more right now. */
  readonly more: boolean;
  /** Call again then, in running time, at the latest; null: when a source calls. */
  readonly wakeAtMs: number | null;
  /** Every source has ended and nothing waits for a commit. */
  readonly finished: boolean;
};

export type PipelineParts = {
  readonly sources: readonly Source[];
  readonly rules: {
    readonly set: Pick<RuleSet, "version" | "judge">;
    commit(block: ReadingBlock, lastSeq: number): void;
    committed(block: ReadingBlock): void;
  };
  readonly buffer: SqliteBuffer;
  /** Null when the aggregated stage is off. */
  readonly windows: Windows | null;
  readonly clock: ClockWatch;
  readonly log: Log;
  readonly rates: Pick<RateCounter, "committed">;
  readonly agentVersion: string;
  readonly commitRows: number;
  readonly commitMs: number;
  /** A larger share of malformed rows is a problem of the source. */
  readonly malformedMax: number;
  /** Event times before `earliestMs`, or further ahead of the clock, are implausible. */
  readonly earliestMs: number;
  readonly latestAheadMs: number;
};

/** A source in trouble is asked again this much later. */
const TROUBLE_WAIT_MS = 1_000;

export class Pipeline {
  readonly taps: readonly Tap[];
  readonly #parts: PipelineParts;
  #block: ReadingBlock;
  #waitingSinceMs: number | null = null;
  #next = 0;
  #closed = false;
  /** The first reading that the windows have not taken in. */
  #countFrom: number;

  /** `before`: a pipeline whose buffer is gone; this one commits the readings that it took and could not commit. */
  constructor(parts: PipelineParts, before?: Pipeline) {
    this.#parts = parts;
    this.#block = before === undefined ? parts.buffer.recent.lend() : before.#block;
    this.#waitingSinceMs = before === undefined ? null : before.#waitingSinceMs;
    this.#closed = before === undefined ? false : before.#closed;
    this.#countFrom = parts.buffer.lastSeq + 1;
    for (const { source } of before?.taps ?? []) source.changeAll?.();
    this.taps =
      before?.taps ?? parts.sources.map((source) => tapOf(source, parts.buffer.catalogue, parts.malformedMax));
  }

  /** Takes readings, up to one commit; commits when the group is full, old enough, or no more will come. */
  turn(nowMs: number, runningMs: number): Turn {
    if (this.#countFrom <= this.#parts.buffer.lastSeq) this.#count(nowMs);
    if (!this.#closed) this.#take(nowMs, runningMs);
    const allEnded = this.#closed || this.taps.every((tap) => tap.state === "ended");
    const more = !this.#closed && this.taps.some((tap) => tap.state === "open" && tap.ready);
    let committed = 0;
    const isWaited = !more && this.taps.some(({ source }) => source.senderWaits === true);
    if (this.#hasNews && (isWaited || this.#isDue(runningMs) || allEnded)) committed = this.#commit(nowMs, runningMs);
    return { committed, more, wakeAtMs: this.#wakeAt(), finished: allEnded && !this.#hasNews };
  }

  /** Takes no more from any source; readings in memory still need their commit. */
  stopTaking(): void {
    this.#closed = true;
    for (const tap of this.taps) {
      const { input, values, wanted, source } = tap;
      if (tap.state === "open") this.#finish(tap);
      if (tap.trouble !== null && !tap.hasWorked) tap.trouble = atEnd(tap.trouble);
      input.end();
      input.report(source.uri, this.#parts.log);
      values.end();
      values.report(this.#parts.log);
      wanted.end();
      wanted.report(this.#parts.log);
    }
  }

  /** The problems of the input of a source, although it can be read. */
  inputProblems({ source, input, times, values, wanted }: Tap, nowMs: number): readonly Problem[] {
    const found = [input.problem(source.uri), wanted.problem(), times.problem(nowMs)].filter(
      (problem) => problem !== null,
    );
    return [...found, ...values.problems(), ...(source.problems?.() ?? [])];
  }

  #take(nowMs: number, runningMs: number): void {
    const taps = this.taps;
    // Each turn begins with another source, so that a fast one cannot starve the others.
    this.#next = taps.length === 0 ? 0 : (this.#next + 1) % taps.length;
    for (const tap of [...taps.slice(this.#next), ...taps.slice(0, this.#next)]) {
      if (this.#isFull) return;
      const due = tap.ready || (tap.wakeAtMs !== null && runningMs >= tap.wakeAtMs);
      if (tap.state === "open" && due) this.#takeFrom(tap, nowMs, runningMs);
    }
    if (this.#hasNews) this.#waitingSinceMs ??= runningMs;
  }

  #takeFrom(tap: Tap, nowMs: number, runningMs: number): void {
    const before = this.#block.count;
    const malformed = this.#block.malformed.size;
    let taken: Taken;
    try {
      taken = tap.source.take(this.#block, nowMs);
      if (tap.trouble !== null) tap.trouble = outOfTrouble(tap.trouble, tap.source.uri, this.#parts.log);
      tap.hasWorked = true;
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      tap.trouble = inTrouble(tap.trouble, error, { uri: tap.source.uri, runningMs, log: this.#parts.log });
      const wakeAtMs = nowMs + (error.retryAfterMs ?? TROUBLE_WAIT_MS);
      taken = error.isFinal ? { state: "ended" } : { state: "idle", wakeAtMs };
    }
    this.#appended(tap, before, malformed);
    if (taken.state === "ended") {
      tap.input.end();
      tap.values.end();
      tap.wanted.end();
    }
    tap.input.report(tap.source.uri, this.#parts.log);
    tap.values.report(this.#parts.log);
    tap.wanted.add(this.#block.count - before, this.#block.flaws);
    tap.wanted.report(this.#parts.log);
    if (this.#block.flaws.size > 0) this.#noteFlaws(tap);
    tap.times.add(this.#block, before, this.#plausible(nowMs));
    tap.times.report(nowMs, this.#parts.log);
    tap.ready = taken.state === "more";
    // A source says when by the clock that it was given; how long that is does not change when the clock is set.
    const wakeAtMs = taken.state === "idle" ? taken.wakeAtMs : null;
    tap.wakeAtMs = wakeAtMs === null ? null : runningMs + Math.max(0, wakeAtMs - nowMs);
    if (taken.state === "ended") tap.state = "ended";
  }

  /** Takes what the source has read and cannot read again. */
  #finish(tap: Tap): void {
    const before = this.#block.count;
    const malformed = this.#block.malformed.size;
    tap.source.finish?.(this.#block);
    this.#appended(tap, before, malformed);
    if (this.#block.flaws.size > 0) this.#noteFlaws(tap);
  }

  /** Rows from `before` on are of this source; there were so many malformed ones. */
  #appended(tap: Tap, before: number, malformed: number): void {
    const refused = this.#block.malformed.size - malformed;
    tap.refused += refused;
    tap.accepted += this.#block.count - before - refused;
    tap.input.add(this.#block, before, refused);
    tap.values.add(this.#block, before);
  }

  #noteFlaws({ source, flaws, logged }: Tap): void {
    for (const flaw of this.#block.flaws.values()) {
      countFlaw(flaws, flaw);
      if (logged.has(flaw.reason)) continue;
      logged.add(flaw.reason);
      // As the map says: no one need be warned.
      if (flaw.reason === "filtered") continue;
      this.#parts.log.warn(
        "flaw",
        `From "${source.uri}": ${flaw.detail}${costOf(flaw)}. The agent counts more of them`,
        {
          reason: flaw.reason,
          field: flaw.field ?? undefined,
          try: "agent status",
        },
      );
    }
    this.#block.flaws.clear();
  }

  /** Readings wait for a commit, or a cursor that moved without any, or flaws: what was left out is counted without a reading, too. */
  get #hasNews(): boolean {
    const isNews = (tap: Tap) => tap.source.hasMoved === true || tap.flaws.size > 0;
    return this.#block.count > 0 || this.taps.some(isNews);
  }

  get #isFull(): boolean {
    return this.#block.count >= this.#parts.commitRows || this.#block.full;
  }

  /** A clock that is far behind cannot know which times are ahead. */
  #plausible(nowMs: number): Pick<CommitFacts, "earliestMs" | "latestMs"> {
    const { earliestMs, latestAheadMs } = this.#parts;
    return nowMs < SANE_SINCE_MS ? { earliestMs } : { earliestMs, latestMs: nowMs + latestAheadMs };
  }

  #isDue(runningMs: number): boolean {
    return this.#isFull || runningMs - (this.#waitingSinceMs ?? runningMs) >= this.#parts.commitMs;
  }

  /** On an error (a full disk) nothing has changed: the block stays, and the next turn tries again. */
  #commit(nowMs: number, runningMs: number): number {
    const { buffer, clock, agentVersion } = this.#parts;
    const block = this.#block;
    const { rules } = this.#parts;
    block.findings.clear();
    rules.set.judge(block);
    const facts: CommitFacts = {
      ingestedAtMs: nowMs,
      rulesVersion: rules.set.version,
      timeQuality: clock.observe(nowMs, runningMs),
      ...this.#plausible(nowMs),
      agentVersion,
    };
    const stored = buffer.commit(block, facts, this.#shares(), (lastSeq) => rules.commit(block, lastSeq));
    rules.committed(block);
    this.#parts.rates.committed(block.count, block.findings.size + block.malformed.size);
    for (const tap of this.taps) {
      if (hasShare(tap)) tap.source.committed();
      tap.accepted = 0;
      tap.refused = 0;
      tap.flaws.clear();
    }
    const count = stored.block.count;
    // Before anything else can fail: a block that was committed must never be committed again.
    this.#block = buffer.recent.lend();
    this.#waitingSinceMs = null;
    this.#count(nowMs);
    return count;
  }

  /** Counts committed readings into the windows, first those that a failing database kept from them. */
  #count(nowMs: number): void {
    const { buffer, windows } = this.#parts;
    const { lastSeq } = buffer;
    if (windows !== null && this.#countFrom <= lastSeq) {
      const uncounted = { first: this.#countFrom, last: lastSeq };
      for (const { block, firstSeq } of buffer.read(uncounted)) windows.add(block, firstSeq, nowMs);
    }
    this.#countFrom = lastSeq + 1;
  }

  #shares(): SourceShare[] {
    return this.taps.filter(hasShare).map(({ source, accepted, refused, flaws }) => {
      const share = { uri: source.uri, cursor: source.cursor(), accepted, refused, flaws: [...flaws.values()] };
      const state = source.changes?.();
      return state === undefined ? share : { ...share, state };
    });
  }

  #wakeAt(): number | null {
    const times = this.taps.flatMap((tap) => (tap.state === "open" && tap.wakeAtMs !== null ? [tap.wakeAtMs] : []));
    if (this.#waitingSinceMs !== null) times.push(this.#waitingSinceMs + this.#parts.commitMs);
    return times.length === 0 ? null : Math.min(...times);
  }
}

/** What a flaw costs its reading. */
function costOf({ reason, field }: Flaw): string {
  if (field !== null) return "; the field is null, the rest of the reading is taken";
  return reason === "nul_padding" ? "; they are left out" : "";
}
