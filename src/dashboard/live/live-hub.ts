/**
 * `GET /api/live`: the events of all viewers, made once for all of them, and only while there is one. The hub looks at the buffer a few
 * times a second, while new readings are still in memory. It skips a viewer that takes nothing until that has room: then it sends the
 * newest state, the episodes as they are, and that points were left out.
 */
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import { messageOf } from "../../core/errors.ts";
import type { StreamClient } from "../../http/route.ts";
import type { Episodes } from "../episodes/episodes-reply.ts";
import type { DashboardNode } from "../node.ts";
import { measuresOfRules, type SeriesName, WatchedColumns } from "../series/watched-series.ts";
import type { LiveEvent, LivePoints, SeriesPart } from "../wire.ts";
import { LivePointsReader } from "./live-points.ts";
import { LiveStates } from "./live-state.ts";

const LOOK_MS = 250;
/** Looks between two events. */
const LOOKS = 4;
/** A state that is younger is sent again: viewers come and go, and it is the same for all. */
const STATE_MS = 750;

type Viewer = {
  readonly client: StreamClient;
  readonly names: readonly SeriesName[];
  /** Of the episodes: the count of changes that it has heard of. */
  episodes: number;
  changed: string;
  isFull: boolean;
  /** Points were left out since the last ones. */
  isBroken: boolean;
  /** Ends its connection. */
  readonly end: () => void;
};

type Watch = { readonly buffer: SqliteBuffer; readonly points: LivePointsReader; through: number };

export type HubParts = {
  readonly node: DashboardNode;
  readonly episodes: Episodes;
  readonly running: () => number;
  /** Calls `turn` again and again, until the returned function is called. */
  readonly every: (ms: number, turn: () => void) => () => void;
};

export class LiveHub {
  readonly #parts: HubParts;
  readonly #viewers = new Set<Viewer>();
  #states: LiveStates;
  #state: { readonly text: string; readonly atMs: number } | null = null;
  #stop: (() => void) | null = null;
  #looks = 0;
  #watch: Watch | null = null;
  #isTroubled = false;

  constructor(parts: HubParts) {
    this.#parts = parts;
    this.#states = new LiveStates(parts.node, parts.running);
  }

  /** Ends when the client is gone. */
  async join(client: StreamClient, names: readonly SeriesName[]): Promise<void> {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    client.gone.addEventListener("abort", () => end(), { once: true });
    const viewer: Viewer = { client, names, episodes: -1, changed: "", isFull: false, isBroken: false, end };
    this.#parts.episodes.join();
    this.#watchOthers(() => this.#viewers.add(viewer));
    this.#stop ??= this.#begin();
    this.#guarded(() => this.#tell([viewer], NO_PARTS));
    if (!client.gone.aborted) await ended;
    this.#watchOthers(() => this.#viewers.delete(viewer));
    this.#parts.episodes.leave();
    if (this.#viewers.size > 0) return;
    this.#stop?.();
    this.#stop = null;
    this.#state = null;
  }

  #begin(): () => void {
    const { node, running, every } = this.#parts;
    this.#states = new LiveStates(node, running);
    return every(LOOK_MS, () => this.#turn());
  }

  /** Other series are watched from now on: what came of those before is sent first. */
  #watchOthers(change: () => void): void {
    this.#guarded(() => this.#look());
    const points = this.#watch?.points.take() ?? NO_PARTS;
    for (const viewer of this.#viewers) {
      if (viewer.isFull) viewer.isBroken = true;
      else if (points.size > 0) this.#send(viewer, [this.#pointsText(viewer, points)]);
    }
    change();
    const buffer = this.#parts.node.opened()?.parts.buffer;
    this.#watch = buffer === undefined || this.#viewers.size === 0 ? null : this.#watchFrom(buffer);
  }

  #turn(): void {
    this.#guarded(() => this.#look());
    this.#looks = (this.#looks + 1) % LOOKS;
    if (this.#looks !== 0) return;
    this.#guarded(() => this.#parts.episodes.feed()?.follow(this.#parts.node.now()));
    this.#guarded(() => this.#tell([...this.#viewers], this.#watch?.points.take() ?? NO_PARTS));
  }

  /** The buffer may be closed, or damaged: the agent opens it again, and the state says so. */
  #guarded(work: () => void): void {
    try {
      work();
      this.#isTroubled = false;
    } catch (error) {
      if (!this.#isTroubled)
        this.#parts.node.log.debug("page_unread", `Cannot look at the buffer: ${messageOf(error)}`);
      this.#isTroubled = true;
    }
  }

  #look(): void {
    const opened = this.#parts.node.opened();
    if (opened === null) return;
    const { buffer, rules } = opened.parts;
    if (this.#watch !== null && this.#watch.buffer !== buffer) {
      // Its seqs and sensors are others: a page that connects again asks for everything again.
      for (const { end } of this.#viewers) end();
      return;
    }
    this.#watch ??= this.#watchFrom(buffer);
    const watch = this.#watch;
    const range = { first: watch.through + 1, last: buffer.lastSeq };
    watch.through = range.last;
    watch.points.read(buffer, range, measuresOfRules(rules.set.rules));
  }

  #watchFrom(buffer: SqliteBuffer): Watch {
    const names = new Map([...this.#viewers].flatMap((viewer) => viewer.names.map((name) => [name.key, name])));
    const columns = new WatchedColumns([...names.values()], buffer.catalogue);
    return { buffer, points: new LivePointsReader(columns), through: buffer.lastSeq };
  }

  #tell(viewers: readonly Viewer[], points: PointsByKey): void {
    const state = this.#stateText();
    const changed = this.#changed();
    for (const viewer of viewers) {
      if (viewer.isFull) viewer.isBroken = true;
      else {
        const texts = [
          state,
          this.#pointsText(viewer, points),
          this.#episodesText(viewer),
          changedText(viewer, changed),
        ];
        this.#send(viewer, texts);
      }
    }
  }

  #stateText(): string {
    const nowMs = this.#parts.running();
    if (this.#state !== null && nowMs - this.#state.atMs < STATE_MS) return this.#state.text;
    const text = eventText("state", this.#states.make());
    this.#state = { text, atMs: nowMs };
    return text;
  }

  #send(viewer: Viewer, texts: readonly string[]): void {
    if (viewer.client.send(texts.join(""))) return;
    viewer.isFull = true;
    void viewer.client.drained().then(() => {
      viewer.isFull = false;
    });
  }

  #pointsText(viewer: Viewer, points: PointsByKey): string {
    const own: Record<string, SeriesPart> = {};
    for (const { key } of viewer.names) {
      const part = points.get(key);
      if (viewer.isBroken) own[key] = { ...(part ?? NO_POINTS), isBroken: true };
      else if (part !== undefined) own[key] = part;
    }
    viewer.isBroken = false;
    return Object.keys(own).length === 0 ? "" : eventText("points", own satisfies LivePoints);
  }

  #episodesText(viewer: Viewer): string {
    const feed = this.#parts.episodes.feed();
    if (feed === null || !feed.isRead) return "";
    const { book } = feed;
    const episodes = viewer.episodes < 0 ? book.newest(Number.POSITIVE_INFINITY) : book.changedSince(viewer.episodes);
    viewer.episodes = book.changes;
    return episodes.length === 0 ? "" : eventText("episodes", episodes);
  }

  #changed(): LiveEvent["changed"] | null {
    const opened = this.#parts.node.opened();
    if (opened === null) return null;
    const { buffer, rules } = opened.parts;
    return { sensors: Math.max(0, buffer.catalogue.interned.length - 1), rules: rules.set.version };
  }
}

type PointsByKey = ReadonlyMap<string, SeriesPart>;
const NO_PARTS: PointsByKey = new Map();
const NO_POINTS: SeriesPart = { atMs: [], values: [], anomalies: [] };

/** Also at once, so that a page that comes back knows whether its lists are still those. */
function changedText(viewer: Viewer, changed: LiveEvent["changed"] | null): string {
  const text = changed === null ? "" : eventText("changed", changed);
  if (text === viewer.changed) return "";
  viewer.changed = text;
  return text;
}

function eventText<K extends keyof LiveEvent>(event: K, data: LiveEvent[K]): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
