/** The columns of the tables: those of the stages' rows, from the one table of columns, and what the loader adds. */
import type { Column, ColumnType } from "../core/column.ts";
import type { Profile } from "../core/profile.ts";
import type { Stage } from "../core/stage.ts";
import { HEARTBEAT_COLUMNS } from "../fleet/heartbeat.ts";
import { shippedProfiles } from "../sensor/profile/shipped.ts";
import { columnsOf, windowColumnsOf } from "../stages/columns.ts";

export type TableColumn = {
  readonly name: string;
  /** In the words of Spark: `double`, `array<string>`. */
  readonly type: string;
  readonly comment: string;
};

const SPARK_TYPE: Record<ColumnType, string> = {
  text: "string",
  number: "double",
  integer: "bigint",
  timestamp: "timestamp",
  "list of text": "array<string>",
};

const tableColumn = ({ name, type, doc }: Column): TableColumn => ({ name, type: SPARK_TYPE[type], comment: doc });

/** Auto Loader's: when a row came in and from which object, and what did not fit the columns. */
export const LOADER_COLUMNS: readonly TableColumn[] = [
  { name: "processing_timestamp", type: "timestamp", comment: "When Auto Loader took the row in" },
  { name: "source_file", type: "string", comment: "The object that the row came from" },
  { name: "_rescued_data", type: "string", comment: "What did not fit the columns, as JSON" },
  {
    name: "_corrupt_record",
    type: "string",
    comment: "The line as it was, where it could not be read as these columns",
  },
];

/** As the notebook has them: a test compares. */
export const QUARANTINE_COLUMNS: readonly TableColumn[] = [
  { name: "stage", type: "string", comment: "Whose bucket the object is in" },
  { name: "source_file", type: "string", comment: "The object, left where it is" },
  { name: "reason", type: "string", comment: "Why it cannot be unpacked" },
  { name: "found_at", type: "timestamp", comment: "When that was found" },
];

/** As they are in the object. */
export const SENT_HEARTBEAT_COLUMNS: readonly TableColumn[] = HEARTBEAT_COLUMNS.map(tableColumn);

/** What the notebook adds to a heartbeat. */
export const HEARTBEAT_LOADER_COLUMNS: readonly TableColumn[] = [
  { name: "received_at", type: "timestamp", comment: "When the store took the object, by the store's clock" },
  { name: "processing_timestamp", type: "timestamp", comment: "When the bucket was read; the same in every row" },
  { name: "source_file", type: "string", comment: "The object that the row came from" },
  {
    name: "_corrupt_record",
    type: "string",
    comment: "The line as it was, where it could not be read as these columns",
  },
];

export const HEARTBEAT_TABLE_COLUMNS: readonly TableColumn[] = [...SENT_HEARTBEAT_COLUMNS, ...HEARTBEAT_LOADER_COLUMNS];

/**
 * All may be null: a value that does not fit is rescued and leaves null behind, and one bad row must not stop a stream.
 * The measures are those of every shipped profile and of the profile of the settings, so that one lake serves all nodes.
 */
export function tableColumns(stage: Stage, profile: Profile): readonly TableColumn[] {
  const all = [...shippedProfiles(), profile].flatMap(({ measures }) => measures);
  const measures = [...new Map(all.map((measure) => [measure.name, measure])).values()];
  const columns = stage === "aggregated" ? windowColumnsOf(measures) : columnsOf(stage, measures);
  const own = columns.map(tableColumn);
  // A measure of the user's own may be named like a column that is there: SQL has each name once, in any case.
  const byName = new Map<string, TableColumn>();
  for (const column of [...own, ...LOADER_COLUMNS]) {
    const key = column.name.toLowerCase();
    if (!byName.has(key)) byName.set(key, column);
  }
  return [...byName.values()];
}
