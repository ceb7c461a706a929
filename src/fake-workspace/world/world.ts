/** Everything that the fake workspace knows. Handlers change it; `reset` makes a new one. */
import { createHash } from "node:crypto";
import { hashText, unit } from "../../core/random.ts";
import type { GrantBook } from "../catalog/grant-book.ts";
import { newGrantBook } from "../catalog/grant-book.ts";
import type { WorkspaceSettings } from "./settings.ts";
import type {
  Catalog,
  Credential,
  Dashboard,
  Job,
  Location,
  Run,
  Schema,
  SqlEngine,
  Statement,
  Table,
  Volume,
  Warehouse,
  WorkspaceObject,
} from "./things.ts";

export type World = {
  settings: WorkspaceSettings;
  /** Answers queries, where there is one. */
  readonly engine: SqlEngine | null;
  readonly now: () => number;
  /** 0 ≤ r < 1, by the seed, `what` and how often it was asked: calls that cross on the wire change nothing. */
  readonly chance: (what: string) => number;
  /** An id beyond 2^53, and odd, so that a client that rounds it asks for another one. */
  readonly nextInt64: () => bigint;
  /** Another one each time, the same for the same seed, `what` and turn. */
  readonly nextUuid: (what: string) => string;
  readonly metastoreId: string;
  readonly metastoreOwner: string;
  readonly workspaceId: bigint;
  readonly grants: GrantBook;
  /** By lower-case full name each. */
  readonly credentials: Map<string, Credential>;
  readonly locations: Map<string, Location>;
  readonly catalogs: Map<string, Catalog>;
  readonly schemas: Map<string, Schema>;
  readonly volumes: Map<string, Volume>;
  readonly tables: Map<string, Table>;
  /** How often each role was tried: the first times may fail, as long as IAM needs to spread it. */
  readonly roleAsks: Map<string, number>;
  /** Where managed tables were that can still be undropped. */
  readonly droppedPlaces: Set<string>;
  readonly warehouses: Map<string, Warehouse>;
  readonly statements: Map<string, Statement>;
  /** By path. */
  readonly tree: Map<string, WorkspaceObject>;
  readonly jobs: Map<bigint, Job>;
  readonly runs: Map<bigint, Run>;
  readonly dashboards: Map<string, Dashboard>;
  /** OAuth access tokens that were given out. */
  readonly tokens: Map<string, { readonly name: string; readonly expiresAtMs: number }>;
  readonly pages: Map<string, { readonly list: string; readonly from: number }>;
};

const FIRST_INT64 = 2n ** 53n + 1n;
const INT64_STEP = 1_000n;

export function newWorld(settings: WorkspaceSettings, now: () => number, engine: SqlEngine | null = null): World {
  let lastInt64 = FIRST_INT64 - INT64_STEP;
  const turns = new Map<string, number>();
  const turnOf = (what: string) => {
    const turn = turns.get(what) ?? 0;
    turns.set(what, turn + 1);
    return `${what} ${turn}`;
  };
  const nextUuid = (what: string) => uuidOf(`${settings.seed} ${turnOf(`uuid ${what}`)}`);
  const world: World = {
    settings,
    engine,
    now,
    chance: (what) => unit(hashText(settings.seed, turnOf(what))),
    nextInt64: () => {
      lastInt64 += INT64_STEP;
      return lastInt64;
    },
    nextUuid,
    metastoreId: nextUuid("metastore"),
    metastoreOwner: "metastore-admins",
    workspaceId: 0n,
    grants: newGrantBook(),
    credentials: new Map(),
    locations: new Map(),
    catalogs: new Map(),
    schemas: new Map(),
    volumes: new Map(),
    tables: new Map(),
    roleAsks: new Map(),
    droppedPlaces: new Set(),
    warehouses: new Map(settings.warehouses.map((one) => [one.id, { ...one, asksUntilRunning: 0 }])),
    statements: new Map(),
    tree: new Map(),
    jobs: new Map(),
    runs: new Map(),
    dashboards: new Map(),
    tokens: new Map(),
    pages: new Map(),
  };
  const made = { ...world, workspaceId: world.nextInt64() };
  for (const path of ["/", "/Workspace", "/Shared", "/Users", ...settings.people.map(({ name }) => `/Users/${name}`)]) {
    made.tree.set(path, { kind: "DIRECTORY", path, id: made.nextInt64(), createdAtMs: now(), modifiedAtMs: now() });
  }
  return made;
}

/** Looks random, is a UUID of version 4 in form, and is the same for the same seed. */
function uuidOf(name: string): string {
  const hex = createHash("sha256").update(name).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
