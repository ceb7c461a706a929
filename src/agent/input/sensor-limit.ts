/** Sensors beyond those that a buffer can know: their readings are kept as received, which is a problem until the agent starts again. */
import type { Log } from "../../core/log/log.ts";
import type { Problem } from "../../core/problem.ts";
import { grouped } from "../../core/readable-numbers.ts";
import { LIMITS, type SensorCatalogue } from "../../core/sensor.ts";

export class SensorLimit {
  readonly #catalogue: Pick<SensorCatalogue, "hasRefusedSensor">;
  #isLogged = false;

  constructor(catalogue: Pick<SensorCatalogue, "hasRefusedSensor">) {
    this.#catalogue = catalogue;
  }

  problems(): readonly Problem[] {
    if (!this.#catalogue.hasRefusedSensor) return [];
    const message = `The buffer knows ${grouped(LIMITS.sensors)} sensors, and takes no new one: its readings are kept as received, in raw and anomalies. Does the sensor_id change with each start of a device, or is it a value?`;
    return [{ code: "sensors_many", message, try: "agent tail --stage anomalies" }];
  }

  /** Logs the problem, once. */
  report(log: Log): void {
    const [problem] = this.problems();
    if (problem === undefined || this.#isLogged) return;
    this.#isLogged = true;
    log.warn(problem.code, problem.message, { try: problem.try });
  }
}
