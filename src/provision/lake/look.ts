/** What `config check --live` asks a workspace: who we are, where its metastore is, what we may make, what SQL runs on. */
import { DeniedError, sentenceOf, UsageError } from "../../core/errors.ts";
import { hasCode } from "../../databricks/failure.ts";
import type { Doing } from "../resource.ts";
import { checkMetastore, readMe, readMetastore } from "./check.ts";
import { ASSIGNMENTS, heldIn } from "./grants.ts";
import { type Lake, unity } from "./lake.ts";

export type Look = {
  readonly user: string;
  readonly region: string;
  /** A user or a group, whose members may make everything. */
  readonly metastoreOwner: string;
  /** Null: there is none to choose without a person; `warehouseProblem` says why. */
  readonly warehouse: string | null;
  readonly warehouseProblem: string | null;
  /** What making everything from nothing needs and the metastore does not show as granted to us; null: it does not show grants. */
  readonly notGranted: readonly string[] | null;
};

const NEEDED = ["CREATE_STORAGE_CREDENTIAL", "CREATE_EXTERNAL_LOCATION", "CREATE_CATALOG"];
/** Everybody is in it. */
const ALL_USERS = "account users";

/** Throws where the workspace cannot be used at all. */
export async function lookAt(lake: Lake, doing: Omit<Doing, "facts">): Promise<Look> {
  const [me, metastore] = await Promise.all([readMe(lake, doing), readMetastore(lake, doing)]);
  checkMetastore(lake, metastore);
  const { userName: user, groups: memberships = [] } = me;
  const groups = memberships.map(({ display = "" }) => display);
  const names = [user, ...groups, ALL_USERS].map((name) => name.toLowerCase());
  const { owner: metastoreOwner = "" } = metastore;
  const isAdmin = names.includes(metastoreOwner.toLowerCase());
  const [notGranted, warehouse] = await Promise.all([
    isAdmin ? [] : missingOn(lake, metastore.metastore_id, names, doing),
    lake.warehouse.choose(doing).catch((error: unknown) => {
      if (error instanceof UsageError || error instanceof DeniedError) return error;
      throw error;
    }),
  ]);
  const isChosen = !(warehouse instanceof Error);
  return {
    user,
    region: metastore.region ?? "?",
    metastoreOwner,
    warehouse: isChosen ? warehouse.name : null,
    warehouseProblem: isChosen ? null : sentenceOf(warehouse),
    notGranted,
  };
}

/** Groups of the account are not seen from the workspace: so this is a hint, and the step that needs it has the last word. */
async function missingOn(
  lake: Lake,
  metastoreId: string,
  names: readonly string[],
  doing: Omit<Doing, "facts">,
): Promise<readonly string[] | null> {
  const call = unity("read what is granted on the metastore", "GET", ["permissions", "metastore", metastoreId]);
  try {
    const held = heldIn(await lake.workspace.list(ASSIGNMENTS, call, doing));
    const mine = new Set(names.flatMap((name) => [...(held.get(name) ?? [])]));
    return NEEDED.filter((privilege) => !mine.has(privilege));
  } catch (error) {
    if (error instanceof DeniedError || hasCode(error, "INVALID_PARAMETER_VALUE")) return null;
    throw error;
  }
}
