/** Real calls as Unity Catalog: the role on every bucket, a query of every table, and what the dashboard asks. */
import { AgentError, DeniedError, messageOf, UsageError } from "../../core/errors.ts";
import { STAGES } from "../../core/stage.ts";
import { quotedName } from "../../databricks/sql.ts";
import { tableFullName } from "../../lakehouse/names.ts";
import { findDashboard } from "../load/dashboard.ts";
import { shownOf } from "../load/dashboard-content.ts";
import { BUCKET_USES, bucketName, credentialName, locationName } from "../names.ts";
import type { Doing, Proof } from "../resource.ts";
import type { Lake } from "./lake.ts";
import { tryCredential, wordsOf } from "./validate.ts";

/** `hasDashboard`: the dashboard should be there, and is checked too. */
export async function proveLake(lake: Lake, hasDashboard: boolean, doing: Doing): Promise<readonly Proof[]> {
  const trials = [...tableTrials(lake, doing), ...(hasDashboard ? await dashboardTrials(lake, doing) : [])];
  const [roles, answers] = await Promise.all([
    Promise.all(BUCKET_USES.map((use) => proveRole(lake, use, doing))),
    proveOnWarehouse(lake, trials, doing),
  ]);
  return [...roles, ...answers];
}

/** Databricks reads, lists, writes and deletes in the bucket, as the role, and says what went wrong. */
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

type Trial = { readonly claim: string; readonly work: () => Promise<Pick<Proof, "ok" | "detail">> };

function tableTrials(lake: Lake, doing: Doing): readonly Trial[] {
  return STAGES.map((stage) => {
    const name = tableFullName(lake, stage);
    const work = async () => {
      const statement = `SELECT count(*) AS n FROM ${quotedName(...name.split("."))}`;
      const { rows } = await lake.sql.run(`count the rows of ${name}`, statement, doing);
      const count = rows[0]?.[0];
      return { ok: count !== undefined && count !== null, detail: count === "1" ? "1 row" : `${count ?? "no"} rows` };
    };
    return { claim: `table ${name} answers a query`, work };
  });
}

/** As the dashboard is now: each dataset is analysed, not run, and must have the columns that are shown of it. */
async function dashboardTrials(lake: Lake, doing: Doing): Promise<readonly Trial[]> {
  const content = (await findDashboard(lake, doing))?.content ?? {};
  return shownOf(content).map(({ name, query, catalog, schema, columns }) => {
    const work = async () => {
      const asked = `analyse dataset ${name} of the dashboard`;
      const { rows } = await lake.sql.run(asked, `DESCRIBE QUERY ${query}`, doing, { catalog, schema });
      const has = rows.map(([column]) => column);
      const lacking = columns.filter((column) => !has.includes(column));
      const detail = lacking.length === 0 ? `${has.length} columns` : `it has no column ${lacking.join(", ")}`;
      return { ok: lacking.length === 0, detail };
    };
    return { claim: `dataset ${name} of the dashboard has what is shown of it`, work };
  });
}

/** Which warehouse that is may be a person's choice: then nothing was tried, and the reason is reported. */
async function proveOnWarehouse(lake: Lake, trials: readonly Trial[], doing: Doing): Promise<readonly Proof[]> {
  const choice = await lake.warehouse.choose(doing).catch((error: unknown) => error);
  if (choice instanceof UsageError || choice instanceof DeniedError) {
    const detail = choice.message;
    return trials.map(({ claim }) => ({ party: "sql warehouse", claim, ok: null, detail }));
  }
  return Promise.all(trials.map(({ claim, work }) => proofOf("sql warehouse", claim, work)));
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
