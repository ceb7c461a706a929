/** One trial of a map: its readers, and what all records together say of it. */
import type { Profile } from "../../core/profile.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { MappedNames } from "../../sensor/map/mapped-names.ts";
import { SourceNormalizers } from "../../sensor/normalizers.ts";
import type { Mapping } from "../../sensor/row/fields.ts";
import type { SampledRecord } from "./sample.ts";
import { extraFields, SeenRows, type TriedRecord, triedRecord } from "./tried.ts";
import type { TrialSummary } from "./try-text.ts";

export class Trial {
  readonly normalizers: SourceNormalizers;
  readonly #catalogue = new SensorCatalogue();
  readonly #seen: SeenRows;
  readonly #sensors = new Set<string>();
  readonly #extra = new Set<string>();
  #dropped: readonly string[] = [];
  readonly #summary = {
    records: 0,
    readings: 0,
    filtered: 0,
    malformed: 0,
    problems: 0,
    arrivals: 0,
    without_measures: 0,
  };

  /** `profiles`: the first one reads rows that name none. */
  constructor(mapping: Mapping, [profile, ...profiles]: readonly [Profile, ...Profile[]]) {
    const names = new MappedNames(mapping);
    const seen = new SeenRows(names);
    this.#seen = seen;
    names.ofSource(seen);
    this.normalizers = new SourceNormalizers({
      catalogue: this.#catalogue,
      profile,
      profiles,
      mapping,
      names: { ofSource: () => seen },
    });
  }

  judge(record: SampledRecord): TriedRecord {
    const tried = triedRecord(record, this.#catalogue, this.#droppedOf());
    const summary = this.#summary;
    summary.records++;
    summary.readings += tried.readings.length;
    summary.filtered += tried.filtered;
    summary.malformed += tried.malformed.length;
    summary.problems += tried.problems.length;
    for (const { sensor_id: id, time_quality: quality, measures, extra } of tried.readings) {
      this.#sensors.add(id);
      if (quality === "arrival") summary.arrivals++;
      if (Object.values(measures).every((value) => value === null)) summary.without_measures++;
      for (const name of extraFields(extra)) this.#extra.add(name);
    }
    return tried;
  }

  summary(isCut: boolean): TrialSummary {
    this.#seen.took(0, true);
    return {
      ...this.#summary,
      sensors: this.#sensors.size,
      extra: [...this.#extra],
      unseen: this.#seen.problems()[0]?.message ?? null,
      is_cut: isCut,
    };
  }

  /** Of a line that a template read, no row was seen: it has the fields of the one before. */
  #droppedOf(): readonly string[] {
    const rows = this.#seen.take();
    if (rows.length === 0) return this.#dropped;
    const { typed } = this.normalizers;
    const dropped = rows.flatMap((row) => {
      const plan = typed.planOfRow(row);
      return Object.keys(row).filter((name) => plan?.fields.get(name)?.kind === "drop");
    });
    this.#dropped = [...new Set(dropped)];
    return this.#dropped;
  }
}
