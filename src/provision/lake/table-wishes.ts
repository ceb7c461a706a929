/** The tables that provisioning makes, each with its columns and what it is about. */
import type { Profile } from "../../core/profile.ts";
import { STAGES } from "../../core/stage.ts";
import {
  HEARTBEAT_TABLE_COLUMNS,
  QUARANTINE_COLUMNS,
  type TableColumn,
  tableColumns,
} from "../../lakehouse/columns.ts";
import { heartbeatsFullName, type LakeNames, quarantineFullName, tableFullName } from "../../lakehouse/names.ts";

export type TableWish = {
  readonly fullName: string;
  readonly about: string;
  readonly columns: readonly TableColumn[];
};

/** The five tables, the quarantine, and the table of heartbeats. */
export function tableWishes(names: LakeNames, profile: Profile): readonly TableWish[] {
  const quarantine = {
    fullName: quarantineFullName(names),
    about: "Objects that cannot be unpacked",
    columns: QUARANTINE_COLUMNS,
  };
  const heartbeats = {
    fullName: heartbeatsFullName(names),
    about: "What each node last reported",
    columns: HEARTBEAT_TABLE_COLUMNS,
  };
  const stages = STAGES.map((stage) => ({
    fullName: tableFullName(names, stage),
    about: `Readings of the ${stage} stage`,
    columns: tableColumns(stage, profile),
  }));
  return [...stages, quarantine, heartbeats];
}
