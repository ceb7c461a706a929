/**
 * The Lakeview dashboard over the named queries, in the folder of the notebook. It is found by its path, and ours by the mark
 * in its datasets. People see what is published: the draft that is as it should be, with the rights of each reader.
 */
import { AgentError, adviceOf } from "../../core/errors.ts";
import { readAnswer } from "../../databricks/answer.ts";
import { DatabricksError, isMissing } from "../../databricks/failure.ts";
import { DashboardContent, DashboardDraft, PublishedDashboard } from "../../databricks/shapes/dashboards.ts";
import { DashboardObject, WorkspaceObject } from "../../databricks/shapes/workspace.ts";
import type { Call } from "../../databricks/wire.ts";
import { createThing, deleteThing, type Lake, type LakeWish, readThing } from "../lake/lake.ts";
import { LAKE_ID } from "../lake/names.ts";
import { pollUntil, READ_BACK_WAIT } from "../poll.ts";
import { adoptedSpared, type Change, type Doing, MANAGED_BY, MANAGED_BY_KEY, type Resource } from "../resource.ts";
import { isAdopted, isSameContent, originOf, wantedContent, withTheirLook } from "./dashboard-content.ts";
import { notebookFolder } from "./notebook.ts";

export type DashboardActual = {
  readonly id: string;
  readonly etag: string;
  readonly content: DashboardContent;
  readonly warehouseId: string;
  readonly published: "no" | "an older draft" | "with the credentials of who published" | "as it should be";
};

const DASHBOARDS = ["api", "2.0", "lakeview", "dashboards"] as const;
const NEEDS = "CAN_MANAGE on the dashboard";

export const dashboardName = ({ naming }: LakeWish) => `${naming.prefix}-readings-${naming.region}`;
export const dashboardPath = (lake: LakeWish) => `${notebookFolder(lake)}/${dashboardName(lake)}.lvdash.json`;
/** What people open. */
export const dashboardPage = (lake: Lake, { id }: DashboardActual) =>
  `${lake.workspace.origin}/dashboardsv3/${id}/published`;

/** `shipped`: the content of an .lvdash.json, without catalog and schema. `warehouseId`: null where no one chose one. */
export function dashboardResource(
  lake: Lake,
  shipped: DashboardContent,
  warehouseId: string | null,
): Resource<DashboardActual> {
  const id = LAKE_ID.dashboard(dashboardPath(lake));
  const wanted = wantedContent(shipped, lake);
  const datasets = { dataset_catalog: lake.catalog, dataset_schema: lake.schema };
  return {
    id,
    side: "databricks",
    needs: [LAKE_ID.folder(notebookFolder(lake))],
    read: (doing) => findDashboard(lake, doing),
    foreign: ({ content }) =>
      originOf(content) === "foreign" ? `no dataset of it says ${MANAGED_BY_KEY}=${MANAGED_BY}` : null,
    spares: async ({ content }) => (isAdopted(content) ? [adoptedSpared()] : []),
    diff: (actual) => {
      const { content } = actual;
      const isTheirs = originOf(content) === "foreign" || isAdopted(content);
      const wish = { lake, id, wanted: isTheirs ? wantedContent(shipped, lake, true) : wanted };
      const changes = [contentChange(wish, actual), warehouseChange(wish, actual, warehouseId)];
      const drafts = changes.filter((change) => change !== null);
      return [...drafts, ...publishChange(wish, actual, drafts.length > 0)];
    },
    create: async (doing) => {
      const body = {
        display_name: dashboardName(lake),
        parent_path: notebookFolder(lake),
        serialized_dashboard: JSON.stringify(wanted),
        warehouse_id: (await lake.warehouse.choose(doing)).id,
      };
      const needs = "CAN_EDIT on the workspace folder";
      const call = { doing: `create ${id}`, method: "POST" as const, path: DASHBOARDS, query: datasets, body, needs };
      await createThing(lake, call, doing);
    },
    remove: (actual, doing) =>
      deleteThing(lake, lakeview(`delete ${id}`, "DELETE", actual.id, { needs: NEEDS }), doing),
  };
}

function lakeview(doing: string, method: Call["method"], id: string, more: Partial<Call> = {}): Call {
  return { doing, method, path: [...DASHBOARDS, id], ...more };
}

/** What is at our path, or null. One in the trash is elsewhere. */
export async function findDashboard(lake: Lake, doing: Doing): Promise<DashboardActual | null> {
  const path = dashboardPath(lake);
  const what = LAKE_ID.dashboard(path);
  const place = { method: "GET" as const, path: ["api", "2.0", "workspace", "get-status"], query: { path } };
  const found = await readThing(lake, WorkspaceObject, { doing: `read ${what}`, ...place }, doing);
  if (found === null) return null;
  const { object_type: kind } = found;
  if (kind !== "DASHBOARD") {
    throw new AgentError(`Cannot use ${what}: there is a ${kind.toLowerCase()} of that name`, {
      advice: "Move it in the workspace",
    });
  }
  const { resource_id: id } = readAnswer(DashboardObject, found, `read ${what}`);
  const draft = await readThing(lake, DashboardDraft, lakeview(`read ${what}`, "GET", id), doing);
  if (draft === null || draft.lifecycle_state === "TRASHED") return null;
  const publicly = lakeview(`read what is published of ${what}`, "GET", id);
  const published = await readThing(
    lake,
    PublishedDashboard,
    { ...publicly, path: [...publicly.path, "published"] },
    doing,
  );
  return {
    id,
    etag: draft.etag ?? "",
    content: contentOf(what, draft.serialized_dashboard ?? "{}"),
    warehouseId: draft.warehouse_id ?? "",
    published: publicationOf(draft, published),
  };
}

function contentOf(what: string, serialized: string): DashboardContent {
  let content: unknown;
  try {
    content = JSON.parse(serialized);
  } catch (cause) {
    throw new AgentError(`Cannot read ${what}: its content is not JSON`, { cause });
  }
  return readAnswer(DashboardContent, content, `read the content of ${what}`);
}

/** Times are of one clock, and a publication comes after the change of the draft. Where there is no time, it counts as newer. */
function publicationOf(draft: DashboardDraft, published: PublishedDashboard | null): DashboardActual["published"] {
  if (published === null) return "no";
  const { update_time: changedAt = "" } = draft;
  const { revision_create_time: publishedAt = "", embed_credentials: embeds = true } = published;
  if (Date.parse(publishedAt) < Date.parse(changedAt)) return "an older draft";
  return embeds ? "with the credentials of who published" : "as it should be";
}

const BECAUSE = {
  foreign: "ownership: not ours -> managed by agent provision, and its content with it",
  edited: "content: edited by hand -> that of this version of the agent; clone it to keep the edits",
  ours: "content: another -> that of this version of the agent and these settings",
} as const;

type DashboardWish = { readonly lake: Lake; readonly id: string; readonly wanted: DashboardContent };

function contentChange({ lake, id, wanted }: DashboardWish, actual: DashboardActual): Change | null {
  const origin = originOf(actual.content);
  const make = async (doing: Doing) => {
    // The answer to this very change may have been lost.
    if (await isAsWanted(lake, wanted, doing)) return;
    const body = {
      serialized_dashboard: JSON.stringify(withTheirLook(wanted, actual.content)),
      etag: actual.etag,
    };
    const query = { dataset_catalog: lake.catalog, dataset_schema: lake.schema };
    const call = lakeview(`change ${id}`, "PATCH", actual.id, { body, query, needs: NEEDS });
    await lake.workspace.request(call, doing).catch(async (error: unknown) => {
      if (isMissing(error) || !(error instanceof AgentError)) throw error;
      // An old etag is refused: another person was faster, or we were and have not heard of it.
      if (await isAsWanted(lake, wanted, doing)) return;
      if (!(error instanceof DatabricksError && error.status === 409)) throw error;
      throw new AgentError(error.message, {
        ...adviceOf(error),
        tryHint: "agent provision plan",
        cause: error,
      });
    });
    await pollUntil(`the change of ${id} to be seen`, READ_BACK_WAIT, doing, async () =>
      (await isAsWanted(lake, wanted, doing)) ? { value: true } : { notYet: "it is as it was" },
    );
  };
  if (isSameContent(actual.content, wanted)) return null;
  const change = { action: "update" as const, because: BECAUSE[origin], make };
  return origin === "ours" ? change : { ...change, undoes: true };
}

async function isAsWanted(lake: Lake, wanted: DashboardContent, doing: Doing): Promise<boolean> {
  const now = await findDashboard(lake, doing);
  return now !== null && isSameContent(now.content, wanted);
}

function warehouseChange({ lake, id }: DashboardWish, actual: DashboardActual, wanted: string | null): Change | null {
  if (wanted === null || actual.warehouseId === wanted) return null;
  const make = async (doing: Doing) => {
    const call = lakeview(`change ${id}`, "PATCH", actual.id, { body: { warehouse_id: wanted }, again: "safe" });
    await lake.workspace.request({ ...call, needs: NEEDS }, doing);
  };
  return { action: "update", because: `warehouse: ${actual.warehouseId || "none"} -> ${wanted}`, make };
}

function publishChange(
  { lake, id, wanted }: DashboardWish,
  actual: DashboardActual,
  isDraftChanged: boolean,
): Change[] {
  const was = isDraftChanged && actual.published === "as it should be" ? "an older draft" : actual.published;
  if (was === "as it should be") return [];
  const make = async (doing: Doing) => {
    if (!(await isAsWanted(lake, wanted, doing))) {
      throw new AgentError(`Cannot publish ${id}: its draft is not as it should be`, {
        tryHint: "agent provision plan",
      });
    }
    const call = lakeview(`publish ${id}`, "POST", actual.id, { body: { embed_credentials: false }, again: "safe" });
    await lake.workspace.request({ ...call, path: [...call.path, "published"], needs: NEEDS }, doing);
  };
  return [{ action: "update", because: `published: ${was} -> this one, with the rights of who looks at it`, make }];
}
