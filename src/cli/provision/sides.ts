/** What the commands of `agent provision` share: their flags, the clouds that are meant, and a world to work in. */
import { homedir } from "node:os";
import { AgentError, adviceOf, UsageError } from "../../core/errors.ts";
import type { Watch } from "../../provision/apply.ts";
import { type Doing, type ProvisionSide, SIDES, type Side } from "../../provision/resource.ts";
import type { Context } from "../frame/command.ts";
import { type Args, type Flags, settingFlags } from "../frame/flags.ts";
import { progressLine } from "../frame/progress-line.ts";
import { outcomeLines } from "./text.ts";

export const SIDE_FLAGS = {
  only: { type: "enum", options: [...SIDES], description: "Only this cloud.", valueHint: SIDES.join("|") },
} as const satisfies Args;
export const WISH_FLAGS = settingFlags(
  ...(["edgeIdentity", "edgeNodes", "edgeKeyFile", "kmsKeyArn", "costTags", "writeOnce", "fileEvents"] as const),
  "rawExpiryDays",
);
export const ADOPT_FLAG = {
  adopt: { type: "boolean", description: "Take over what has our names but was made by another person or tool." },
} as const satisfies Args;
export const FORCE_FLAG = {
  force: {
    type: "boolean",
    description: "Repair a location that points to the wrong bucket even if tables or volumes are under the old one.",
  },
} as const satisfies Args;
export const FOREIGN_OBJECTS_FLAG = {
  foreignObjects: { type: "boolean", description: "Delete objects in the buckets that are not the agent's too." },
} as const satisfies Args;
export const YES_FLAG = { yes: { type: "boolean", description: "Do not ask." } } as const satisfies Args;

/** `force`: only `apply` has it. */
type SideFlags = Flags<typeof SIDE_FLAGS> & Partial<Flags<typeof FORCE_FLAG>>;

export function sidesAsked({ only }: SideFlags, context: Context): readonly Side[] {
  if (only !== undefined) return [only];
  if (hasDatabricks(context)) return SIDES;
  context.say("Databricks is left out: neither DATABRICKS_HOST nor DATABRICKS_CONFIG_PROFILE is set");
  return ["aws"];
}

export function hasDatabricks({ settings }: Context): boolean {
  return settings.databricksHost !== null || settings.databricksConfigProfile !== null;
}

/** What the SDK would see: the environment over `.env`, and the endpoint of the settings. */
export function awsEnv({ env, settings, settingSources }: Context): Readonly<Record<string, string | undefined>> {
  const endpoint = settings.awsEndpointUrlS3 === null ? {} : { AWS_ENDPOINT_URL_S3: settings.awsEndpointUrlS3 };
  return { ...settingSources?.dotenv, ...env, ...endpoint };
}

async function openSides(flags: SideFlags, context: Context): Promise<ProvisionSide[]> {
  const sides: ProvisionSide[] = [];
  for (const side of sidesAsked(flags, context)) sides.push(await OPEN[side](context, flags));
  return sides;
}

/** Opens the clouds that are meant, works with them, and closes them however that ends. */
export async function withSides<T>(
  flags: SideFlags,
  context: Context,
  work: (sides: readonly ProvisionSide[], world: ProvisionWorld) => Promise<T>,
): Promise<T> {
  const world = worldOf(context);
  return await withWayOut(context, async () => {
    const sides = await openSides(flags, context);
    try {
      return await work(sides, world);
    } finally {
      world.end();
      for (const side of sides) side.close();
    }
  });
}

/** For a refusal or a passing error without another way out, the way out is the same command again. */
export async function withWayOut<T>({ typed }: Pick<Context, "typed">, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AgentError) || error instanceof UsageError || error.tryHint !== undefined) throw error;
    throw new AgentError(error.message, { ...adviceOf(error), tryHint: typed, cause: error });
  }
}

const OPEN: Record<Side, (context: Context, flags: SideFlags) => Promise<ProvisionSide>> = {
  aws: async (context) => {
    const { aws, wish, env } = await openAwsHalf(context);
    const { awsSide } = await import("../../provision/aws/side.ts");
    return awsSide(aws, wish, env);
  },
  databricks: async (context, flags) => {
    const { openDatabricksSide } = await import("../../provision/lake/side.ts");
    const { shippedNotebook } = await import("../../provision/load/shipped-notebook.ts");
    const { shippedQuestions } = await import("../../provision/load/shipped-questions.ts");
    return openDatabricksSide({
      ...databricksOptions(context),
      force: flags.force === true,
      notebook: shippedNotebook(),
      questions: shippedQuestions(),
    });
  },
};

export function databricksOptions({ settings, cwd, env }: Context) {
  return { settings, cwd, home: env["HOME"] ?? env["USERPROFILE"] ?? homedir() };
}

export async function openAwsHalf(context: Context) {
  const [{ openAws }, { awsWish }] = await Promise.all([
    import("../../provision/aws/clients.ts"),
    import("../../provision/aws/wish.ts"),
  ]);
  const env = awsEnv(context);
  const aws = await openAws({ region: context.settings.awsRegion, env });
  return { aws, wish: awsWish(context.settings, context.cwd), env };
}

/** Reports every step when it is over, instead of the progress line. */
export function tellingOutcomes(world: ProvisionWorld, say: (line: string) => void): Watch {
  return {
    onOutcome: (outcome) => {
      world.end();
      for (const line of outcomeLines(outcome)) say(line);
    },
  };
}

export type ProvisionWorld = Omit<Doing, "facts"> & { readonly end: () => void };

/** Without a terminal a long wait is reported at most this often. */
const TOLD_EVERY_MS = 10_000;

/** Waits that a signal ends, and progress: a line on a terminal, elsewhere a line now and then. */
export function worldOf({ stop, terminal, say, typed }: Context): ProvisionWorld {
  const progress = progressLine(terminal);
  let nextMs = performance.now() + TOLD_EVERY_MS;
  const tell = (text: string) => {
    if (terminal) return progress.tell(() => text);
    const now = performance.now();
    if (now < nextMs) return;
    nextMs = now + TOLD_EVERY_MS;
    say(text);
  };
  const wait = (ms: number) =>
    new Promise<void>((resolve, reject) => {
      const over = () => {
        clearTimeout(timer);
        reject(stop.reason);
      };
      const timer = setTimeout(() => {
        stop.removeEventListener("abort", over);
        resolve();
      }, ms);
      if (stop.aborted) over();
      else stop.addEventListener("abort", over, { once: true });
    });
  return { stop, tell, wait, now: () => performance.now(), again: typed, end: () => progress.end() };
}
