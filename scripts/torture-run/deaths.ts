/** How and when the next life of the agent ends: decided by chance with a seed, so that a run can be repeated. */

/**
 * The event that times the end. `start`: a number of ms after the start of the process, most of it in the first steps. `time`:
 * any moment. `words`: after a number of characters of output. `commit`: at a write into the buffer. `put`: when a file of
 * an object (temporary or whole) appears or goes, or the store answers.
 */
export const TRIGGERS = ["start", "time", "words", "commit", "put"] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** `kill`: SIGKILL. `term`: SIGTERM, which must end in order and in time. `both`: SIGKILL while it stops in order. */
export type Blow = "kill" | "term" | "both";

export type Death = {
  readonly trigger: Trigger;
  /** Of the event: which one it is (or how many characters). */
  readonly nth: number;
  /** After the event, or after the start, ms. */
  readonly delayMs: number;
  readonly blow: Blow;
  /** For `both`: between the two signals. */
  readonly secondMs: number;
  /** The next agent is started before this one ends, and has to wait for the lock. */
  readonly overlap: boolean;
};

/** No event comes for this long: the end comes anyway. */
export const PATIENCE_MS = 400;

export function nextDeath(random: () => number, longestMs: number): Death {
  const trigger = oneOf<Trigger>(random, { start: 0.2, time: 0.35, words: 0.05, commit: 0.2, put: 0.2 });
  const nth = 1 + Math.floor(random() ** 2 * (trigger === "words" ? 300 : 60));
  const spread: Record<Trigger, number> = { start: 45, time: longestMs, words: 30, commit: 3, put: 4 };
  const delayMs = random() * spread[trigger];
  const blow = oneOf<Blow>(random, { kill: 0.8, term: 0.12, both: 0.08 });
  return { trigger, nth, delayMs, blow, secondMs: random() * 40, overlap: random() < 0.1 };
}

/** One of the keys, each with its probability; they add up to 1. */
export function oneOf<K extends string>(random: () => number, of: Readonly<Record<K, number>>): K {
  let rest = random();
  // The keys of an object literal whose type says so.
  const keys = Object.keys(of) as K[];
  for (const key of keys) {
    rest -= of[key];
    if (rest < 0) return key;
  }
  return keys.at(-1)!;
}
