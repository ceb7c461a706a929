/** `agent verify --databricks`: the buffer against the buckets, where there is one here, and the buckets against the tables. */

import { resolve } from "node:path";
import { lagOf } from "../../buffer/ledger/holdings.ts";
import { BufferLedger, mayHaveBuffer } from "../../buffer/ledger/ledger.ts";
import { STAGES, type Stage } from "../../core/stage.ts";
import { openLake } from "../../provision/lake/side.ts";
import { lastIngest } from "../../provision/load/ingest.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";
import { type TablesVerification, verifyTables } from "../../verify/tables/tables.ts";
import type { Context } from "../frame/command.ts";
import { databricksOptions, worldOf } from "../provision/sides.ts";
import { type Delivered, tablesJson, tablesText } from "./tables-text.ts";

export type DatabricksVerification = {
  readonly ok: boolean;
  readonly json: unknown;
  readonly lines: readonly string[];
};

/** Changes nothing, neither there nor here. Throws the error of Databricks or the store when they cannot be read now. */
export async function verifyDatabricks(context: Context, store: ObjectStore): Promise<DatabricksVerification> {
  const lake = openLake(databricksOptions(context));
  const world = worldOf(context);
  try {
    const names = { catalog: lake.catalog, schema: lake.schema };
    const ingest = await lastIngest(lake, world);
    const found: TablesVerification = await verifyTables({ store, sql: lake.sql, pace: world, names, ingest });
    const delivered = deliveredHere(context);
    return {
      ok: found.ok,
      json: tablesJson(found, delivered),
      lines: tablesText(found, delivered, store, context.columns),
    };
  } finally {
    world.end();
  }
}

export function hasBuffer({ cwd, settings }: Context): boolean {
  return mayHaveBuffer(resolve(cwd, settings.dataDir));
}

/** The rows that the buffer here has delivered; null where there is no buffer. */
function deliveredHere(context: Context): Delivered | null {
  if (!hasBuffer(context)) return null;
  const { settings, cwd } = context;
  const ledger = BufferLedger.open(resolve(cwd, settings.dataDir));
  try {
    const { stages } = lagOf(ledger, settings.stages, settings.windowMs);
    const rows = Object.fromEntries(STAGES.map((stage) => [stage, stages[stage].delivered])) as Record<Stage, number>;
    return { nodeId: ledger.nodeId, rows };
  } finally {
    ledger.close();
  }
}
