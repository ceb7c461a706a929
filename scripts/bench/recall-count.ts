/**
 * How well a set of rules finds what is known to be wrong: judged blocks against the labels that their readings carry (the
 * simulator's `anomaly_type`). Which rules count is the caller's choice, since a rule that reads the label finds everything.
 */
import type { ReadingBlock } from "../../src/core/reading.ts";
import type { SensorCatalogue } from "../../src/core/sensor.ts";

export type RecallReport = {
  readonly readings: number;
  /** Readings that are labelled as anomalies, that any counted rule is broken by, and that are both. */
  readonly labelled: number;
  readonly found: number;
  readonly rightlyFound: number;
  /** The share of the readings found that are labelled; null where none was found. */
  readonly precision: number | null;
  readonly types: readonly TypeRecall[];
  readonly rules: readonly RulePrecision[];
};

/**
 * An episode is a run of readings of one sensor with the same label. What tells a fault only by how long it lasts (a value
 * that is stuck looks healthy at first) can find every episode, but never every reading.
 */
export type TypeRecall = {
  readonly type: string;
  readonly readings: number;
  readonly readingsFound: number;
  readonly recall: number;
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

/** The blocks in their order, each with its findings; a block may be used again for the next. */
export function recallOf(
  blocks: Iterable<ReadingBlock>,
  catalogue: SensorCatalogue,
  counts: (rule: string) => boolean = () => true,
): RecallReport {
  const recall = new Recall(catalogue, counts);
  for (const block of blocks) recall.add(block);
  return recall.report();
}

type TypeCount = { readings: number; readingsFound: number; episodes: number; episodesFound: number };
type Running = { label: number; found: boolean };

/** The same, block by block: several can follow one run, each counting other rules. */
export class Recall {
  readonly #catalogue: SensorCatalogue;
  readonly #counts: (rule: string) => boolean;
  readonly #types = new Map<string, TypeCount>();
  readonly #rules = new Map<string, { broken: number; byType: Map<string, number> }>();
  /** By sensor handle: the label of its last reading, and whether that episode was found. */
  readonly #running: Running[] = [];
  #readings = 0;
  #labelled = 0;
  #found = 0;
  #rightlyFound = 0;

  constructor(catalogue: SensorCatalogue, counts: (rule: string) => boolean = () => true) {
    this.#catalogue = catalogue;
    this.#counts = counts;
  }

  add(block: ReadingBlock): void {
    const { labels } = this.#catalogue;
    for (let row = 0; row < block.count; row++) {
      const label = block.label[row]!;
      // What is malformed is no reading: no rule judges it.
      if (label < 0) continue;
      const { anomalyType, anomalyFlag } = labels[label]!;
      const type = anomalyType ?? (anomalyFlag === 1 ? "unnamed" : null);
      const broken = block.findings.get(row)?.filter(({ rule }) => this.#counts(rule)) ?? [];
      this.#readings++;
      if (type !== null) this.#labelled++;
      if (broken.length > 0) this.#found++;
      if (type !== null && broken.length > 0) this.#rightlyFound++;
      for (const { rule } of broken) this.#countRule(rule, type);
      this.#follow(block.sensor[row]!, label, type, broken.length > 0);
    }
  }

  report(): RecallReport {
    const types = [...this.#types].map(([type, count]) => ({
      type,
      ...count,
      recall: count.readingsFound / count.readings,
      episodeRecall: count.episodesFound / count.episodes,
    }));
    const rules = [...this.#rules].map(([rule, { broken, byType }]) => {
      const right = [...byType.values()].reduce((sum, n) => sum + n, 0);
      return { rule, broken, byType: Object.fromEntries(byType), precision: right / broken };
    });
    return {
      readings: this.#readings,
      labelled: this.#labelled,
      found: this.#found,
      rightlyFound: this.#rightlyFound,
      precision: this.#found === 0 ? null : this.#rightlyFound / this.#found,
      types: types.toSorted((a, b) => (a.type < b.type ? -1 : 1)),
      rules: rules.toSorted((a, b) => (a.rule < b.rule ? -1 : 1)),
    };
  }

  #countRule(rule: string, type: string | null): void {
    const count = this.#rules.get(rule) ?? { broken: 0, byType: new Map<string, number>() };
    this.#rules.set(rule, count);
    count.broken++;
    if (type !== null) count.byType.set(type, (count.byType.get(type) ?? 0) + 1);
  }

  #follow(sensor: number, label: number, type: string | null, found: boolean): void {
    const running = this.#running[sensor];
    const goesOn = running?.label === label;
    if (!goesOn) this.#running[sensor] = { label, found: false };
    if (type === null) return;
    const count = this.#types.get(type) ?? { readings: 0, readingsFound: 0, episodes: 0, episodesFound: 0 };
    this.#types.set(type, count);
    count.readings++;
    if (!goesOn) count.episodes++;
    if (!found) return;
    count.readingsFound++;
    const episode = this.#running[sensor]!;
    if (!episode.found) count.episodesFound++;
    episode.found = true;
  }
}
