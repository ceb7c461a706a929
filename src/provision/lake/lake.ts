/** What all the resources of the Databricks side share: the workspace, the names, and the ways of asking Unity Catalog. */
import { AgentError, adviceOf, TransientError } from "../../core/errors.ts";
import { pagesOf, type Shape } from "../../databricks/answer.ts";
import type { Workspace } from "../../databricks/client.ts";
import { isAlreadyThere, isMissing } from "../../databricks/failure.ts";
import { Location, type Securable } from "../../databricks/shapes/securables.ts";
import type { SqlRunner } from "../../databricks/sql.ts";
import type { WarehouseChoice } from "../../databricks/warehouse.ts";
import type { Call, Pace } from "../../databricks/wire.ts";
import type { LakeNames } from "../../lakehouse/names.ts";
import type { Naming } from "../names.ts";
import type { Change, Doing } from "../resource.ts";
import { isMarked, markedAdopted, NOT_MARKED } from "./names.ts";

/** The lake as names and settings want it. */
export type LakeWish = LakeNames & {
  readonly naming: Naming;
  /** S3 reports new files to Databricks (managed file events), so it need not list the buckets. */
  readonly hasFileEvents: boolean;
  /** The machine that the job runs on; null: serverless. */
  readonly jobNodeType: string | null;
};

export type Lake = LakeWish & {
  readonly workspace: Workspace;
  readonly sql: SqlRunner;
  readonly warehouse: WarehouseChoice;
  /** The account, where the AWS side does not give it (`--only databricks`). Null: not set. */
  readonly awsAccountId: string | null;
  /** A wrong url is repaired although tables or volumes are under the old one. */
  readonly force: boolean;
};

export const UNITY = ["api", "2.1", "unity-catalog"] as const;

export function unity(doing: string, method: Call["method"], parts: readonly string[], more: Partial<Call> = {}): Call {
  return { doing, method, path: [...UNITY, ...parts], ...more };
}

/** The thing, or null where it is not there. */
export async function readThing<S extends Shape>(
  lake: Lake,
  shape: S,
  call: Call,
  pace: Pace,
): Promise<S["infer"] | null> {
  try {
    return await lake.workspace.read(shape, call, pace);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

const LOCATIONS = pagesOf("external_locations", Location);

export function listLocations(lake: Lake, pace: Pace): Promise<readonly Location[]> {
  const call = unity("list the external locations", "GET", ["external-locations"], { query: { max_results: 0 } });
  return lake.workspace.list(LOCATIONS, call, pace);
}

/** "Already exists" is what a lost answer leaves behind: the engine looks what is there before it reports anything. */
export async function createThing(lake: Lake, call: Call, pace: Pace): Promise<void> {
  try {
    await lake.workspace.request(call, pace);
  } catch (error) {
    if (isAlreadyThere(error)) throw laterInstead(error);
    throw error;
  }
}

/** What is already gone is not an error. */
export async function deleteThing(lake: Lake, call: Call, pace: Pace): Promise<void> {
  try {
    await lake.workspace.request({ again: "safe", ...call }, pace);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

export function foreignByComment({ comment }: Pick<Securable, "comment">): string | null {
  return isMarked(comment) ? null : NOT_MARKED;
}

/** The change that adds our mark and that of the adoption, for `--adopt`; none where our mark is there. */
export function adoption(
  { comment }: Pick<Securable, "comment">,
  mark: (comment: string, doing: Doing) => Promise<unknown>,
): Change[] {
  if (isMarked(comment)) return [];
  const make = async (doing: Doing) => void (await mark(markedAdopted(comment), doing));
  return [{ action: "update", because: "ownership: not ours -> managed by agent provision", make }];
}

/** Unity Catalog lower-cases names, and gives a url with or without a slash at its end. */
export function sameUrl(one: string | undefined, other: string): boolean {
  return one !== undefined && plainUrl(one) === plainUrl(other);
}

export function plainUrl(url: string): string {
  return url.replace(/\/+$/, "").replace(/^s3[an]:/, "s3:");
}

export function overlaps(one: string, other: string): boolean {
  const [a, b] = [`${plainUrl(one)}/`, `${plainUrl(other)}/`];
  return a.startsWith(b) || b.startsWith(a);
}

/** The same error, as one that may pass. */
export function laterInstead(error: unknown): TransientError {
  if (!(error instanceof AgentError)) return new TransientError("", { cause: error });
  return new TransientError(error.message, { ...adviceOf(error), cause: error });
}
