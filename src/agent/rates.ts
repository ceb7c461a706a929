/** How fast a node works, over the last minute. */
import type { Stage } from "../core/stage.ts";

export type Rates = {
  /** Readings that were committed. */
  readonly readingsPerSecond: number;
  readonly anomaliesPerMinute: number;
  /** Sent to the store, all stages. */
  readonly bytesPerSecond: number;
  /** From the sensor's time to the stored object, 95 % of readings are faster; null: nothing was delivered in the last minutes. */
  readonly lagP95Ms: number | null;
  readonly stages: Readonly<
    Record<Stage, { readonly rowsPerSecond: number; readonly bytesPerSecond: number; readonly lagP95Ms: number | null }>
  >;
};
