/** `agent config check --live`: are the credentials valid, and of the account that the settings mean. Nothing is changed. */
import { AgentError } from "../core/errors.ts";
import type { Context } from "./command.ts";
import { openAwsHalf } from "./provision-sides.ts";

export type Live = {
  /** As sentences, each with its way out. */
  readonly problems: readonly string[];
  readonly lines: readonly string[];
  readonly told: { readonly aws: { readonly account: string; readonly caller: string } | null };
};

export async function askLive(context: Context): Promise<Live> {
  const { aws, wish } = await openAwsHalf(context);
  try {
    const { whoWeAre } = await import("../provision/aws-side.ts");
    const { accountId: account = "", callerArn: caller = "" } = await whoWeAre(aws, wish);
    return { problems: [], lines: [`AWS: account ${account}, as ${caller}`], told: { aws: { account, caller } } };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const hint = error.tryHint === undefined ? "" : `. Try: ${error.tryHint}`;
    return { problems: [`${error.message}${hint}`], lines: [], told: { aws: null } };
  } finally {
    aws.close();
  }
}
