/**
 * The page's one connection to `/api/live`, shared by all views: by fetch and not by EventSource, which cannot send a token.
 * It comes back by itself, and rests while no one looks.
 */
import { signal } from "@preact/signals";
import {
  EPISODES_MOST,
  type Episode,
  type LiveEvent,
  type LivePoints,
  type LiveState,
  WATCHED_MOST,
} from "../../dashboard/wire.ts";
import { ApiError, addressOf, open, parsed } from "./api.ts";
import { nodeSeen, notSureOfNode } from "./node.ts";
import { eventsOf } from "./stream-parts.ts";

/** `resting`: the tab has been hidden for a while, and the page asked for nothing. */
export type Connection = {
  readonly is: "connecting" | "live" | "lost" | "resting";
  readonly sinceMs: number;
  /** Of a lost one, what the agent answered instead; null: nothing. */
  readonly why: string | null;
};

const RETRY_LEAST_MS = 500;
const RETRY_MOST_MS = 5_000;
/** The agent sends its state each second: silence for longer than this is a lost connection. */
const SILENCE_MS = 10_000;
/** Short: a browser allows six connections to one address, and each view that is open needs one. */
const HIDDEN_REST_MS = 5_000;
const WATCH_DEBOUNCE_MS = 150;

export const connection = signal<Connection>({ is: "connecting", sinceMs: Date.now(), why: null });
/** The last state that the agent sent, kept while the connection is lost. */
export const state = signal<LiveState | null>(null);
/** By this page's clock, when {@link state} came. */
export const stateAtMs = signal<number | null>(null);
/** Those that the agent reported since the page was opened, the newest first, each once. */
export const episodes = signal<readonly Episode[]>([]);
/** Another value: sensors or rules are no longer those that were listed. */
export const changed = signal<LiveEvent["changed"] | null>(null);

const takers = new Set<(points: LivePoints) => void>();
const watched = new Map<string, number>();

/** Calls `take` with what came for the watched series; returns what stops that. */
export function onPoints(take: (points: LivePoints) => void): () => void {
  takers.add(take);
  return () => takers.delete(take);
}

/**
 * Asks for the points of these series until the returned function is called. Of all views together, the agent sends the first
 * {@link WATCHED_MOST}.
 */
export function watch(keys: readonly string[]): () => void {
  for (const key of keys) watched.set(key, (watched.get(key) ?? 0) + 1);
  watchedChanged();
  return () => {
    for (const key of keys) {
      const left = (watched.get(key) ?? 1) - 1;
      if (left > 0) watched.set(key, left);
      else watched.delete(key);
    }
    watchedChanged();
  };
}

/** Merges what came into what is known, the newest first. */
export function mergedEpisodes(known: readonly Episode[], came: readonly Episode[]): readonly Episode[] {
  const byId = new Map(known.map((one) => [one.id, one]));
  for (const one of came) {
    if (one.isGone) byId.delete(one.id);
    else byId.set(one.id, one);
  }
  return [...byId.values()].sort((a, b) => b.sinceMs - a.sinceMs).slice(0, EPISODES_MOST);
}

/** What the agent said instead of the stream. */
let refusal: string | null = null;
let running: AbortController | null = null;
let asked = "";
let debounce: ReturnType<typeof setTimeout> | null = null;
let hiding: ReturnType<typeof setTimeout> | null = null;
/** Ends the wait before the next attempt. */
let wake: () => void = () => undefined;
let isStarted = false;

export function startLive(): void {
  if (isStarted) return;
  isStarted = true;
  document.addEventListener("visibilitychange", visibilityChanged);
  addEventListener("online", () => wake());
  void keepConnected();
}

function visibilityChanged(): void {
  if (hiding !== null) clearTimeout(hiding);
  hiding = null;
  if (document.hidden) {
    hiding = setTimeout(() => {
      become("resting");
      running?.abort();
    }, HIDDEN_REST_MS);
    return;
  }
  if (connection.value.is === "resting") become("connecting");
  wake();
}

function watchedChanged(): void {
  if (debounce !== null) clearTimeout(debounce);
  debounce = setTimeout(() => {
    if (watchAddress() !== asked) running?.abort();
  }, WATCH_DEBOUNCE_MS);
}

function watchAddress(): string {
  return addressOf("/api/live", { watch: [...watched.keys()].sort().slice(0, WATCHED_MOST) });
}

async function keepConnected(): Promise<never> {
  for (let failures = 0; ; ) {
    running = new AbortController();
    const wasLive = await follow(running);
    // Other series, or a rest: no failure.
    if (running.signal.aborted && running.signal.reason !== SILENT) failures = 0;
    else {
      failures = wasLive ? 1 : failures + 1;
      if (connection.value.is !== "lost" || connection.value.why !== refusal) become("lost");
      await pause(retryMs(failures));
    }
    while (connection.value.is === "resting") await pause(Number.POSITIVE_INFINITY);
  }
}

/** 0.5, 1, 2, 4, 5, 5 … seconds. */
export function retryMs(failures: number): number {
  return Math.min(RETRY_MOST_MS, RETRY_LEAST_MS * 2 ** (failures - 1));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = Number.isFinite(ms) ? setTimeout(resolve, ms) : null;
    wake = () => {
      if (timer !== null) clearTimeout(timer);
      resolve();
    };
  });
}

const SILENT = "the agent said nothing";

/** One connection until its end; whether anything came. */
async function follow(abort: AbortController): Promise<boolean> {
  asked = watchAddress();
  let wasLive = false;
  refusal = null;
  let silence: ReturnType<typeof setTimeout> | null = null;
  const listen = () => {
    if (silence !== null) clearTimeout(silence);
    silence = setTimeout(() => abort.abort(SILENT), SILENCE_MS);
  };
  listen();
  try {
    const { body } = await open("GET", asked, null, abort.signal);
    if (body === null) return false;
    for await (const { name, data } of eventsOf(body)) {
      if (abort.signal.aborted) break;
      listen();
      take(name, data);
      wasLive = true;
      if (connection.value.is !== "live" && !abort.signal.aborted) become("live");
    }
  } catch (error) {
    // Whatever it was, the connection is lost: `keepConnected` says so and tries again.
    refusal = error instanceof ApiError && error.status !== 0 ? error.message : null;
  } finally {
    if (silence !== null) clearTimeout(silence);
    if (!abort.signal.aborted || abort.signal.reason === SILENT) notSureOfNode();
  }
  return wasLive;
}

function takeState(next: LiveState): void {
  // Of another node nothing is shown before a person wants that.
  if (!nodeSeen(next.status?.node_id ?? null)) {
    running?.abort();
    return;
  }
  state.value = next;
  stateAtMs.value = Date.now();
}

function take(name: string, data: string): void {
  switch (name) {
    case "state":
      takeState(parsed<LiveState>(data));
      return;
    case "points": {
      const points = parsed<LivePoints>(data);
      for (const taker of takers) taker(points);
      return;
    }
    case "episodes":
      episodes.value = mergedEpisodes(episodes.value, parsed<readonly Episode[]>(data));
      return;
    case "changed":
      changed.value = parsed<LiveEvent["changed"]>(data);
      return;
  }
}

function become(is: Connection["is"]): void {
  const sinceMs = connection.value.is === is ? connection.value.sinceMs : Date.now();
  connection.value = { is, sinceMs, why: is === "lost" ? refusal : null };
}
