/** How the fake workspace behaves; every one may be changed while it runs. */

export type Person = {
  /** A user's e-mail address, or a service principal's application id. */
  readonly name: string;
  readonly groups: readonly string[];
  /** A personal access token, or null: only by OAuth, or a person who never calls. */
  readonly token: string | null;
  /** OAuth M2M: the client id is `name`. */
  readonly clientSecret: string | null;
  readonly metastoreAdmin: boolean;
};

/** `result` is what `dbutils.notebook.exit` gave; an `error` makes the run fail. */
export type NotebookOutcome = {
  readonly result?: string;
  readonly error?: string;
  readonly trace?: string;
  /** Of termination_details; RUN_EXECUTION_ERROR where it is left out. */
  readonly code?: string;
};

/** What a query answers that the fake's small SQL does not understand. */
export type QueryAnswer = {
  /** The statement; `*` stands for anything, and any white space for any other. */
  readonly statement: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly (string | null)[])[];
};

export type WorkspaceSettings = {
  /** Of every id and of every choice by chance: the same seed and the same calls give the same answers. */
  readonly seed: number;
  readonly people: readonly Person[];
  /** Groups that exist although no one here is in them. */
  readonly groups: readonly string[];
  readonly region: string;
  /** Without one there is no Unity Catalog. */
  readonly metastoreAssigned: boolean;
  /** The metastore's own root, or null: then a catalog needs a storage_root of its own. */
  readonly metastoreRoot: string | null;
  /** `unity_catalog_iam_arn` of every storage credential. */
  readonly masterRoleArn: string;
  /** IAM and S3 that hold the roles and buckets, or null: then validation says that it cannot reach AWS. */
  readonly awsEndpoint: string | null;
  readonly awsAccessKey: { readonly id: string; readonly secret: string };
  readonly tokenSeconds: number;
  /** This many tries of a role fail first, as long as IAM would take to spread it. */
  readonly validationsThatFailFirst: number;
  /**
   * A try that may not write finds nothing to read in an empty place, and says so as a failure of READ; LIST passes. One that
   * may write reads what it has written (terraform-provider-databricks issue 3843, databricks/cli issue 1063).
   */
  readonly emptyPlacesFailToRead: boolean;
  /** This many reads of a securable's grants after a change still show the old ones. */
  readonly grantReadsThatLag: number;
  /** This many reads of a dashboard after a change still show what was before. */
  readonly dashboardReadsThatLag: number;
  /** Asks that find a statement PENDING, then RUNNING, before it is done. */
  readonly statementAsksPending: number;
  readonly statementAsksRunning: number;
  readonly warehouseAsksStarting: number;
  /** Tried in their order, before a statement is read. */
  readonly queryAnswers: readonly QueryAnswer[];
  /** Rows of a result in one chunk. */
  readonly rowsPerChunk: number;
  readonly runAsksRunning: number;
  /** How the run of a notebook ends, by its path; one that is not named here succeeds with an empty result. */
  readonly notebookOutcomes: Readonly<Record<string, NotebookOutcome>>;
  /** Elements of a page at most; a caller may ask for fewer. */
  readonly pageSize: number;
  /** Whether a metastore admin may change the owner of an external location; the documentation says: only its name. */
  readonly adminMayTakeLocations: boolean;
  /** A managed table that was dropped still keeps its external location from being deleted without force. */
  readonly droppedTablesLinger: boolean;
  /** Every list of Unity Catalog begins with an empty page that has a next_page_token. */
  readonly emptyPages: boolean;
  /** A location's url is read back with or without a slash at its end, by chance. */
  readonly slashesByChance: boolean;
  readonly warehouses: readonly { readonly id: string; readonly name: string; readonly state: "RUNNING" | "STOPPED" }[];
  /** Every answer comes this much later, as over a network. */
  readonly delayMs: number;
  /** Calls a second, over all callers; more are 429. Null: none is refused. */
  readonly callsPerSecond: number | null;
};

export const ENGINEER = "engineer@example.com";
export const ENGINEER_TOKEN = "dapi-fake-engineer";
export const ROBOT = "5a1f2c3e-0000-4000-8000-0000000000aa";
export const ROBOT_SECRET = "dose-fake-robot";

export const DEFAULT_SETTINGS: WorkspaceSettings = {
  seed: 1,
  people: [
    { name: ENGINEER, groups: ["engineers"], token: ENGINEER_TOKEN, clientSecret: null, metastoreAdmin: true },
    { name: ROBOT, groups: [], token: null, clientSecret: ROBOT_SECRET, metastoreAdmin: true },
  ],
  groups: ["analysts"],
  region: "us-west-2",
  metastoreAssigned: true,
  metastoreRoot: null,
  masterRoleArn: "arn:aws:iam::414351767826:role/unity-catalog-prod-UCMasterRole-14S5ZJVKOTYTL",
  awsEndpoint: null,
  awsAccessKey: { id: "test-access-key", secret: "test-secret-key" },
  tokenSeconds: 3_600,
  validationsThatFailFirst: 0,
  emptyPlacesFailToRead: true,
  grantReadsThatLag: 1,
  dashboardReadsThatLag: 1,
  statementAsksPending: 1,
  statementAsksRunning: 1,
  warehouseAsksStarting: 1,
  queryAnswers: [],
  rowsPerChunk: 100,
  runAsksRunning: 2,
  notebookOutcomes: {},
  pageSize: 50,
  adminMayTakeLocations: false,
  droppedTablesLinger: true,
  emptyPages: true,
  slashesByChance: true,
  warehouses: [{ id: "0123456789abcdef", name: "Serverless Starter Warehouse", state: "STOPPED" }],
  delayMs: 0,
  callsPerSecond: null,
};
