/** Which SQL warehouse statements run on, and that it runs: the one of the setting, or the only one there is. */
import { AgentError, UsageError } from "../core/errors.ts";
import { shellWord } from "../core/shell-word.ts";
import { pagesOf } from "./answer.ts";
import type { Workspace } from "./client.ts";
import { isMissing } from "./failure.ts";
import { Warehouse } from "./shapes/warehouses.ts";
import type { Pace } from "./wire.ts";

/** Serverless starts in seconds, others within two minutes. */
const START_LIMIT_MS = 300_000;
const START_ASK_MS = 3_000;

const WAREHOUSES = ["api", "2.0", "sql", "warehouses"];
const NEEDS = "CAN_USE on the SQL warehouse";
const PAGES = pagesOf("warehouses", Warehouse);

export type ChosenWarehouse = { readonly id: string; readonly name: string; readonly state: string };

/** Asked for once, at the first statement; after a failure the next statement asks again. */
export class WarehouseChoice {
  readonly #workspace: Workspace;
  readonly #wanted: string | null;
  #running: Promise<string> | null = null;

  constructor(workspace: Workspace, wanted: string | null) {
    this.#workspace = workspace;
    this.#wanted = wanted;
  }

  /** The id of a warehouse that runs. */
  async running(pace: Pace): Promise<string> {
    this.#running ??= this.choose(pace)
      .then((found) => this.#start(found, pace))
      .catch((error: unknown) => {
        this.#running = null;
        throw error;
      });
    return this.#running;
  }

  /** The warehouse, in any state. Throws a UsageError where the choice is a person's. */
  async choose(pace: Pace): Promise<ChosenWarehouse> {
    if (this.#wanted !== null) return this.#read(this.#wanted, pace);
    const call = { doing: "list the SQL warehouses", method: "GET" as const, path: WAREHOUSES };
    const all = (await this.#workspace.list(PAGES, call, pace)).map(chosenOf);
    const usable = all.filter(({ state }) => state !== "DELETED" && state !== "DELETING");
    const [first] = usable;
    if (first === undefined) {
      const advice = `Make one in the workspace (SQL Warehouses), or ask an admin for ${NEEDS}`;
      throw new UsageError("Cannot run SQL: the workspace shows us no SQL warehouse", {
        advice,
        tryHint: "databricks warehouses list",
      });
    }
    if (usable.length === 1) return first;
    const names = usable.map(({ id, name }) => `${id} (${name})`).join(", ");
    throw new UsageError(`Cannot choose a SQL warehouse: there are ${usable.length}: ${names}`, {
      tryHint: `export DATABRICKS_WAREHOUSE_ID=${shellWord(first.id)}`,
    });
  }

  async #read(id: string, pace: Pace): Promise<ChosenWarehouse> {
    const call = {
      doing: `read SQL warehouse "${id}"`,
      method: "GET" as const,
      path: [...WAREHOUSES, id],
      needs: NEEDS,
    };
    const answer = await this.#workspace.read(Warehouse, call, pace).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
      const advice = "Correct DATABRICKS_WAREHOUSE_ID, or unset it where there is only one";
      throw new UsageError(`Cannot use SQL warehouse "${id}": the workspace has no such one`, {
        advice,
        tryHint: "databricks warehouses list",
      });
    });
    return chosenOf(answer);
  }

  async #start(found: ChosenWarehouse, pace: Pace): Promise<string> {
    const { id, name } = found;
    const startedMs = pace.now();
    let isAsked = false;
    for (let { state } = found; state !== "RUNNING"; { state } = await this.#read(id, pace)) {
      if (state === "DELETED" || state === "DELETING") {
        throw new UsageError(`Cannot use SQL warehouse "${name}": it is ${state.toLowerCase()}`);
      }
      if (state === "STOPPED" && !isAsked) {
        const path = [...WAREHOUSES, id, "start"];
        const doing = `start SQL warehouse "${name}"`;
        await this.#workspace.request({ doing, method: "POST", path, body: {}, again: "safe", needs: NEEDS }, pace);
        isAsked = true;
      }
      const spentMs = pace.now() - startedMs;
      if (spentMs > START_LIMIT_MS) {
        throw new AgentError(`Cannot start SQL warehouse "${name}": it is ${state} after ${START_LIMIT_MS / 1_000} s`, {
          advice: "The workspace shows why (SQL Warehouses)",
          tryHint: `databricks warehouses get ${shellWord(id)}`,
        });
      }
      pace.stop.throwIfAborted();
      pace.tell(`SQL warehouse "${name}" is ${state.toLowerCase()}, ${Math.round(spentMs / 1_000)} s`);
      await pace.wait(START_ASK_MS);
    }
    return id;
  }
}

function chosenOf({ id, name = id, state = "STOPPED" }: Warehouse): ChosenWarehouse {
  return { id, name, state };
}
