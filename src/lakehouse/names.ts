/** What the tables of the lakehouse are called. Words only: a query of the tables needs no provisioning. */
import { type Stage, TABLE_OF_STAGE } from "../core/stage.ts";

/** Where a table of the lake is: `catalog.schema.table`. */
export type LakeNames = { readonly catalog: string; readonly schema: string };

export const schemaFullName = ({ catalog, schema }: LakeNames) => `${catalog}.${schema}`;
export const tableFullName = (names: LakeNames, stage: Stage) => `${schemaFullName(names)}.${TABLE_OF_STAGE[stage]}`;

/** Where the notebook writes down the objects that cannot be unpacked. */
export const QUARANTINE_TABLE = "sensor_readings_quarantine";
export const quarantineFullName = (names: LakeNames) => `${schemaFullName(names)}.${QUARANTINE_TABLE}`;

/** What the nodes report about themselves, as the metadata bucket shows it when the notebook looks. */
export const HEARTBEATS_TABLE = "sensor_readings_heartbeats";
export const heartbeatsFullName = (names: LakeNames) => `${schemaFullName(names)}.${HEARTBEATS_TABLE}`;
