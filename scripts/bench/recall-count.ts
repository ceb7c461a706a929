/**
 * How well a set of rules finds known faults: judged blocks against the labels of their readings (the simulator's
 * `anomaly_type`). Precision and recall are those of `rules backtest`; episodes, and the precision of each rule, are added.
 */
import type { ReadingBlock } from "../../src/core/reading.ts";
import { NO_SENSOR, type SensorCatalogue } from "../../src/core/sensor.ts";
import { type TruthRow, truthRows } from "../../src/verdicts/truth.ts";

export type RecallReport = {
  readonly readings: number;
  /** Over all types. */
  readonly any: TruthRow;
  readonly types: readonly TypeRecall[];
  readonly rules: readonly RulePrecision[];
};

/**
 * An episode is a run of readings of one sensor with the same label. A rule that recognises a fault only by how long it
 * lasts (a stuck value looks healthy at first) can find every episode, but never every reading.
 */
export type TypeRecall = TruthRow & {
  readonly episodes: number;
  readonly episodesFound: number;
  readonly episodeRecall: number;
};

export type RulePrecision = {
  readonly rule: string;
  readonly broken: number;
  /** Of them, how many are labelled as anomalies, by type. */
  readonly byType: Readonly<Record<string, number>>;
  readonly precision: number;
};

type TypeCount = { readings: number; caught: number; episodes: number; episodesFound: number };
/** `label`: of the sensor's last reading; `found`: whether its episode was found. */
type Episode = { readonly label: number; found: boolean };
type EpisodeNow = { readonly episode: Episode; readonly isNew: boolean };

/**
 * Counts block by block; several can follow one run, each counting other rules. The caller chooses the rules that count,
 * since a rule that reads the label finds everything.
 */
export class Recall {
  readonly #catalogue: SensorCatalogue;
  readonly #counts: (rule: string) => boolean;
  readonly #types = new Map<string, TypeCount>();
  readonly #rules = new Map<string, { broken: number; byType: Map<string, number> }>();
  /** By sensor handle. */
  readonly #episodes = new Map<number, Episode>();
  readonly #healthy = { readings: 0, caught: 0 };

  constructor(catalogue: SensorCatalogue, counts: (rule: string) => boolean = () => true) {
    this.#catalogue = catalogue;
    this.#counts = counts;
  }

  add(block: ReadingBlock): void {
    for (const [row, label] of block.label.subarray(0, block.count).entries()) {
      // No rule judges a malformed reading.
      if (label < 0) continue;
      const type = this.#typeOf(label);
      const broken = block.findings.get(row)?.filter(({ rule }) => this.#counts(rule)) ?? [];
      for (const { rule } of broken) this.#countRule(rule, type);
      const episode = this.#episodeOf(block.sensor[row] ?? NO_SENSOR, label);
      const count = type === null ? this.#healthy : this.#countEpisode(type, episode, broken.length > 0);
      count.readings++;
      if (broken.length > 0) count.caught++;
    }
  }

  report(): RecallReport {
    const rows = truthRows(this.#types, this.#healthy);
    const any = rows.find(({ type }) => type === null);
    if (any === undefined) throw new Error("Cannot report the recall: no row is of any type");
    const types = rows.flatMap((row) => {
      const count = row.type === null ? undefined : this.#types.get(row.type);
      if (count === undefined) return [];
      const { episodes, episodesFound } = count;
      return [{ ...row, episodes, episodesFound, episodeRecall: episodesFound / episodes }];
    });
    const rules = [...this.#rules].map(([rule, { broken, byType }]) => {
      const right = [...byType.values()].reduce((sum, n) => sum + n, 0);
      return { rule, broken, byType: Object.fromEntries(byType), precision: right / broken };
    });
    const readings = any.readings + this.#healthy.readings;
    return { readings, any, types, rules: rules.toSorted((a, b) => (a.rule < b.rule ? -1 : 1)) };
  }

  /** Null: healthy. */
  #typeOf(label: number): string | null {
    const { anomalyType = null, anomalyFlag = null } = this.#catalogue.labels[label] ?? {};
    return anomalyType ?? (anomalyFlag === 1 ? "unnamed" : null);
  }

  #countRule(rule: string, type: string | null): void {
    const count = this.#rules.get(rule) ?? { broken: 0, byType: new Map<string, number>() };
    this.#rules.set(rule, count);
    count.broken++;
    if (type !== null) count.byType.set(type, (count.byType.get(type) ?? 0) + 1);
  }

  #episodeOf(sensor: number, label: number): EpisodeNow {
    const known = this.#episodes.get(sensor);
    if (known?.label === label) return { episode: known, isNew: false };
    const episode = { label, found: false };
    this.#episodes.set(sensor, episode);
    return { episode, isNew: true };
  }

  #countEpisode(type: string, { episode, isNew }: EpisodeNow, found: boolean): TypeCount {
    const count = this.#types.get(type) ?? { readings: 0, caught: 0, episodes: 0, episodesFound: 0 };
    this.#types.set(type, count);
    if (isNew) count.episodes++;
    if (found && !episode.found) count.episodesFound++;
    if (found) episode.found = true;
    return count;
  }
}
