/**
 * What a test asks of a workspace that runs as its own process, under `/-/` and without credentials:
 *   GET  /-/journal   GET /-/complaints   GET /-/faults   GET /-/people
 *   POST /-/faults {…}   POST /-/reset   PATCH /-/settings {…}   PUT /-/rows {"table": "c.s.t", "rows": 5}
 */

import type { Fault, FaultAnswer } from "../world/faults.ts";
import type { WorkspaceSettings } from "../world/settings.ts";
import { DEFAULT_SETTINGS } from "../world/settings.ts";
import { parseExact, printExact } from "./exact-json.ts";
import type { Workspace } from "./port.ts";

const ASKS: Readonly<Record<string, (workspace: Workspace, body: unknown) => unknown>> = {
  "GET /-/journal": ({ journal }) => journal.entries(),
  "GET /-/complaints": ({ journal }) => journal.complaints(),
  "GET /-/faults": ({ faults }) => faults.left(),
  "POST /-/faults": ({ faults }, body) => faults.add(body as Fault),
  "POST /-/reset": ({ reset }) => reset(),
  "PATCH /-/settings": ({ set }, body) => set(checkedSettings(body)),
  "PUT /-/rows": (workspace, body) => {
    const { table, rows } = body as { readonly table: string; readonly rows: number };
    setRows(workspace, table, rows);
  },
};

/** What `SELECT count(*)` of a table answers from now on. Throws when there is no such table. */
export function setRows(workspace: Workspace, name: string, rows: number): void {
  const { tables } = workspace.world();
  const table = tables.get(name.toLowerCase());
  if (table === undefined) throw new Error(`Cannot set the rows of "${name}": there is no such table`);
  if (!Number.isSafeInteger(rows) || rows < 0) throw new Error(`Cannot set the rows of "${name}" to ${rows}`);
  tables.set(name.toLowerCase(), { ...table, rows });
}

export function control(workspace: Workspace, method: string | undefined, url: URL, sent: string): FaultAnswer {
  const headers = { "content-type": "application/json" };
  const ask = ASKS[`${method} ${url.pathname}`];
  if (ask === undefined) return { status: 404, headers, text: printExact({ asks: Object.keys(ASKS) }) };
  try {
    const answer = ask(workspace, sent === "" ? undefined : parseExact(sent));
    return { status: 200, headers, text: printExact(answer ?? {}) };
  } catch (error) {
    return { status: 400, headers, text: printExact({ error: String(error) }) };
  }
}

export function checkedSettings(value: unknown): Partial<WorkspaceSettings> {
  const unknown = Object.keys(value ?? {}).filter((key) => !Object.hasOwn(DEFAULT_SETTINGS, key));
  if (unknown.length > 0) throw new Error(`Unknown settings: ${unknown.join(", ")}`);
  return value as Partial<WorkspaceSettings>;
}
