/** Real calls as Unity Catalog: the role on every bucket, and a query of every table. */
import { AgentError, DeniedError, messageOf, UsageError } from "../core/errors.ts";
import { STAGES } from "../core/stage.ts";
import { quotedName } from "../databricks/sql.ts";
import type { Lake } from "./databricks-lake.ts";
import { tableFullName } from "./databricks-names.ts";
import { tryCredential, wordsOf } from "./databricks-validate.ts";
import { BUCKET_USES, bucketName, credentialName, locationName } from "./names.ts";
import type { Doing, Proof } from "./resource.ts";

export async function proveLake(lake: Lake, doing: Doing): Promise<readonly Proof[]> {
  const [roles, tables] = await Promise.all([
    Promise.all(BUCKET_USES.map((use) => proveRole(lake, use, doing))),
    proveTables(lake, doing),
  ]);
  return [...roles, ...tables];
}

/** Databricks reads, lists, writes and deletes in the bucket, as the role, and tells what of it went wrong. */
async function proveRole(lake: Lake, use: (typeof BUCKET_USES)[number], doing: Doing): Promise<Proof> {
  const claim = `reads and writes bucket ${bucketName(use, lake.naming)}`;
  const trial = { credential: credentialName(lake.naming), location: locationName(use, lake.naming) };
  return proofOf("unity catalog", claim, async () => {
    const proofs = await tryCredential(lake, trial, doing);
    const failed = proofs.filter(({ passed }) => !passed);
    const detail = (failed.length === 0 ? proofs.map(({ operation }) => operation) : failed.map(wordsOf)).join("; ");
    return { ok: failed.length === 0, detail };
  });
}

async function proveTables(lake: Lake, doing: Doing): Promise<readonly Proof[]> {
  const claimOf = (name: string) => `table ${name} answers a query`;
  const names = STAGES.map((stage) => tableFullName(lake, stage));
  const choice = await lake.warehouse.choose(doing).catch((error: unknown) => error);
  if (choice instanceof UsageError || choice instanceof DeniedError) {
    const detail = choice.message;
    return names.map((name) => ({ party: "sql warehouse", claim: claimOf(name), ok: null, detail }));
  }
  return Promise.all(
    names.map((name) =>
      proofOf("sql warehouse", claimOf(name), async () => {
        const statement = `SELECT count(*) AS n FROM ${quotedName(...name.split("."))}`;
        const { rows } = await lake.sql.run(`count the rows of ${name}`, statement, doing);
        const count = rows[0]?.[0];
        return { ok: count !== undefined && count !== null, detail: `${count ?? "no"} rows` };
      }),
    ),
  );
}

async function proofOf(
  party: string,
  claim: string,
  work: () => Promise<Pick<Proof, "ok" | "detail">>,
): Promise<Proof> {
  try {
    return { party, claim, ...(await work()) };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { party, claim, ok: false, detail: messageOf(error) };
  }
}
