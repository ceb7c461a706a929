/** `agent status`: what a node holds, how far delivery is, and its problems. Reads only; works beside a running agent. */
import { resolve } from "node:path";
import { NoBufferError } from "../buffer/ledger/ledger.ts";
import { messageOf, UsageError } from "../core/errors.ts";
import type { Problem } from "../core/problem.ts";
import { checkSettings, resolveSettings } from "../core/settings/settings.ts";
import { NotBegunError } from "../status/not-begun.ts";
import { readStatus, type Status } from "../status/status.ts";
import { type NoStatus, noStatusLine, statusLine } from "../status/status-line.ts";
import { type Context, defineCommand, type ExitCode } from "./frame/command.ts";
import { type Args, type Flags, settingFlags } from "./frame/flags.ts";
import { statusText } from "./status-text.ts";

const ARGS = {
  ...settingFlags("dataDir"),
  json: { type: "boolean", description: "One JSON value." },
  line: { type: "boolean", description: "One line below 300 characters, for logs and for jobs over many nodes." },
} as const satisfies Args;

export const command = defineCommand({
  name: "status",
  summary: "Show what the node holds: health, lag by stage, rules, losses, uplink, sources.",
  args: ARGS,
  toleratesWrongSettings: true,
  examples: ["agent status", "agent status --line", "agent status --data-dir /var/lib/agent --json"],
  run,
});

async function run(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  if (flags.json && flags.line) {
    throw new UsageError("Cannot use --json and --line together: each of them is all that is printed", {
      tryHint: "agent status --json",
    });
  }
  if (flags.line) await writeLine(context);
  else {
    const status = read(context);
    await context.write(
      flags.json ? `${JSON.stringify(status, null, 2)}\n` : statusText(status, Date.now(), context.columns),
    );
  }
  // What is shown is of the node all the same; the call is as wrong as any other with these settings.
  if (context.settingSources !== undefined) resolveSettings(context.settingSources);
  return 0;
}

function read({ cwd, settings, settingSources }: Context): Status {
  const status = readStatus(resolve(cwd, settings.dataDir), settings, Date.now());
  const refused = refusedSettings(settingSources);
  return refused === null ? status : { ...status, health: "degraded", problems: [refused, ...status.problems] };
}

/** With them no agent starts. One that runs had others. */
function refusedSettings(settingSources: Context["settingSources"]): Problem | null {
  const { problems } = checkSettings(settingSources ?? {});
  const [first, ...more] = problems;
  if (first === undefined) return null;
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  const message = `With these settings \`agent run\` does not start: ${first}${others}`;
  return { code: "settings_refused", message, try: "agent config check" };
}

/** Where there is no status, the line says so, and the error follows: a log that has the lines of a fleet lacks none. */
async function writeLine(context: Context): Promise<void> {
  try {
    await context.write(`${statusLine(read(context), Date.now())}\n`);
  } catch (error) {
    const { nodeId } = context.settings;
    await context.write(`${noStatusLine(nodeId, unseen(error))}\n`);
    throw error;
  }
}

function unseen(error: unknown): NoStatus {
  if (error instanceof NotBegunError) {
    const { code, message } = error.problem;
    return { state: "waiting", code, message };
  }
  const message = messageOf(error);
  return error instanceof NoBufferError
    ? { state: "missing", code: "no_buffer", message }
    : { state: "degraded", code: "buffer_unreadable", message };
}
