/**
 * Which sensor took a reading, kept once: a block of readings refers to its sensors, labels and measures by small integers, and
 * this catalogue has their meaning. The buffer stores the same three lists, so a handle is valid within its epoch.
 */

/** In the order that existing simulators and tables use them. */
export const IDENTITY_COLUMNS = [
  "sensor_id",
  "firmware_version",
  "model",
  "manufacturer",
  "location",
  "latitude",
  "longitude",
  "original_timezone",
  "serial_number",
  "manufacture_date",
  "deployment_type",
  "installation_date",
  "height_meters",
  "orientation_degrees",
  "instance_id",
  "sensor_type",
] as const;
export type IdentityColumn = (typeof IDENTITY_COLUMNS)[number];

export const NUMERIC_IDENTITY: ReadonlySet<IdentityColumn> = new Set<IdentityColumn>([
  "latitude",
  "longitude",
  "height_meters",
  "orientation_degrees",
]);

/** Values in the order of IDENTITY_COLUMNS. Text columns hold text or null, numeric ones a finite number or null. */
export type Identity = readonly (string | number | null)[];

export type Sensor = {
  readonly handle: number;
  readonly identity: Identity;
  /** The measures that this sensor reports, in the order of its profile: the columns of its rows. */
  readonly measures: readonly string[];
  /** The slot in `ReadingBlock.measures` of each of `measures`. */
  readonly slots: readonly number[];
};

/** What a sensor reports about a reading beside its measures, and whether it reported a time. */
export type Label = {
  readonly statusCode: number | null;
  readonly anomalyFlag: 0 | 1 | null;
  readonly anomalyType: string | null;
  /** The reading came without a time, and has that of its arrival. */
  readonly isArrival?: true;
};

export const LIMITS = {
  /** Text of an identity column or an anomaly type, in UTF-16 units. */
  textLength: 256,
  sensors: 100_000,
  labels: 4_096,
  measures: 64,
} as const;

/** Handle 0: the sensor of rows that are too malformed to name one. */
export const NO_SENSOR = 0;

export class CatalogueFullError extends Error {
  override readonly name = "CatalogueFullError";
}

const NO_IDENTITY: Identity = IDENTITY_COLUMNS.map(() => null);

/**
 * Interns sensors, labels and measure names. Only grows; `sensors`, `labels` and `measureNames` are indexed by handle,
 * so a program that persists them only remembers how many it has written. Throws CatalogueFullError at LIMITS (a flood of
 * made-up identities is bad input, and its readings go to the anomalies stage with that reason).
 */
export class SensorCatalogue {
  readonly sensors: Sensor[] = [{ handle: NO_SENSOR, identity: NO_IDENTITY, measures: [], slots: [] }];
  /** In the order in which they were interned; a handle that a buffer has forgotten is used again, so that is not that of handles. */
  readonly interned: Sensor[] = [this.sensors[NO_SENSOR]!];
  /** Of the buffer that it was loaded from. */
  timesForgotten = 0;
  /** Handles below `sensors.length` that no sensor has. */
  readonly #free = new Set<number>();
  readonly labels: Label[] = [];
  readonly measureNames: string[] = [];
  readonly #sensorByKey = new Map<string, number>();
  readonly #labelByKey = new Map<string, number>();
  readonly #slotByName = new Map<string, number>();
  /** Most readings have the label of the one before: then no key is made to find it. */
  #lastLabel = 0;
  #hasArrivals = false;
  #hasRefusedSensor = false;

  /** Whether any label says that its readings have the time of their arrival. */
  get hasArrivals(): boolean {
    return this.#hasArrivals;
  }

  /** A sensor came for which there was no room. */
  get hasRefusedSensor(): boolean {
    return this.#hasRefusedSensor;
  }

  internSensor(identity: Identity, measures: readonly string[]): number {
    const key = JSON.stringify([identity, measures]);
    const known = this.#sensorByKey.get(key);
    if (known !== undefined) return known;
    if (this.#free.size === 0 && this.sensors.length > LIMITS.sensors) {
      this.#hasRefusedSensor = true;
      throw new CatalogueFullError(`more than ${LIMITS.sensors} sensors`);
    }
    const slots = measures.map((name) => this.slotOf(name));
    const { value: handle = this.sensors.length } = this.#free.values().next();
    const sensor = { handle, identity, measures, slots };
    this.#free.delete(handle);
    this.sensors[handle] = sensor;
    this.interned.push(sensor);
    this.#sensorByKey.set(key, handle);
    return handle;
  }

  /** While a stored catalogue is loaded: the handles up to `handle` that it does not have are free. */
  skipTo(handle: number): void {
    this.#free.clear();
    while (this.sensors.length < handle) this.sensors.push(this.sensors[NO_SENSOR]!);
  }

  /** When a stored catalogue was loaded: the handles in between are for new sensors. */
  reuse(free: Iterable<number>): void {
    for (const handle of free) this.#free.add(handle);
  }

  isFree(handle: number): boolean {
    return this.#free.has(handle);
  }

  get hasFree(): boolean {
    return this.#free.size > 0;
  }

  internLabel(label: Label): number {
    const last = this.labels[this.#lastLabel];
    if (
      last !== undefined &&
      last.statusCode === label.statusCode &&
      last.anomalyFlag === label.anomalyFlag &&
      last.anomalyType === label.anomalyType &&
      last.isArrival === label.isArrival
    ) {
      return this.#lastLabel;
    }
    this.#lastLabel = this.#labelHandle(label);
    return this.#lastLabel;
  }

  #labelHandle(label: Label): number {
    const type = label.anomalyType ?? "\u0000";
    const key = `${label.isArrival ? "arrival" : ""}|${label.statusCode}|${label.anomalyFlag}|${type}`;
    const known = this.#labelByKey.get(key);
    if (known !== undefined) return known;
    if (this.labels.length >= LIMITS.labels) {
      throw new CatalogueFullError(`more than ${LIMITS.labels} different (status_code, anomaly_flag, anomaly_type)`);
    }
    this.#labelByKey.set(key, this.labels.length);
    if (label.isArrival) this.#hasArrivals = true;
    return this.labels.push(label) - 1;
  }

  /** The slot of a measure's column, made on first use. */
  slotOf(name: string): number {
    const known = this.#slotByName.get(name);
    if (known !== undefined) return known;
    if (this.measureNames.length >= LIMITS.measures)
      throw new CatalogueFullError(`more than ${LIMITS.measures} measures`);
    this.#slotByName.set(name, this.measureNames.length);
    return this.measureNames.push(name) - 1;
  }
}
