/** What the workspace keeps, as its API shows it. */
import type { JobSettings, Task } from "../jobs/job-settings.ts";
import type { SqlProblem } from "../sql/words.ts";
import type { NotebookOutcome } from "./settings.ts";

export type SecurableRecord = {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly comment: string | undefined;
  readonly createdAtMs: number;
  readonly createdBy: string;
  readonly updatedAtMs: number;
  readonly updatedBy: string;
};
export type IsolationMode = "ISOLATION_MODE_OPEN" | "ISOLATION_MODE_ISOLATED";

export type Credential = SecurableRecord & {
  readonly roleArn: string;
  readonly externalId: string;
  readonly readOnly: boolean;
  readonly isolation: IsolationMode;
};
export type Location = SecurableRecord & {
  /** Without a slash at its end. */
  readonly url: string;
  readonly credentialId: string;
  readonly readOnly: boolean;
  readonly fallback: boolean;
  readonly isolation: IsolationMode;
  readonly fileEvents: boolean;
  readonly queueId: string | null;
};
export type Catalog = SecurableRecord & {
  readonly storageRoot: string | null;
  readonly properties: Readonly<Record<string, string>>;
  readonly isolation: "OPEN" | "ISOLATED";
};
export type Schema = SecurableRecord & {
  readonly catalog: string;
  readonly storageRoot: string | null;
  readonly properties: Readonly<Record<string, string>>;
};
export type Volume = SecurableRecord & {
  readonly catalog: string;
  readonly schema: string;
  readonly external: boolean;
  readonly url: string;
};
export type Column = {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly comment: string | undefined;
};
export type Table = SecurableRecord & {
  readonly catalog: string;
  readonly schema: string;
  readonly columns: readonly Column[];
  readonly partitionedBy: readonly string[];
  readonly clusteredBy: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  readonly external: boolean;
  readonly url: string;
  /** What `SELECT count(*)` answers: a test sets it. */
  readonly rows: number;
};

export type Dashboard = {
  readonly id: string;
  readonly name: string;
  readonly folder: string;
  readonly serialized: string;
  readonly warehouseId: string | undefined;
  readonly revision: number;
  readonly trashed: boolean;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Reads that still show what was before (null: nothing), as acceptance/bundle/resources/dashboards of databricks/cli wait for. */
  readonly lag: { readonly reads: number; readonly before: Dashboard | null };
  readonly published: {
    readonly warehouseId: string | undefined;
    readonly embed: boolean;
    readonly atMs: number;
  } | null;
};

export type Job = {
  readonly id: bigint;
  readonly creator: string;
  readonly createdAtMs: number;
  readonly settings: JobSettings;
};

export type TaskRun = { readonly id: bigint; readonly task: Task; readonly outcome: NotebookOutcome };
export type Run = {
  readonly id: bigint;
  readonly jobId: bigint;
  readonly name: string;
  readonly creator: string;
  readonly startedAtMs: number;
  readonly token: string | undefined;
  /** Asks until it ends; the first finds it PENDING. */
  readonly asksLeft: number;
  readonly asked: number;
  /** Waits for another run of the job. */
  readonly queued: boolean;
  readonly canceled: boolean;
  readonly skipped: boolean;
  readonly tasks: readonly TaskRun[];
  readonly parameters: Readonly<Record<string, string>>;
};

export type Statement = {
  readonly id: string;
  readonly warehouseId: string;
  readonly asksPending: number;
  readonly asksRunning: number;
  readonly canceled: boolean;
  readonly closed: boolean;
  readonly end: SqlResult | SqlProblem;
  /** A limit of the call cut rows off. */
  readonly truncated: boolean;
};

export type WarehouseState = "STARTING" | "RUNNING" | "STOPPING" | "STOPPED" | "DELETED";
export type Warehouse = {
  readonly id: string;
  readonly name: string;
  readonly state: WarehouseState;
  /** Looks at it until it is RUNNING. */
  readonly asksUntilRunning: number;
};

export type WorkspaceObject =
  | (TreeEntry & { readonly kind: "DIRECTORY" })
  | (TreeEntry & { readonly kind: "NOTEBOOK"; readonly language: Language; readonly source: string })
  | (TreeEntry & { readonly kind: "FILE"; readonly content: Buffer })
  | (TreeEntry & { readonly kind: "DASHBOARD"; readonly dashboardId: string });

export type SqlResult = {
  /** `type` is the API's name for it; `text` is SQL's, where that is another. */
  readonly columns: readonly { readonly name: string; readonly type: string; readonly text?: string }[];
  /** Values are text, as INLINE results are; null stands for NULL. */
  readonly rows: readonly (readonly (string | null)[])[];
};
export type SqlCall = {
  readonly text: string;
  readonly catalog: string | undefined;
  readonly schema: string | undefined;
  readonly parameters: ReadonlyMap<string, { readonly type: string; readonly value: string | null }>;
};
/** What answers queries in the place of the fake's small SQL. Throws SqlProblem. */
export type SqlEngine = (call: SqlCall) => Promise<SqlResult>;

export const LANGUAGES = ["PYTHON", "SQL", "SCALA", "R"] as const;
export type Language = (typeof LANGUAGES)[number];

export type TreeEntry = {
  readonly path: string;
  readonly id: bigint;
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
};
