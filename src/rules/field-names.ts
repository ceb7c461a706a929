/** The names of the fields that a rule may read: identity columns, what a sensor says about a reading, measures. */
import { IDENTITY_COLUMNS } from "../core/sensor.ts";

/** What a sensor says about a reading beside its measures. */
export const LABEL_FIELDS = ["status_code", "anomaly_flag", "anomaly_type"] as const;
export type LabelField = (typeof LABEL_FIELDS)[number];
export const IDENTITY_NAMES: readonly string[] = IDENTITY_COLUMNS;
/** Names that a measure cannot have. */
export const RESERVED_FIELDS: ReadonlySet<string> = new Set([...IDENTITY_COLUMNS, ...LABEL_FIELDS, "timestamp"]);
export const MEASURE_NAME = /^[a-z][a-z0-9_]{0,63}$/;
