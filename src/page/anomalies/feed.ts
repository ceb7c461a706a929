/** The feed of anomalies: what was listed and what came since, filtered, and held still while someone reads. Pure. */
import { EPISODES_MOST, type Episode } from "../../dashboard/wire.ts";

export type EpisodeFilter = {
  readonly severity: Episode["severity"] | null;
  readonly rule: string | null;
  /** Part of a sensor's id. */
  readonly sensor: string;
  readonly openOnly: boolean;
};
export const ALL_EPISODES: EpisodeFilter = { severity: null, rule: null, sensor: "", openOnly: false };

/** Newest first; what came replaces what was listed; those that are gone are left out. */
export function joined(listed: readonly Episode[], came: readonly Episode[]): readonly Episode[] {
  const byId = new Map(listed.map((one) => [one.id, one]));
  for (const one of came) {
    const known = byId.get(one.id);
    if (known === undefined || isLater(one, known)) byId.set(one.id, one);
  }
  return [...byId.values()]
    .filter(({ isGone }) => isGone !== true)
    .sort((a, b) => b.sinceMs - a.sinceMs || b.firstSeq - a.firstSeq)
    .slice(0, EPISODES_MOST);
}

/** A list that was asked for after a lost connection knows more than what came before it. */
function isLater(one: Episode, than: Episode): boolean {
  if (one.isGone === true || one.readings !== than.readings) return one.isGone === true || one.readings > than.readings;
  return !one.isOpen || than.isOpen;
}

export function passing(episodes: readonly Episode[], filter: EpisodeFilter): readonly Episode[] {
  const sensor = filter.sensor.trim().toLowerCase();
  return episodes.filter(
    (one) =>
      (filter.severity === null || one.severity === filter.severity) &&
      (filter.rule === null || one.rule === filter.rule) &&
      one.sensorId.toLowerCase().includes(sensor) &&
      (!filter.openOnly || one.isOpen),
  );
}

export function rulesOf(episodes: readonly Episode[]): readonly string[] {
  return [...new Set(episodes.map(({ rule }) => rule))].sort();
}

export type Held = { readonly shown: readonly Episode[]; readonly waiting: number };

/**
 * While someone reads, only those of `ids` are shown, in their order and with what is new of them; the others wait and are counted.
 * `ids` null: no one reads.
 */
export function held(episodes: readonly Episode[], ids: readonly string[] | null): Held {
  if (ids === null) return { shown: episodes, waiting: 0 };
  const byId = new Map(episodes.map((one) => [one.id, one]));
  const shown = ids.flatMap((id) => byId.get(id) ?? []);
  return { shown, waiting: episodes.length - shown.length };
}
