/** The last heartbeat of each node in the store, for the fleet's table. */
import { text } from "../../core/outside/scalar-shapes.ts";
import { storedEntries } from "../../core/outside/stored-json.ts";
import type { Report } from "../../fleet/fleet-table.ts";
import type { Context } from "../frame/command.ts";
import { lookInto } from "../store-of.ts";

/** Of the columns beside a max(), SQLite takes the values of the row that has it. */
const LAST = `SELECT node_id, agent_version, rules_version, state, health, problems, pending, losses, interval_s,
  round((julianday(processing_timestamp) - julianday(max(received_at))) * 86400000) AS age_ms,
  round((julianday(sent_at) - julianday(oldest_pending_at)) * 86400000) AS lag_ms
FROM sensor_readings_heartbeats WHERE node_id IS NOT NULL AND _corrupt_record IS NULL GROUP BY node_id`;
const NODES_MOST = 100_000;
/** As the question "fleet" has it. */
const SILENT_AFTER = 3;
const anyText = text(/^/, "a text");

/** Throws what the store throws. */
export async function lastHeartbeats(context: Context): Promise<readonly Report[]> {
  const [{ askLake }, { loadProfile }] = await Promise.all([
    import("../../query/local-query.ts"),
    import("../../sensor/profile/shipped.ts"),
  ]);
  const profile = loadProfile(context.settings.profile, context.cwd);
  const { rows } = await lookInto(context, (store, progress) =>
    askLake(store, LAST, {
      profile,
      limit: NODES_MOST,
      sinceMs: null,
      nowMs: Date.now(),
      stop: context.stop,
      tell: progress.tell,
      busy: context.endedBySignals ?? ((work) => work()),
    }),
  );
  return rows.map(reportOf);
}

function reportOf(row: readonly (string | null)[]): Report {
  const [nodeId = null, version = null, rules = null, state, health, problems, ...numbers] = row;
  const [pending = 0, losses = 0, intervalS = 0, ageMs = 0, lagMs = 0] = numbers.map((value) => Number(value ?? 0));
  const isSilent = ageMs > SILENT_AFTER * 1_000 * intervalS;
  const of = state === "stopped" ? "stopped" : isSilent ? "silent" : health === "ok" ? "ok" : "degraded";
  const all = storedEntries(anyText, problems ?? "[]") ?? [];
  return {
    nodeId: nodeId ?? "",
    version,
    rules,
    state: of,
    ageMs,
    lagMs: Math.max(0, lagMs),
    pending,
    losses,
    problems: all,
  };
}
