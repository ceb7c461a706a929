/** The store that the settings name: the same one for every command. */
import { type AgentError, DeniedError } from "../core/errors.ts";
import type { ProgressLine } from "../core/progress.ts";
import { awsVariables } from "../core/settings/dotenv.ts";
import type { ObjectStore } from "../uplink/object-store.ts";
import { openStore } from "../uplink/open-store.ts";
import { patientReads, type Reads } from "../uplink/patient-reads.ts";
import type { Context } from "./frame/command.ts";
import { progressLine } from "./frame/progress-line.ts";

/** `reads`: for a command that waits for a busy store; `agent run` has a link for that. */
export function storeOf(
  { settings, env, cwd, settingSources }: Pick<Context, "settings" | "env" | "cwd" | "settingSources">,
  reads?: Reads,
): Promise<ObjectStore> {
  // The endpoint and the bundle may come from `.env`, which the environment does not show.
  const endpoint = settings.awsEndpointUrlS3 === null ? {} : { AWS_ENDPOINT_URL_S3: settings.awsEndpointUrlS3 };
  const { s3BucketPrefix: prefix, awsRegion: region, putTimeoutMs } = settings;
  const place = {
    prefix,
    region,
    putTimeoutMs,
    env: { ...awsVariables(settingSources?.dotenv ?? {}, env), ...env, ...endpoint },
    cwd,
  };
  return openStore(settings.store, reads === undefined ? place : { ...place, reads });
}

/**
 * Work that looks into the store, for a person who waits: reads are repeated for up to a minute each, and the terminal shows
 * why. For a key that may not read, the error says what is missing, and what allows it.
 */
export async function lookInto<T>(
  context: Context,
  work: (store: ObjectStore, progress: ProgressLine) => Promise<T>,
): Promise<T> {
  const progress = progressLine(context.terminal);
  const store = await storeOf(context, patience(context, progress));
  try {
    return await work(store, progress);
  } catch (error) {
    throw error instanceof DeniedError ? unseen(error) : error;
  } finally {
    progress.end();
    store.close();
  }
}

function patience({ stop, say, terminal }: Context, progress: ProgressLine): Reads {
  let isSaid = false;
  return patientReads({
    random: Math.random,
    nowMs: () => performance.now(),
    wait: (ms) => untilStopped(ms, stop),
    stop,
    waiting: (because, ms) => {
      if (terminal) return progress.tell(() => `waiting ${(ms / 1_000).toFixed(1)} s: ${because}`);
      // A log needs the first only: the error says the rest.
      if (!isSaid) say(`${because}. The command tries again, for up to a minute`);
      isSaid = true;
    },
  });
}

/** Resolves after this time, or when the command is asked to stop. */
export function untilStopped(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      stop.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    stop.addEventListener("abort", over);
    if (stop.aborted) over();
  });
}

const READING: readonly string[] = ["s3:ListBucket", "s3:GetObject"];

/** The edge's own key may only put: with it nothing can be compared. */
function unseen(error: DeniedError): AgentError {
  const { message, missing, tryHint } = error;
  const [action = "", , arn = ""] = missing.split(" ");
  if (!READING.includes(action)) return error;
  const bucket = arn.replace(/\/.*$/, "");
  const advice =
    `Nothing was seen of what the store holds: the edge's key may only put. Use another identity (AWS_PROFILE), or allow this one ` +
    `s3:ListBucket on ${bucket} and, to read rows, s3:GetObject on ${bucket}/*; likewise for the other stages`;
  return new DeniedError(message, { missing, advice, cause: error, tryHint: tryHint ?? "aws sts get-caller-identity" });
}
