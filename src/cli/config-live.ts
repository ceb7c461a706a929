/** `agent config check --live`: are the credentials of both clouds valid, and for the places in the settings. It changes nothing. */
import { AgentError, sentenceOf } from "../core/errors.ts";
import type { Look } from "../provision/lake/look.ts";
import type { Context } from "./frame/command.ts";
import { databricksOptions, openAwsHalf, worldOf } from "./provision/sides.ts";

export type Live = {
  /** As sentences, each with what to try. */
  readonly problems: readonly string[];
  readonly lines: readonly string[];
  readonly answers: {
    readonly aws: { readonly account: string; readonly caller: string } | null;
    /** Null: it could not be asked, or no workspace is set. */
    readonly databricks: Look | null;
  };
};

export async function askLive(context: Context): Promise<Live> {
  const { databricksHost, databricksConfigProfile } = context.settings;
  const isSet = databricksHost !== null || databricksConfigProfile !== null;
  const [aws, databricks] = await Promise.all([askAws(context), isSet ? askDatabricks(context) : NOT_ASKED]);
  return {
    problems: [...aws.problems, ...databricks.problems],
    lines: [...aws.lines, ...databricks.lines],
    answers: { aws: aws.answer, databricks: databricks.answer },
  };
}

type CloudCheck<T> = {
  readonly problems: readonly string[];
  readonly lines: readonly string[];
  readonly answer: T | null;
};
const NOT_ASKED: CloudCheck<never> = { problems: [], lines: [], answer: null };

async function askAws(context: Context): Promise<CloudCheck<{ account: string; caller: string }>> {
  const { aws, wish } = await openAwsHalf(context);
  try {
    const { whoWeAre } = await import("../provision/aws/side.ts");
    const { accountId: account = "", callerArn: caller = "" } = await whoWeAre(aws, wish);
    return { problems: [], lines: [`AWS: account ${account}, as ${caller}`], answer: { account, caller } };
  } catch (error) {
    return failed(error);
  } finally {
    aws.close();
  }
}

async function askDatabricks(context: Context): Promise<CloudCheck<Look>> {
  const world = worldOf(context);
  try {
    const { lookAtWorkspace } = await import("../provision/lake/side.ts");
    const look = await lookAtWorkspace(databricksOptions(context), world);
    const sql = look.warehouse === null ? "" : `, SQL on "${look.warehouse}"`;
    const lines = [`Databricks: as ${look.user}, metastore in ${look.region}${sql}`];
    if (look.notGranted !== null && look.notGranted.length > 0) {
      const missing = look.notGranted.join(", ");
      lines.push(`Databricks: the first apply needs ${missing}, or membership of "${look.metastoreOwner}"`);
    }
    return { problems: look.warehouseProblem === null ? [] : [look.warehouseProblem], lines, answer: look };
  } catch (error) {
    return failed(error);
  } finally {
    world.end();
  }
}

function failed(error: unknown): CloudCheck<never> {
  if (!(error instanceof AgentError)) throw error;
  return { problems: [sentenceOf(error)], lines: [], answer: null };
}
