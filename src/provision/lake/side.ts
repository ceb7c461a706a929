/** The Databricks half of `agent provision`: all of it, joined in the order in which it is made. */
import type { SettingValues } from "../../core/settings/settings.ts";
import { type OpenWorkspace, openWorkspace } from "../../databricks/open-workspace.ts";
import { loadProfile } from "../../sensor/profile/shipped.ts";
import { dashboardPage, dashboardPath, dashboardResource, findDashboard } from "../load/dashboard.ts";
import { jobResource } from "../load/job.ts";
import {
  folderResource,
  moduleResource,
  type NotebookSource,
  notebookFolder,
  notebookPath,
  notebookResource,
} from "../load/notebook.ts";
import { queriesPath, queriesResource } from "../load/queries.ts";
import { type RunEnd, type RunWish, runJob } from "../load/run.ts";
import type { Questions } from "../load/shipped-questions.ts";
import { BUCKET_USES } from "../names.ts";
import type { Doing, ProvisionSide, Resource } from "../resource.ts";
import { catalogResource, schemaResource } from "./catalog.ts";
import { checkWorkspace } from "./check.ts";
import { accessResource, credentialResource } from "./credential.ts";
import { restsOnBuckets } from "./dependants.ts";
import { grantWishes } from "./grant-wishes.ts";
import { grantsResource } from "./grants.ts";
import type { Lake } from "./lake.ts";
import { locationResource } from "./location.ts";
import { LocationMoves } from "./location-moves.ts";
import { type Look, lookAt } from "./look.ts";
import { VOLUME_USES } from "./names.ts";
import { proveLake } from "./prove.ts";
import { tableResource } from "./table.ts";
import { tableWishes } from "./table-wishes.ts";
import { volumeResource } from "./volume.ts";

export type DatabricksOptions = {
  readonly settings: SettingValues;
  /** The home folder, for `~/.databrickscfg`. */
  readonly home: string;
  /** The folder that a profile's file is seen from. */
  readonly cwd: string;
  /** Repairs a location that points to the wrong bucket also where something is under the old url. */
  readonly force?: boolean;
  /** The notebook that the job runs; null: none, and no job. */
  readonly notebook?: NotebookSource | null;
  /** The named queries and their dashboard, beside the notebook; null: none. */
  readonly questions?: Questions | null;
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
};

/** Asks nothing yet. Throws a UsageError where the settings do not say where the workspace is, or as whom to go there. */
export async function openDatabricksSide(options: DatabricksOptions): Promise<ProvisionSide> {
  const lake = openLake(options);
  return {
    side: "databricks",
    resources: lakeResources(lake, options),
    check: (doing) => checkWorkspace(lake, doing),
    prove: (doing) => proveLake(lake, (options.questions ?? null) !== null, doing),
    restsOnAws: (doing) => restsOnBuckets(lake, doing),
    close: () => undefined,
  };
}

/** Only the notebook and its job, and the way to run it. `token`: the same one never starts a second run. */
export function openRunner(options: DatabricksOptions & { readonly notebook: NotebookSource }) {
  const lake = openLake(options);
  const resources = notebookResources(lake, options.notebook, options);
  const side: ProvisionSide = {
    side: "databricks",
    resources,
    check: (doing) => checkWorkspace(lake, doing),
    close: () => undefined,
  };
  return {
    side,
    run: (wish: RunWish, doing: Doing): Promise<RunEnd> => runJob(lake, wish, doing),
    /** Where people see the dashboard; null where there is none. */
    dashboard: async (doing: Doing): Promise<string | null> => {
      const found = await findDashboard(lake, doing);
      return found === null ? null : dashboardPage(lake, found);
    },
  };
}

/** What a workspace says of itself and of us; nothing is changed. */
export function lookAtWorkspace(options: DatabricksOptions, world: Omit<Doing, "facts">): Promise<Look> {
  return lookAt(openLake(options), world);
}

/** The workspace and the names of the lake in it. Asks nothing yet. */
export function openLake(options: DatabricksOptions): Lake {
  const { settings, home, fetch } = options;
  const opened = openWorkspace({ settings, home, ...(fetch === undefined ? {} : { fetch }) });
  return lakeOf(options, opened);
}

function lakeOf({ settings, force = false }: DatabricksOptions, { workspace, sql, warehouse }: OpenWorkspace): Lake {
  return {
    workspace,
    sql,
    warehouse,
    naming: { prefix: settings.s3BucketPrefix, region: settings.awsRegion },
    catalog: settings.databricksCatalog,
    schema: settings.databricksSchema,
    awsAccountId: settings.awsAccountId,
    hasFileEvents: settings.fileEvents === "on",
    jobNodeType: settings.jobNodeType,
    force,
  };
}

function lakeResources(lake: Lake, options: DatabricksOptions): readonly Resource[] {
  const { settings, cwd, notebook = null } = options;
  const moves = new LocationMoves(lake);
  const profile = loadProfile(settings.profile, cwd);
  const principals = { readers: settings.lakeReaders, loader: settings.lakeLoader };
  const resources = [
    credentialResource(lake),
    accessResource(lake),
    ...BUCKET_USES.map((use) => locationResource(lake, use, moves)),
    catalogResource(lake),
    schemaResource(lake),
    ...VOLUME_USES.map((use) => volumeResource(lake, use)),
    ...tableWishes(lake, profile).map((wish) => tableResource(lake, wish)),
    ...grantWishes(lake, principals).map((wish) => grantsResource(lake, wish)),
    ...(notebook === null ? [] : notebookResources(lake, notebook, options)),
  ];
  // The engine hands each its own `actual` back: only that resource knows its type.
  return resources as readonly Resource[];
}

function notebookResources(
  lake: Lake,
  notebook: NotebookSource,
  { settings, questions = null }: DatabricksOptions,
): readonly Resource[] {
  const paths = [
    ...[notebook, ...(notebook.modules ?? [])].map((one) => notebookPath(lake, one)),
    ...(questions === null ? [] : [queriesPath(lake), dashboardPath(lake)]),
  ];
  const resources = [
    folderResource(
      lake,
      paths.map((path) => path.slice(notebookFolder(lake).length + 1)),
    ),
    notebookResource(lake, notebook),
    ...(notebook.modules ?? []).map((module) => moduleResource(lake, module)),
    ...(questions === null ? [] : [queriesResource(lake, questions.queries)]),
    jobResource(lake, notebook, settings.lakeLoader),
    ...(questions === null ? [] : [dashboardResource(lake, questions.dashboard, settings.databricksWarehouseId)]),
  ];
  return resources as readonly Resource[];
}
