/**
 * Broken readings, joined to episodes: of one sensor and one rule, no further apart in their times than a gap. In whatever order they
 * come, the episodes are the same. The newest are kept; nothing here reads a buffer or a clock.
 */
import type { Finding, Severity } from "../../core/reading.ts";
import { EPISODES_MOST, type Episode } from "../wire.ts";
import { silenceBefore } from "./silence.ts";

/** A reading that broke rules, or a row that was none (`malformed`, without a sensor). */
export type BrokenReading = {
  readonly seq: number;
  readonly atMs: number;
  readonly committedMs: number;
  readonly sensorId: string;
  readonly findings: readonly Finding[];
};
export type OpenSilence = { readonly rule: string; readonly sensor: string; readonly sinceMs: number };
export type KnownRule = { readonly kind: string; readonly severity: Severity; readonly measures: readonly string[] };

export type BookParts = {
  /** Two broken readings of this sensor that are further apart are two episodes, ms. */
  readonly gapMs: (sensorId: string) => number;
  /** After this long without another one, it is no longer open. */
  readonly openMs: (sensorId: string) => number;
  /** Those in force, by name. */
  readonly rules: () => ReadonlyMap<string, KnownRule>;
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type KeptEpisode = Mutable<Omit<Episode, "id" | "isGone">> & {
  /** Of a silence: since when, which names it. */
  readonly silentSinceMs: number | null;
  committedMs: number;
  /** The count of changes when it changed last. */
  changed: number;
};

/** Episodes that are gone are remembered for clients that are behind. */
const GONE_MOST = 2 * EPISODES_MOST;
/** More than are shown, before the oldest are forgotten. */
const SPARE = 64;

export class EpisodeBook {
  readonly #parts: BookParts;
  readonly #byKey = new Map<string, KeptEpisode[]>();
  readonly #gone: KeptEpisode[] = [];
  #changes = 0;
  #count = 0;

  constructor(parts: BookParts) {
    this.#parts = parts;
  }

  /** Grows with every change. */
  get changes(): number {
    return this.#changes;
  }

  get isFull(): boolean {
    return this.#count >= EPISODES_MOST;
  }

  add(reading: BrokenReading): void {
    const rules = this.#parts.rules();
    for (const finding of reading.findings) {
      const silentSinceMs = rules.get(finding.rule)?.kind === "gap" ? silenceBefore(finding) : null;
      const one = this.#ofOne(reading, finding, silentSinceMs);
      if (silentSinceMs === null) this.#join(one);
      else this.#endSilence(one, silentSinceMs);
    }
    this.#forgetOldest();
  }

  /** The sensors that rules of silence miss now. */
  silences(silent: readonly OpenSilence[], nowMs: number): void {
    const still = new Set<KeptEpisode>();
    for (const { rule, sensor, sinceMs } of silent) {
      const known = this.#listOf(sensor, rule).find(({ silentSinceMs }) => silentSinceMs === sinceMs);
      const episode = known ?? this.#openSilence({ rule, sensor, sinceMs }, nowMs);
      episode.untilMs = Math.max(nowMs, sinceMs);
      still.add(episode);
    }
    for (const episode of this.#all()) {
      if (episode.silentSinceMs === null || !episode.isOpen || still.has(episode)) continue;
      episode.isOpen = false;
      this.#note(episode);
    }
    this.#forgetOldest();
  }

  /** Closes those to which no reading was added for a while. */
  settle(nowMs: number): void {
    for (const episode of this.#all()) {
      if (!episode.isOpen || episode.silentSinceMs !== null) continue;
      if (nowMs - episode.committedMs <= this.#parts.openMs(episode.sensorId)) continue;
      episode.isOpen = false;
      this.#note(episode);
    }
  }

  /** The newest first. */
  newest(limit: number): Episode[] {
    return [...this.#all()]
      .sort((a, b) => b.sinceMs - a.sinceMs || b.lastSeq - a.lastSeq)
      .slice(0, Math.min(limit, EPISODES_MOST))
      .map(shown);
  }

  /** Those that changed after the count was `changes`; gone ones too. */
  changedSince(changes: number): Episode[] {
    const gone = this.#gone.filter(({ changed }) => changed > changes);
    const changed = [...this.#all()].filter((episode) => episode.changed > changes);
    return [...gone.map((episode): Episode => ({ ...shown(episode), isGone: true })), ...changed.map(shown)];
  }

  *#all(): Generator<KeptEpisode> {
    for (const list of this.#byKey.values()) yield* list;
  }

  #listOf(sensorId: string, rule: string): KeptEpisode[] {
    const key = `${rule}\0${sensorId}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const made: KeptEpisode[] = [];
    this.#byKey.set(key, made);
    return made;
  }

  #ofOne(reading: BrokenReading, finding: Finding, silentSinceMs: number | null): KeptEpisode {
    const { seq, atMs, committedMs, sensorId } = reading;
    const { rule, severity, reason } = finding;
    const measures = this.#parts.rules().get(rule)?.measures ?? [];
    return {
      rule,
      severity,
      sensorId,
      measure: measures.length === 1 ? (measures[0] ?? null) : null,
      reason,
      sinceMs: silentSinceMs ?? atMs,
      untilMs: atMs,
      readings: 1,
      isOpen: silentSinceMs === null,
      firstSeq: seq,
      lastSeq: seq,
      silentSinceMs,
      committedMs,
      changed: 0,
    };
  }

  #openSilence({ rule, sensor, sinceMs }: OpenSilence, nowMs: number): KeptEpisode {
    const severity = this.#parts.rules().get(rule)?.severity ?? "warning";
    const reading = { seq: 0, atMs: nowMs, committedMs: nowMs, sensorId: sensor, findings: [] };
    const finding = { rule, severity, reason: "the sensor is silent", observed: null, limit: null, window: null };
    const made = { ...this.#ofOne(reading, finding, sinceMs), readings: 0, isOpen: true };
    this.#put(made);
    return made;
  }

  #endSilence(one: KeptEpisode, sinceMs: number): void {
    const list = this.#listOf(one.sensorId, one.rule);
    const known = list.findIndex(({ silentSinceMs }) => silentSinceMs === sinceMs);
    if (known < 0) {
      this.#put(one);
      return;
    }
    list[known] = one;
    this.#note(one);
  }

  #join(one: KeptEpisode): void {
    const list = this.#listOf(one.sensorId, one.rule);
    const gapMs = this.#parts.gapMs(one.sensorId);
    const near = list.filter(
      ({ silentSinceMs, sinceMs, untilMs }) =>
        silentSinceMs === null && one.sinceMs >= sinceMs - gapMs && one.sinceMs <= untilMs + gapMs,
    );
    const [first, ...others] = near.sort((a, b) => a.firstSeq - b.firstSeq);
    if (first === undefined) {
      this.#put(one);
      return;
    }
    for (const other of others) {
      this.#remove(list, other);
      takeIn(first, other);
    }
    takeIn(first, one);
    this.#note(first);
  }

  #put(episode: KeptEpisode): void {
    this.#listOf(episode.sensorId, episode.rule).push(episode);
    this.#count++;
    this.#note(episode);
  }

  #note(episode: KeptEpisode): void {
    episode.changed = ++this.#changes;
  }

  #remove(list: KeptEpisode[], episode: KeptEpisode): void {
    list.splice(list.indexOf(episode), 1);
    this.#count--;
    this.#note(episode);
    this.#gone.push(episode);
    if (this.#gone.length > GONE_MOST) this.#gone.shift();
  }

  /** Some at once: to find the oldest of all for each new one would cost more than all else. */
  #forgetOldest(): void {
    if (this.#count <= EPISODES_MOST + SPARE) return;
    const oldestFirst = [...this.#all()].sort((a, b) => a.untilMs - b.untilMs);
    for (const episode of oldestFirst.slice(0, this.#count - EPISODES_MOST)) {
      const list = this.#listOf(episode.sensorId, episode.rule);
      this.#remove(list, episode);
      if (list.length === 0) this.#byKey.delete(`${episode.rule}\0${episode.sensorId}`);
    }
  }
}

function takeIn(into: KeptEpisode, other: KeptEpisode): void {
  if (other.lastSeq > into.lastSeq) {
    into.reason = other.reason;
    into.severity = other.severity;
  }
  into.sinceMs = Math.min(into.sinceMs, other.sinceMs);
  into.untilMs = Math.max(into.untilMs, other.untilMs);
  into.firstSeq = Math.min(into.firstSeq, other.firstSeq);
  into.lastSeq = Math.max(into.lastSeq, other.lastSeq);
  into.readings += other.readings;
  into.committedMs = Math.max(into.committedMs, other.committedMs);
  into.isOpen ||= other.isOpen;
}

/** The first reading of an episode names it: later ones do not change that, and a look back finds the same. */
function shown({ silentSinceMs, committedMs: _at, changed: _count, ...episode }: KeptEpisode): Episode {
  const { rule, sensorId, firstSeq } = episode;
  const id = silentSinceMs === null ? `${rule} ${firstSeq}` : `${rule} ${sensorId} since ${silentSinceMs}`;
  return { id, ...episode };
}
