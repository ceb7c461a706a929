/** The handles of what sensors say about their readings. Most readings say the same as the one before. */
import { CatalogueFullError, type Label, type SensorCatalogue } from "../../core/sensor.ts";

type LastLabel = {
  statusCode: number | null;
  anomalyFlag: number | null;
  anomalyType: string | null;
  handle: number;
};

export class Labels {
  readonly #catalogue: SensorCatalogue;
  #last: LastLabel = { statusCode: Number.NaN, anomalyFlag: -1, anomalyType: "", handle: -1 };

  constructor(catalogue: SensorCatalogue) {
    this.#catalogue = catalogue;
  }

  /** -1 where the catalogue is full. */
  handleOf(statusCode: number | null, anomalyFlag: Label["anomalyFlag"], anomalyType: string | null): number {
    const last = this.#last;
    if (last.statusCode === statusCode && last.anomalyFlag === anomalyFlag && last.anomalyType === anomalyType)
      return last.handle;
    try {
      const handle = this.#catalogue.internLabel({ statusCode, anomalyFlag, anomalyType });
      this.#last = { statusCode, anomalyFlag, anomalyType, handle };
      return handle;
    } catch (error) {
      if (error instanceof CatalogueFullError) return -1;
      throw error;
    }
  }
}
