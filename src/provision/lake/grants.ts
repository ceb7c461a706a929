/**
 * Who may use the lake: people who read the tables, and the principal that the job runs as. Additive: what others were
 * granted is not ours to take. Reads lag behind writes by up to a minute, so a grant is waited for until it is seen.
 */

import { pagesOf } from "../../databricks/answer.ts";
import { isMissing } from "../../databricks/failure.ts";
import { Assignment } from "../../databricks/shapes/securables.ts";
import type { Call } from "../../databricks/wire.ts";
import { pollUntil, READ_BACK_WAIT } from "../poll.ts";
import type { Doing, Resource } from "../resource.ts";
import { type Lake, unity } from "./lake.ts";
import { LAKE_ID } from "./names.ts";

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

/** The privileges that a principal should have on one thing. */
export type GrantWish = { readonly principal: string; readonly privileges: readonly Privilege[] };

/** A thing, and all grants that it should have. */
export type GrantsWish = {
  readonly kind: SecurableKind;
  readonly fullName: string;
  /** The id of the thing's own resource. */
  readonly on: string;
  readonly grants: readonly GrantWish[];
};

export const ASSIGNMENTS = pagesOf("privilege_assignments", Assignment);

/** By principal, in lower case. */
type HeldPrivileges = ReadonlyMap<string, ReadonlySet<string>>;

export function grantsResource(lake: Lake, wish: GrantsWish): Resource<HeldPrivileges> {
  const { kind, fullName, on, grants } = wish;
  const id = LAKE_ID.grants(on);
  const path = ["permissions", kind, fullName];
  const read = async (doing: Doing): Promise<HeldPrivileges | null> => {
    try {
      return heldIn(await lake.workspace.list(ASSIGNMENTS, unity(`read ${id}`, "GET", path), doing));
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
export function lackingGrants(held: HeldPrivileges, wishes: readonly GrantWish[]): readonly GrantWish[] {
  return wishes.flatMap(({ principal, privileges }) => {
    const has = held.get(principal.toLowerCase()) ?? new Set();
    const missing = has.has("ALL_PRIVILEGES") ? [] : privileges.filter((privilege) => !has.has(privilege));
    return missing.length === 0 ? [] : [{ principal, privileges: missing }];
  });
}

export function heldIn(assignments: readonly Assignment[]): HeldPrivileges {
  return new Map(
    assignments.map(({ principal, privileges = [] }) => {
      // Older answers write them with spaces.
      const names = privileges.map((one) => (typeof one === "string" ? one : one.privilege).replaceAll(" ", "_"));
      return [principal.toLowerCase(), new Set(names)];
    }),
  );
}

function wordsOf(grants: readonly GrantWish[]): string {
  return grants.map(({ principal, privileges }) => `${privileges.join(", ")} to ${principal}`).join("; ");
}
