/**
 * Who may use the lake: people who read the tables, and the principal that the job runs as. Additive: what others were
 * granted is not ours to take. Reads lag behind writes by up to a minute, so a grant is waited for until it is seen.
 */
import type { Call } from "../../databricks/wire.ts";
import { isMissing } from "../../databricks/failure.ts";
import { type JsonObject, listAt, textAt } from "../../databricks/json.ts";
import { type Lake, unity } from "./lake.ts";
import { LAKE_ID } from "./names.ts";
import { pollUntil, READ_BACK_WAIT } from "../poll.ts";
import type { Doing, Resource } from "../resource.ts";

export type SecurableKind = "catalog" | "schema" | "table" | "volume" | "external_location";
export type Privilege =
  | "USE_CATALOG"
  | "USE_SCHEMA"
  | "CREATE_TABLE"
  | "SELECT"
  | "MODIFY"
  | "READ_VOLUME"
  | "WRITE_VOLUME"
  | "READ_FILES";

/** What a principal is to hold on one thing. */
export type GrantWish = { readonly principal: string; readonly privileges: readonly Privilege[] };

/** A thing, and all that is to be granted on it. */
export type GrantsWish = {
  readonly kind: SecurableKind;
  readonly fullName: string;
  /** The id of the thing's own resource. */
  readonly on: string;
  readonly grants: readonly GrantWish[];
};

/** By principal, in lower case. */
type Held = ReadonlyMap<string, ReadonlySet<string>>;

export function grantsResource(lake: Lake, wish: GrantsWish): Resource<Held> {
  const { kind, fullName, on, grants } = wish;
  const id = LAKE_ID.grants(on);
  const path = ["permissions", kind, fullName];
  const read = async (doing: Doing): Promise<Held | null> => {
    try {
      return heldIn(await lake.workspace.list(unity(`read ${id}`, "GET", path), "privilege_assignments", doing));
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  };
  const grant = async (missing: readonly GrantWish[], doing: Doing) => {
    const changes = missing.map(({ principal, privileges }) => ({ principal, add: privileges }));
    const call: Call = unity(`grant ${wordsOf(missing)} on ${on}`, "PATCH", path, {
      body: { changes },
      // It only adds: twice is once.
      again: "safe",
      needs: `MANAGE on ${on}, or its ownership`,
    });
    await lake.workspace.request(call, doing);
    await pollUntil(`${id} to be seen`, READ_BACK_WAIT, doing, async () => {
      const left = lackingGrants((await read(doing)) ?? new Map(), missing);
      return left.length === 0 ? { value: true } : { notYet: `${wordsOf(left)} is not there yet` };
    });
  };
  return {
    id,
    side: "databricks",
    needs: [on],
    missing: wordsOf(grants),
    read,
    diff: (held) =>
      lackingGrants(held, grants).map((one) => ({
        action: "update" as const,
        because: `missing: ${wordsOf([one])}`,
        make: (doing: Doing) => grant([one], doing),
      })),
    create: (doing) => grant(grants, doing),
  };
}

/** What is still to be granted. ALL_PRIVILEGES is all of these. */
export function lackingGrants(held: Held, wishes: readonly GrantWish[]): readonly GrantWish[] {
  return wishes.flatMap(({ principal, privileges }) => {
    const has = held.get(principal.toLowerCase()) ?? new Set();
    const missing = has.has("ALL_PRIVILEGES") ? [] : privileges.filter((privilege) => !has.has(privilege));
    return missing.length === 0 ? [] : [{ principal, privileges: missing }];
  });
}

export function heldIn(assignments: readonly JsonObject[]): Held {
  return new Map(
    assignments.map((one) => {
      const privileges = listAt(one, "privileges").map((privilege) =>
        // The plain read has names, the effective one objects; older answers write them with spaces.
        (typeof privilege === "string" ? privilege : (textAt(privilege, "privilege") ?? "")).replaceAll(" ", "_"),
      );
      return [(textAt(one, "principal") ?? "").toLowerCase(), new Set(privileges)];
    }),
  );
}

function wordsOf(grants: readonly GrantWish[]): string {
  return grants.map(({ principal, privileges }) => `${privileges.join(", ")} to ${principal}`).join("; ");
}
