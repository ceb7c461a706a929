/**
 * From a foreign row, by name, to a row of a block. It never throws. A row without a readable sensor_id and timestamp, or of
 * whose measures none can be read, is malformed, with a reason. Any other field that cannot be read is null, and `extra` has
 * what was received. This is the authority: the fast paths (lines/template.ts, sqlite/rows.ts) take only what they read the
 * same way.
 */

import { isObject } from "../../core/outside/shape.ts";
import type { Profile } from "../../core/profile.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { CatalogueFullError, IDENTITY_COLUMNS, type IdentityColumn, type SensorCatalogue } from "../../core/sensor.ts";
import { NO_CONTEXT, type RecordContext } from "../context.ts";
import type { MappedNames, SourceNames } from "../map/mapped-names.ts";
import { type RowSink, Shaper } from "../record/shaper.ts";
import type { ReadingKey, WideJoin } from "../record/wide.ts";
import { Draft, problemOfMeasures, readField } from "./draft.ts";
import { type FieldTable, fieldsOf } from "./field-table.ts";
import { foreignNamesOf, isNeeded, type Mapping, NO_MAPPING } from "./fields.ts";
import type { ForeignRow } from "./foreign-row.ts";
import { KnownSensors, Labels } from "./interned.ts";
import { OtherNames } from "./other-names.ts";
import { type LastTimesOf, RepeatedTimes } from "./repeated-times.ts";
import {
  notAnObject,
  type Original,
  problemNotes,
  type RowProblem,
  receivedTimeKey,
  tooMuchExtra,
  unlessFull,
} from "./row-problem.ts";
import { REPEATED, TimestampReader } from "./timestamp.ts";

/** The most bytes of a line or row; of a longer one, which is never a reading, only the beginning is kept. */
export const LINE_BYTES = 1024 * 1024;
/** Even where lines must be shorter: JSON that is written again can be longer than it was. */
export const LEAST_EXTRA_BYTES = 64 * 1024;
/** Unknown fields longer than this, in UTF-16 units, take the slow path: only it compares their bytes with the limit. */
export const FAST_EXTRA_LENGTH = 20_000;

/** How the rows of one profile are read. */
export type Plan = {
  readonly fields: FieldTable;
  readonly measures: readonly string[];
  /** The slot of each of `measures` in a block. */
  readonly slots: readonly number[];
};

const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");

export class Normalizer {
  readonly timestamps: TimestampReader;
  readonly mapping: Mapping;
  readonly maxLineBytes: number;
  /** Which of the map's names its rows have; null where no caller needs them. */
  readonly names: SourceNames | null;
  /** The times that the absent values among the texts are; a time that is one of these may be absent. */
  readonly absentTimes: ReadonlySet<number>;
  /** What is known beside the records that come now: of a topic, a file, a request. */
  context: RecordContext = NO_CONTEXT;
  /** The most bytes of unknown fields in a row, as JSON text: as many as a line may have. A row with more is malformed. */
  readonly #extraBytes: number;
  readonly #catalogue: SensorCatalogue;
  readonly #fallback: Profile;
  readonly #profiles = new Map<string, Profile>();
  readonly #plans = new Map<string, Plan>();
  /** The foreign fields that may hold the sensor's type. */
  readonly #typeFields: readonly string[];
  /** Where several foreign fields lead to one of ours: which of a row are not used. */
  readonly otherNames: OtherNames;
  readonly #known: KnownSensors;
  readonly #draft: Draft;
  /** Null where every record is a flat row. */
  readonly shaper: Shaper | null;
  readonly #repeated: RepeatedTimes;
  readonly #labels: Labels;
  /** When the record that is read arrived. */
  #takenAtMs = 0;

  /** `profile` is for rows whose sensor_type is not the name of one of `profiles`. */
  constructor(options: {
    readonly catalogue: SensorCatalogue;
    readonly profile: Profile;
    readonly profiles?: readonly Profile[];
    readonly mapping?: Mapping;
    readonly names?: Pick<MappedNames, "ofSource"> | null;
    readonly lastTimesOf?: LastTimesOf;
    readonly maxLineBytes?: number;
  }) {
    this.maxLineBytes = options.maxLineBytes ?? LINE_BYTES;
    this.#extraBytes = Math.max(this.maxLineBytes, LEAST_EXTRA_BYTES);
    this.#catalogue = options.catalogue;
    this.#labels = new Labels(options.catalogue);
    this.#known = new KnownSensors(options.catalogue);
    this.#fallback = options.profile;
    for (const profile of options.profiles ?? []) this.#profiles.set(profile.name, profile);
    this.#profiles.set(options.profile.name, options.profile);
    this.mapping = options.mapping ?? NO_MAPPING;
    this.names = options.names?.ofSource() ?? null;
    const { time, absent } = this.mapping;
    this.timestamps = new TimestampReader(time.formats, time.zone, time.zones);
    const texts = absent.given.filter((value) => typeof value === "string");
    this.absentTimes = new Set(texts.map((text) => this.timestamps.fromText(text)).filter((ms) => !Number.isNaN(ms)));
    this.#draft = new Draft(this.mapping, this.timestamps);
    this.#repeated = new RepeatedTimes(options.lastTimesOf ?? (() => []));
    const typeColumn = IDENTITY_COLUMNS.indexOf("sensor_type");
    const fields = fieldsOf(options.profile, this.mapping);
    this.#typeFields = this.foreignNames("sensor_type").filter((name) => {
      const field = fields.get(name);
      return field?.kind === "identity" && field.column === typeColumn;
    });
    this.otherNames = new OtherNames(this.mapping);
    const append: RowSink["append"] = (block, row, original) => this.#read(block, row, original);
    const keyOf: RowSink["keyOf"] = (row, original) => this.#keyOf(row, original);
    this.shaper = Shaper.of(this.mapping, { append, keyOf, fields, names: this.names });
  }

  /** The foreign names of one of our fields, the one that counts most first. */
  foreignNames(ours: string): readonly string[] {
    const names = foreignNamesOf(this.mapping, ours);
    return names.length === 0 ? [ours] : names;
  }

  /** The first of them. */
  foreignName(ours: string): string {
    return this.foreignNames(ours)[0] ?? ours;
  }

  /** The foreign names of the measures of every profile that a row may choose, those of its default first. */
  measureFields(): readonly string[] {
    const profiles = [this.#fallback, ...this.#profiles.values()];
    const names = profiles.flatMap(({ measures }) => measures.flatMap(({ name }) => this.foreignNames(name)));
    return [...new Set(names)];
  }

  /** The plan for a row with this sensor_type. Throws CatalogueFullError when its measures have no room. */
  planOf(sensorType: unknown): Plan {
    const constant = this.mapping.constants.get("sensor_type");
    const named = constant ?? sensorType;
    const profile = (typeof named === "string" ? this.#profiles.get(named) : undefined) ?? this.#fallback;
    const known = this.#plans.get(profile.name);
    if (known !== undefined) return known;
    const measures = profile.measures.map(({ name }) => name);
    const slots = measures.map((name) => this.#catalogue.slotOf(name));
    const plan = { fields: fieldsOf(profile, this.mapping), measures, slots };
    this.#plans.set(profile.name, plan);
    return plan;
  }

  /** The plan of this row, or null where the catalogue is full. */
  planOfRow(row: ForeignRow): Plan | null {
    try {
      return this.planOf(this.#typeOf(row));
    } catch (error) {
      if (error instanceof CatalogueFullError) return null;
      throw error;
    }
  }

  #typeOf(row: ForeignRow): unknown {
    const { absent } = this.mapping;
    return this.#typeFields.map((name) => row[name]).find((value) => value != null && !absent.has(value));
  }

  /**
   * Appends a flat row as one row: a reading, or what was received and why it is not a reading; where the map shapes records, as
   * `addRecord`. Returns whether all of it is readings of which every field could be read.
   */
  add(block: ReadingBlock, row: ForeignRow, takenAtMs: number, original: Original): boolean {
    this.#takenAtMs = takenAtMs;
    if (this.shaper !== null)
      return this.shaper.add(block, { record: row, context: this.context, takenAtMs, original });
    const problem = this.#read(block, row, original);
    if (problem === null) return this.#draft.problems.size === 0;
    block.addMalformed(takenAtMs, { ...problem, ...original.received() });
    return false;
  }

  /** Appends the readings of one record, all to this block: as many as the map makes of it, none where it leaves it out. Returns as `add`. */
  addRecord(block: ReadingBlock, record: unknown, takenAtMs: number, original: Original): boolean {
    this.#takenAtMs = takenAtMs;
    if (this.shaper !== null) return this.shaper.add(block, { record, context: this.context, takenAtMs, original });
    if (isObject(record)) return this.add(block, record, takenAtMs, original);
    block.addMalformed(takenAtMs, { ...notAnObject(record), ...original.received() });
    return false;
  }

  /** Rows that are joined to readings of several quantities; null where the map says nothing of that. */
  get wide(): WideJoin | null {
    return this.shaper?.wide ?? null;
  }

  /** Appends a reading, or nothing and says why. */
  #read(block: ReadingBlock, row: ForeignRow, original: Original): RowProblem | null {
    this.names?.see(row);
    return unlessFull(() => this.#append(block, row, original));
  }

  /** Whose reading a row is, and of when; or why it is none. Appends nothing. */
  #keyOf(row: ForeignRow, original: Original): ReadingKey | RowProblem {
    const draft = this.#draft;
    const problem = unlessFull(() => this.#fill(row, original, this.planOf(this.#typeOf(row))));
    return problem ?? { sensor: String(draft.identity[SENSOR_ID]), timeMs: draft.time.ms };
  }

  /** The handle of a label; -1 where the catalogue is full. */
  labelOf(code: number | null, flag: 0 | 1 | null, type: string | null, isArrival: boolean): number {
    return this.#labels.handleOf(code, flag, type, isArrival);
  }

  #append(block: ReadingBlock, row: ForeignRow, original: Original): RowProblem | null {
    const plan = this.planOf(this.#typeOf(row));
    const problem = this.#fill(row, original, plan);
    if (problem !== null) return problem;
    this.#write(block, this.#draft, plan);
    for (const [field, { reason, detail }] of this.#draft.problems) block.addFlaw({ reason, field, detail, count: 1 });
    return null;
  }

  /** Reads a row into the draft. */
  #fill(row: ForeignRow, original: Original, plan: Plan): RowProblem | null {
    const draft = this.#draft;
    draft.begin(row, original);
    for (const [column, value] of this.mapping.constants) {
      draft.identity[IDENTITY_COLUMNS.indexOf(column as IdentityColumn)] = value;
    }
    const unused = this.otherNames.unusedOf(row, plan.fields);
    for (const name in row) {
      const field = unused?.has(name) ? undefined : plan.fields.get(name);
      const value = row[name];
      if (field === undefined) {
        if (unused !== null && this.mapping.dropRest) continue;
        // Its text may be as long as the row.
        if (draft.extra.length > this.#extraBytes) return tooMuchExtra(this.#extraBytes);
        if (value !== undefined) draft.extra += `,${JSON.stringify(name)}:${original.textOf(name)}`;
        continue;
      }
      const problem = readField(draft, field, name, value);
      if (problem === null) continue;
      if (isNeeded(field)) return problem;
      draft.problems.set(name, problem);
    }
    const badTime = draft.time.settle(original.takenAtMs ?? this.#takenAtMs, original);
    if (badTime !== null) return badTime;
    const missing = this.#missing(draft);
    if (missing !== null) return { reason: "missing_field", detail: `${missing} is missing${this.#partsOf(missing)}` };
    if (draft.problems.size > 0) {
      const problem = problemOfMeasures(draft, plan.fields, plan.measures.length);
      if (problem !== null) return problem;
      draft.extra += problemNotes(draft.problems, row, original);
    }
    if (draft.time.received !== "") {
      draft.extra += receivedTimeKey((name) => Object.hasOwn(row, name)) + draft.time.received;
    }
    const { extra } = draft;
    const most = this.#extraBytes;
    return extra.length * 3 > most && Buffer.byteLength(extra) + 1 > most ? tooMuchExtra(most) : null;
  }

  #missing(draft: Draft): string | null {
    const id = draft.identity[SENSOR_ID];
    if (id === null || id === "") return this.foreignNames("sensor_id").join(" or ");
    return draft.time.missing(this.foreignNames("timestamp"));
  }

  /** What a text that is composed needs. */
  #partsOf(name: string): string {
    const composed = this.mapping.shape?.compose.find(({ to }) => to === name);
    return composed === undefined ? "" : `: a part of "${composed.pattern.text}" has no value`;
  }

  #write(block: ReadingBlock, draft: Draft, plan: Plan): void {
    const sensor = this.#known.handleOf(draft.identity, plan);
    const label = this.labelOf(draft.statusCode, draft.anomalyFlag, draft.anomalyType, draft.time.isArrival);
    if (label < 0)
      throw new CatalogueFullError("there are too many different (status_code, anomaly_flag, anomaly_type)");
    const { ms, note } = draft.time;
    const time = note & REPEATED ? this.settled(block, sensor, ms) : ms;
    const row = block.add(sensor, time, label);
    for (let i = 0; i < plan.slots.length; i++) {
      const value = draft.measures[i]!;
      if (!Number.isNaN(value)) block.column(plan.slots[i]!)[row] = value;
    }
    if (draft.extra !== "") block.addExtra(row, `{${draft.extra.slice(1)}}`);
  }

  /** Which occurrence of a local time that occurs twice (REPEATED, of the timestamp that was read last) is meant. */
  settled(block: ReadingBlock, sensor: number, firstMs: number): number {
    const zone = this.mapping.time.zone?.name ?? "UTC";
    const detail = `local times of ${zone} around ${new Date(firstMs).toISOString()} occur twice, and the order of a sensor's rows decides which is meant`;
    block.addFlaw({ reason: "repeated_time", field: null, detail, count: 1 });
    return this.#repeated.settle(block, sensor, firstMs, this.timestamps.repeatMs);
  }
}
