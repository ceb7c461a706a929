/**
 * From a foreign row, by name, to a row of a block. Whatever is wrong with it makes it a malformed row, with a reason; it
 * never throws. This is the authority: the fast paths (lines/template.ts, sqlite/rows.ts) take only what they read the same way.
 */
import type { Profile } from "../../core/profile.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { CatalogueFullError, IDENTITY_COLUMNS, type IdentityColumn, type SensorCatalogue } from "../../core/sensor.ts";
import type { Received } from "../lines/received.ts";
import { Draft, notFinite, type RowProblem, readField, shortened } from "./draft.ts";
import { type Field, fieldsOf, type Mapping, NO_MAPPING } from "./fields.ts";
import type { MappedNames, SourceNames } from "./mapped-names.ts";
import { TimestampReader } from "./timestamp.ts";

/** The most bytes of a line or row; of a longer one, which is never a reading, only the beginning is kept. */
export const LINE_BYTES = 1024 * 1024;
/** Even where lines must be shorter: JSON that is written again can be longer than it was. */
const LEAST_EXTRA_BYTES = 64 * 1024;
/** Unknown fields longer than this, in UTF-16 units, take the slow path: only it compares their bytes with the limit. */
export const FAST_EXTRA_LENGTH = 20_000;

export type ForeignRow = Readonly<Record<string, unknown>>;

/** How the rows of one profile are read. */
export type Plan = {
  readonly fields: ReadonlyMap<string, Field>;
  readonly measures: readonly string[];
  /** The slot of each of `measures` in a block. */
  readonly slots: readonly number[];
};

type KnownSensor = {
  readonly identity: readonly (string | number | null)[];
  readonly plan: Plan;
  readonly handle: number;
};

const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");

export class Normalizer {
  readonly timestamps: TimestampReader;
  readonly mapping: Mapping;
  readonly maxLineBytes: number;
  /** Which of the map's names its rows have; null where nobody asks. */
  readonly names: SourceNames | null;
  /** The most bytes of unknown fields in a row, as JSON text: as many as a line may have. A row with more is malformed. */
  readonly #extraBytes: number;
  readonly #catalogue: SensorCatalogue;
  readonly #fallback: Profile;
  readonly #profiles = new Map<string, Profile>();
  readonly #plans = new Map<string, Plan>();
  /** The foreign field that holds the sensor's type, or null where the mapping has it as a constant. */
  readonly #typeField: string | null;
  readonly #known = new Map<string, KnownSensor>();
  readonly #draft: Draft;
  #lastLabel = { statusCode: Number.NaN, anomalyFlag: -1, anomalyType: "", handle: -1 } as LastLabel;

  /** `profile` is for rows whose sensor_type is not the name of one of `profiles`. */
  constructor(options: {
    readonly catalogue: SensorCatalogue;
    readonly profile: Profile;
    readonly profiles?: readonly Profile[];
    readonly mapping?: Mapping;
    readonly names?: MappedNames | null;
    readonly maxLineBytes?: number;
  }) {
    this.maxLineBytes = options.maxLineBytes ?? LINE_BYTES;
    this.#extraBytes = Math.max(this.maxLineBytes, LEAST_EXTRA_BYTES);
    this.#catalogue = options.catalogue;
    this.#fallback = options.profile;
    for (const profile of options.profiles ?? []) this.#profiles.set(profile.name, profile);
    this.#profiles.set(options.profile.name, options.profile);
    this.mapping = options.mapping ?? NO_MAPPING;
    this.names = options.names?.ofSource() ?? null;
    this.timestamps = new TimestampReader(this.mapping.timestampFormat, this.mapping.zone);
    this.#draft = new Draft(this.mapping, this.timestamps);
    this.#typeField = this.mapping.constants.has("sensor_type") ? null : this.foreignName("sensor_type");
  }

  /** The foreign name of one of our fields. */
  foreignName(ours: string): string {
    for (const [name, { to }] of this.mapping.fields) if (to === ours) return name;
    return ours;
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
      return this.planOf(this.#typeField === null ? null : row[this.#typeField]);
    } catch (error) {
      if (error instanceof CatalogueFullError) return null;
      throw error;
    }
  }

  /** Appends exactly one row: a reading, or what was received and why it is not a reading. */
  add(block: ReadingBlock, row: ForeignRow, takenAtMs: number, received: () => Received): void {
    this.names?.see(row);
    let problem: RowProblem | null;
    try {
      problem = this.#append(block, row);
    } catch (error) {
      if (!(error instanceof CatalogueFullError)) throw error;
      problem = { reason: "too_many_kinds", detail: error.message };
    }
    if (problem !== null) block.addMalformed(takenAtMs, { ...problem, ...received() });
  }

  /** The handle of a label; -1 where the catalogue is full. */
  labelOf(statusCode: number | null, anomalyFlag: 0 | 1 | null, anomalyType: string | null): number {
    const last = this.#lastLabel;
    if (last.statusCode === statusCode && last.anomalyFlag === anomalyFlag && last.anomalyType === anomalyType)
      return last.handle;
    try {
      const handle = this.#catalogue.internLabel({ statusCode, anomalyFlag, anomalyType });
      this.#lastLabel = { statusCode, anomalyFlag, anomalyType, handle };
      return handle;
    } catch (error) {
      if (error instanceof CatalogueFullError) return -1;
      throw error;
    }
  }

  #append(block: ReadingBlock, row: ForeignRow): RowProblem | null {
    const draft = this.#draft;
    draft.clear();
    const plan = this.planOf(this.#typeField === null ? null : row[this.#typeField]);
    for (const [column, value] of this.mapping.constants) {
      draft.identity[IDENTITY_COLUMNS.indexOf(column as IdentityColumn)] = value;
    }
    for (const name in row) {
      const field = plan.fields.get(name);
      const value = row[name];
      const problem =
        field === undefined ? addExtra(draft, name, value, this.#extraBytes) : readField(draft, field, name, value);
      if (problem !== null) return problem;
    }
    const missing = this.#missing(draft);
    if (missing !== null) return { reason: "missing_field", detail: `${missing} is missing` };
    const { extra } = draft;
    const most = this.#extraBytes;
    if (extra.length * 3 > most && Buffer.byteLength(extra) + 1 > most) return tooMuchExtra(most);
    this.#write(block, draft, plan);
    return null;
  }

  #missing(draft: Draft): string | null {
    const id = draft.identity[SENSOR_ID];
    if (id === null || id === "") return this.foreignName("sensor_id");
    return Number.isNaN(draft.time) ? this.foreignName("timestamp") : null;
  }

  #write(block: ReadingBlock, draft: Draft, plan: Plan): void {
    const sensor = this.#sensorOf(draft, plan);
    const label = this.labelOf(draft.statusCode, draft.anomalyFlag, draft.anomalyType);
    if (label < 0)
      throw new CatalogueFullError("there are too many different (status_code, anomaly_flag, anomaly_type)");
    const row = block.add(sensor, draft.time, label);
    for (let i = 0; i < plan.slots.length; i++) {
      const value = draft.measures[i]!;
      if (!Number.isNaN(value)) block.column(plan.slots[i]!)[row] = value;
    }
    if (draft.extra !== "") block.addExtra(row, `{${draft.extra.slice(1)}}`);
  }

  /** Looking a sensor up by its sixteen columns costs more than all the rest, so its last identity is remembered. */
  #sensorOf(draft: Draft, plan: Plan): number {
    const id = String(draft.identity[SENSOR_ID]);
    const known = this.#known.get(id);
    if (known !== undefined && known.plan === plan && same(known.identity, draft.identity)) return known.handle;
    const identity = [...draft.identity];
    const handle = this.#catalogue.internSensor(identity, plan.measures);
    this.#known.set(id, { identity, plan, handle });
    return handle;
  }
}

type LastLabel = {
  statusCode: number | null;
  anomalyFlag: number | null;
  anomalyType: string | null;
  handle: number;
};

function same(a: readonly unknown[], b: readonly unknown[]): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Unknown fields are kept as text that is JSON already, so a key such as `__proto__` is a key like any other. */
function addExtra(draft: Draft, name: string, value: unknown, mostBytes: number): RowProblem | null {
  if (value === undefined) return null;
  if (typeof value === "number" && !Number.isFinite(value)) return notFinite(name, value);
  if (draft.extra.length > mostBytes) return tooMuchExtra(mostBytes);
  try {
    draft.extra += `,${JSON.stringify(name)}:${JSON.stringify(blobAsText(value))}`;
    return null;
  } catch {
    return { reason: "wrong_type", detail: `${shortened(name)} is nested too deeply` };
  }
}

function tooMuchExtra(mostBytes: number): RowProblem {
  return { reason: "text_too_long", detail: `the unknown fields are more than ${mostBytes} bytes` };
}

/** JSON has no bytes: a blob of a foreign database is kept as `{"base64": "…"}`. */
export function blobAsText(value: unknown): unknown {
  return value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : value;
}
