/** The handles of a catalogue: of sensors, and of what they say of their readings. Most rows ask for one that was just asked for. */
import { CatalogueFullError, type Label, type SensorCatalogue } from "../../core/sensor.ts";

type Identity = readonly (string | number | null)[];
/** A sensor with other measures is another one. */
type Measures = { readonly measures: readonly string[] };
type KnownSensor = { readonly identity: Identity; readonly of: Measures; readonly handle: number };

/** Looking a sensor up by its sixteen columns costs more than all the rest of a row, so its last identity is remembered. */
export class KnownSensors {
  readonly #catalogue: SensorCatalogue;
  readonly #known = new Map<string, KnownSensor>();

  constructor(catalogue: SensorCatalogue) {
    this.#catalogue = catalogue;
  }

  /** `draft`: may change afterwards. The sensor's id is the first of its columns. Throws CatalogueFullError. */
  handleOf(draft: Identity, of: Measures): number {
    const id = String(draft[0]);
    const known = this.#known.get(id);
    if (known !== undefined && known.of === of && same(known.identity, draft)) return known.handle;
    const identity = [...draft];
    const handle = this.#catalogue.internSensor(identity, of.measures);
    this.#known.set(id, { identity, of, handle });
    return handle;
  }
}

function same(a: Identity, b: Identity): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

type LastLabel = {
  statusCode: number | null;
  anomalyFlag: number | null;
  anomalyType: string | null;
  isArrival: boolean;
  handle: number;
};

export class Labels {
  readonly #catalogue: SensorCatalogue;
  #last: LastLabel = { statusCode: Number.NaN, anomalyFlag: -1, anomalyType: "", isArrival: false, handle: -1 };

  constructor(catalogue: SensorCatalogue) {
    this.#catalogue = catalogue;
  }

  /** -1 where the catalogue is full. `isArrival`: the reading has the time of its arrival. */
  handleOf(
    statusCode: number | null,
    anomalyFlag: Label["anomalyFlag"],
    anomalyType: string | null,
    isArrival: boolean,
  ): number {
    const last = this.#last;
    if (
      last.statusCode === statusCode &&
      last.anomalyFlag === anomalyFlag &&
      last.anomalyType === anomalyType &&
      last.isArrival === isArrival
    )
      return last.handle;
    try {
      const said = { statusCode, anomalyFlag, anomalyType };
      const handle = this.#catalogue.internLabel(isArrival ? { ...said, isArrival } : said);
      this.#last = { statusCode, anomalyFlag, anomalyType, isArrival, handle };
      return handle;
    } catch (error) {
      if (error instanceof CatalogueFullError) return -1;
      throw error;
    }
  }
}
