/** Asks Databricks to use a storage credential on a url, by real calls to S3 as the role. */

import { CredentialTrials } from "../../databricks/shapes/securables.ts";
import type { Pace } from "../../databricks/wire.ts";
import type { PollResult } from "../poll.ts";
import { type Lake, unity } from "./lake.ts";

export type Trial = {
  readonly credential: string;
  readonly url?: string;
  /** Given with `url`: this location is left out when overlaps are looked for. Given alone: its own url is tried. */
  readonly location?: string;
  /** Reads and lists only. */
  readonly readOnly?: boolean;
};

export type Proof = { readonly operation: string; readonly passed: boolean; readonly message: string };

/** A trial that may not write, in a place without objects (terraform-provider-databricks issue 3843, databricks/cli issue 1063). */
const NOTHING_TO_READ = /no file available/i;

/** One line per operation. Answers 200 also where every operation fails. */
export async function tryCredential(lake: Lake, trial: Trial, pace: Pace): Promise<readonly Proof[]> {
  const { credential, url, location, readOnly } = trial;
  const where = url ?? `external location "${location}"`;
  const call = unity(`try storage credential "${credential}" on ${where}`, "POST", ["validate-storage-credentials"], {
    body: {
      storage_credential_name: credential,
      ...(url === undefined ? {} : { url }),
      ...(location === undefined ? {} : { external_location_name: location }),
      ...(readOnly ? { read_only: true } : {}),
    },
    again: "safe",
    needs: `CREATE_EXTERNAL_LOCATION on the metastore and on storage credential "${credential}"`,
  });
  const { results } = await lake.workspace.read(CredentialTrials, call, pace);
  const lists = results.some(({ result, operation }) => operation === "LIST" && result === "PASS");
  return results.map(({ result, operation = "?", message = "" }) => {
    const isEmpty = operation === "READ" && lists && NOTHING_TO_READ.test(message);
    return { operation, passed: result === "PASS" || result === "SKIP" || isEmpty, message };
  });
}

/**
 * Whether AWS lets Unity Catalog use the role, by a trial that may not write. Who may list has become the role. That READ
 * fails beside it says nothing of a role that is new: an empty place has no object to read. What the role lacks is found
 * where a trial writes.
 */
export function isLetIn(proofs: readonly Proof[]): boolean {
  const failed = proofs.filter(({ passed }) => !passed);
  const lists = proofs.some(({ operation, passed }) => operation === "LIST" && passed);
  return failed.every(({ operation }) => operation === "READ") && (failed.length === 0 || lists);
}

/** For `pollUntil`: true, or what fails, in words. */
export async function passes(lake: Lake, trial: Trial, pace: Pace): Promise<PollResult<true>> {
  const failed = (await tryCredential(lake, trial, pace)).filter(({ passed }) => !passed);
  return failed.length === 0 ? { value: true } : { notYet: failed.map(wordsOf).join("; ") };
}

export function wordsOf({ operation, message }: Proof): string {
  return `${operation} fails${message === "" ? "" : `: ${message.replace(/\s+/g, " ").slice(0, 300)}`}`;
}
