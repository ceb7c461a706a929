/** The encoders of a buffer's epochs: rows keep the ids that their readings have. Most buffers have one epoch. */
import type { SeqOwner } from "../buffer/earlier-epochs.ts";
import type { SensorCatalogue } from "../core/sensor.ts";
import { type EncoderSettings, StageEncoder } from "../stages/encode.ts";

export class Encoders {
  readonly #settings: Omit<EncoderSettings, keyof SeqOwner>;
  readonly #catalogue: SensorCatalogue;
  readonly #byEpoch = new Map<string, StageEncoder>();

  constructor(settings: Omit<EncoderSettings, keyof SeqOwner>, catalogue: SensorCatalogue) {
    this.#settings = settings;
    this.#catalogue = catalogue;
  }

  of({ epoch, nodeId }: SeqOwner): StageEncoder {
    const known = this.#byEpoch.get(epoch);
    if (known !== undefined) return known;
    const made = new StageEncoder({ ...this.#settings, epoch, nodeId }, this.#catalogue);
    this.#byEpoch.set(epoch, made);
    return made;
  }
}
