/**
 * The aggregated stage: windows of event time per sensor, over valid readings. In memory only. The buffer keeps the
 * windows that went out; for a late reading a window gets its accumulators back, and goes out as a higher revision.
 *
 * When a window goes out:
 * - in order: when the watermark (the highest event time seen, not counting the future) passes its end plus a grace;
 * - late, or from the future, or at the end of a source: when no reading came for it for a hold of processing time, so that
 *   a backlog that passes through a window makes one revision, not a thousand.
 */
import type { ReadingBlock } from "../core/reading.ts";
import { NO_SENSOR, type SensorCatalogue } from "../core/sensor.ts";
import type { SeqRange } from "../core/seq-range.ts";
import { SensorWindow } from "./sensor-window.ts";

export type WindowSettings = {
  readonly lengthMs: number;
  readonly graceMs: number;
  readonly holdMs: number;
  /** How far ahead of the clock an event time may be and still move the watermark. */
  readonly futureMs: number;
  /** Accumulators (window × sensor) held at most; beyond it the windows touched longest ago go out early. */
  readonly maxAccumulators: number;
};

export type OpenWindow = {
  readonly startMs: number;
  /** The revision that went out last, or −1. */
  revision: number;
  /** Readings up to this seq are in the accumulators already (a restart reads some of them again). */
  throughSeq: number;
  /** The first seq that has not gone out; infinite while there is none (a restart reads over what went out). */
  dirtyFromSeq: number;
  /** No reading in it has a higher seq. */
  lastSeq: number;
  /** Readings in it were dropped: it must be rebuilt before it goes out. */
  isTainted: boolean;
  touchedAtMs: number;
  /** The watermark had passed it when it was opened: it goes out after the hold. */
  late: boolean;
  /** By sensor_id. */
  readonly sensors: Map<string, SensorWindow>;
};

/** Readings `range` of a block whose first row has seq `firstSeq`. */
export type BlockPart = { readonly block: ReadingBlock; readonly firstSeq: number; readonly range: SeqRange };

/** A window as the buffer kept it when it last went out. */
export type KeptWindow = {
  readonly revision: number;
  readonly throughSeq: number;
  readonly sensors: readonly { readonly sensorId: string; readonly state: SensorWindow }[];
};

/** Deleted; its readings up to this seq are in an aggregate, or counted as late. */
export type ExpiredWindow = { readonly expiredThroughSeq: number };
/** Readings that came after their window was deleted: they are in every other stage. */
export type LateReadings = { readonly startMs: number; readonly count: number; readonly throughSeq: number };

export class Windows {
  readonly settings: WindowSettings;
  watermarkMs = Number.NEGATIVE_INFINITY;
  /** Readings before those that were added last may be missing: a restart is not through. */
  isBehind = false;
  readonly #catalogue: SensorCatalogue;
  /** The window as it went out last; null where it never went out. */
  readonly #recall: (startMs: number) => KeptWindow | ExpiredWindow | null;
  readonly #open = new Map<number, OpenWindow>();
  /** By handle: what its last reading went into, which saves most readings the look-up by name. Of open windows only. */
  #lastStates: (SensorWindow | undefined)[] = [];
  #accumulators = 0;
  #addedThrough = 0;
  readonly #late = new Map<number, { startMs: number; count: number; throughSeq: number }>();

  constructor(
    settings: WindowSettings,
    catalogue: SensorCatalogue,
    recall: (startMs: number) => KeptWindow | ExpiredWindow | null,
  ) {
    this.settings = settings;
    this.#catalogue = catalogue;
    this.#recall = recall;
  }

  /** Adds committed readings, in order of seq; those that a window already holds are skipped. */
  add(block: ReadingBlock, firstSeq: number, nowMs: number): void {
    const { lengthMs, futureMs } = this.settings;
    const ceiling = nowMs + futureMs;
    let window: OpenWindow | null = null;
    let startMs = Number.NaN;
    let endMs = Number.NaN;
    let watermark = this.watermarkMs;
    // Where recalling a window failed midway, the same block comes again.
    for (let row = Math.max(0, this.#addedThrough - firstSeq + 1); row < block.count; row++) {
      const handle = block.sensor[row]!;
      const time = block.time[row]!;
      if (handle === NO_SENSOR) continue;
      if (!(time >= startMs && time < endMs)) {
        this.watermarkMs = watermark;
        this.#addedThrough = firstSeq + row - 1;
        if (window !== null) window.lastSeq = firstSeq + row - 1;
        startMs = Math.floor(time / lengthMs) * lengthMs;
        endMs = startMs + lengthMs;
        window = this.#windowAt(startMs, nowMs);
      }
      if (time > watermark && time <= ceiling) watermark = time;
      if (window === null) this.#countLate(startMs, firstSeq + row);
      else if (firstSeq + row > window.throughSeq) {
        if (firstSeq + row < window.dirtyFromSeq) window.dirtyFromSeq = firstSeq + row;
        this.#addRow(window, block, row, handle);
      }
    }
    if (window !== null) window.lastSeq = firstSeq + block.count - 1;
    this.watermarkMs = watermark;
    this.#addedThrough = Math.max(this.#addedThrough, firstSeq + block.count - 1);
  }

  /** Up to this seq readings are in windows, or late. */
  get addedThrough(): number {
    return this.#addedThrough;
  }

  /** Before the first reading: those up to `seq` are in windows that went out, or were counted as late. */
  beginBehind(seq: number): void {
    this.#addedThrough = seq;
    this.isBehind = true;
  }

  /**
   * Readings that came after their window's accumulators were deleted: a new revision without the others would be wrong. The
   * caller counts them as a loss, and then calls `lateCounted`.
   */
  late(): LateReadings[] {
    return [...this.#late.values()].filter(({ count }) => count > 0);
  }

  /** `late` is counted, durably: `recall` knows it. */
  lateCounted(): void {
    this.#late.clear();
  }

  /** These readings were dropped, undelivered. A window that holds nothing else is forgotten; others are rebuilt when they are due. */
  dropped({ first, last }: SeqRange): void {
    for (const window of this.#open.values()) {
      if (window.dirtyFromSeq > last || window.lastSeq < first) continue;
      if (window.dirtyFromSeq >= first && window.lastSeq <= last) this.#forget(window);
      else window.isTainted = true;
    }
  }

  /** Rebuilds a window from what went out before and from `readings`: all since then that exist. Without any it is forgotten. */
  rebuild(window: OpenWindow, readings: Iterable<BlockPart>): void {
    this.#forget(window);
    const fresh = this.#windowAt(window.startMs, window.touchedAtMs);
    if (fresh !== null) Object.assign(fresh, { late: window.late, lastSeq: window.lastSeq });
    const endMs = window.startMs + this.settings.lengthMs;
    for (const { block, firstSeq, range } of readings) {
      for (let seq = range.first; seq <= range.last; seq++) {
        const row = seq - firstSeq;
        const handle = block.sensor[row] ?? NO_SENSOR;
        const time = block.time[row] ?? Number.NaN;
        if (handle === NO_SENSOR || !(time >= window.startMs && time < endMs)) continue;
        if (fresh === null) this.#countLate(window.startMs, seq);
        else if (seq > fresh.throughSeq) {
          fresh.dirtyFromSeq = Math.min(fresh.dirtyFromSeq, seq);
          this.#addRow(fresh, block, row, handle);
        }
      }
    }
    if (fresh !== null && !Number.isFinite(fresh.dirtyFromSeq)) this.#forget(fresh);
  }

  /** The windows that should go out now, in order of time; `all`: every window that holds anything new. */
  due(nowMs: number, all = false): OpenWindow[] {
    const { lengthMs, graceMs, holdMs, futureMs, maxAccumulators } = this.settings;
    const due: OpenWindow[] = [];
    const waiting: OpenWindow[] = [];
    for (const window of this.#open.values()) {
      if (window.dirtyFromSeq === Number.POSITIVE_INFINITY) continue;
      const closesAt = window.startMs + lengthMs + graceMs;
      // A clock that went back must not hold a window for ever.
      const idle = Math.abs(nowMs - window.touchedAtMs) >= holdMs;
      const passed = !window.late && this.watermarkMs >= closesAt;
      const over = nowMs >= closesAt || window.startMs > nowMs + futureMs;
      (all || passed || (idle && over) ? due : waiting).push(window);
    }
    let held = this.#accumulators - due.reduce((sum, window) => sum + window.sensors.size, 0);
    waiting.sort((a, b) => a.touchedAtMs - b.touchedAtMs);
    for (const window of waiting) {
      if (held <= maxAccumulators) break;
      due.push(window);
      held -= window.sensors.size;
    }
    return due.sort((a, b) => a.startMs - b.startMs);
  }

  /** The windows went out (their batches and accumulators are durable): forgotten here until a reading comes for them. */
  issued(windows: readonly OpenWindow[]): void {
    for (const window of windows) this.#forget(window);
  }

  /** The first seq that is in no window that went out, given which windows are about to; `next` where there is none. */
  dirtyFrom(without: readonly OpenWindow[], next: number): number {
    const leaving = new Set(without);
    let from = next;
    for (const window of this.#open.values()) {
      if (!leaving.has(window)) from = Math.min(from, window.dirtyFromSeq);
    }
    return from;
  }

  /** The windows that have not gone out: their number, their rows, and the first seq in them (infinite where there is none). */
  waiting(): { readonly windows: number; readonly rows: number; readonly fromSeq: number } {
    const dirty = [...this.#open.values()].filter(({ dirtyFromSeq }) => Number.isFinite(dirtyFromSeq));
    return {
      windows: dirty.length,
      rows: dirty.reduce((rows, window) => rows + window.sensors.size, 0),
      fromSeq: dirty.reduce((from, window) => Math.min(from, window.dirtyFromSeq), Number.POSITIVE_INFINITY),
    };
  }

  /** More accumulators than may be held: something must go out. */
  get isOverfull(): boolean {
    return this.#accumulators > this.settings.maxAccumulators;
  }

  #countLate(startMs: number, seq: number): void {
    const late = this.#late.get(startMs);
    if (late === undefined || seq <= late.throughSeq) return;
    late.count++;
    late.throughSeq = seq;
  }

  #forget(window: OpenWindow): void {
    if (!this.#open.delete(window.startMs)) return;
    this.#accumulators -= window.sensors.size;
    this.#lastStates = [];
  }

  #addRow(window: OpenWindow, block: ReadingBlock, row: number, handle: number): void {
    const last = this.#lastStates[handle];
    const state = last !== undefined && last.startMs === window.startMs ? last : this.#stateOf(window, handle);
    const { slots } = this.#catalogue.sensors[handle]!;
    state.seen(slots);
    if (block.findings.size > 0 && block.findings.has(row)) {
      state.anomalies++;
      return;
    }
    state.records++;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      const value = block.measures[slot]?.[row] ?? Number.NaN;
      if (!Number.isNaN(value)) state.add(slot, value);
    }
  }

  /** Null: it is in `#late`. */
  #windowAt(startMs: number, nowMs: number): OpenWindow | null {
    const known = this.#open.get(startMs);
    if (known !== undefined) {
      known.touchedAtMs = nowMs;
      return known;
    }
    if (this.#late.has(startMs)) return null;
    const kept = this.#recall(startMs);
    if (kept !== null && "expiredThroughSeq" in kept) {
      this.#late.set(startMs, { startMs, count: 0, throughSeq: kept.expiredThroughSeq });
      return null;
    }
    const { lengthMs, graceMs } = this.settings;
    const window: OpenWindow = {
      startMs,
      revision: kept?.revision ?? -1,
      throughSeq: kept?.throughSeq ?? 0,
      dirtyFromSeq: Number.POSITIVE_INFINITY,
      lastSeq: 0,
      isTainted: false,
      touchedAtMs: nowMs,
      late: kept !== null || this.watermarkMs >= startMs + lengthMs + graceMs,
      sensors: new Map(kept?.sensors.map(({ sensorId, state }) => [sensorId, state])),
    };
    this.#open.set(startMs, window);
    this.#accumulators += window.sensors.size;
    return window;
  }

  #stateOf(window: OpenWindow, handle: number): SensorWindow {
    const sensorId = String(this.#catalogue.sensors[handle]?.identity[0] ?? "");
    let state = window.sensors.get(sensorId);
    if (state === undefined) {
      state = new SensorWindow();
      window.sensors.set(sensorId, state);
      this.#accumulators++;
    }
    state.startMs = window.startMs;
    this.#lastStates[handle] = state;
    return state;
  }
}
