/** `agent status`: what a node holds, how far delivery is, and its problems. Reads only; works beside a running agent. */
import { resolve } from "node:path";
import { NoBufferError } from "../buffer/ledger/ledger.ts";
import { AgentError, messageOf, UsageError } from "../core/errors.ts";
import { oneLine } from "../core/log/log.ts";
import type { Problem } from "../core/problem.ts";
import { checkSettings, resolveSettings } from "../core/settings/settings.ts";
import { NotBegunError } from "../status/not-begun.ts";
import { readStatus, type Status } from "../status/status.ts";
import { type NoStatus, noStatusLine, statusLine } from "../status/status-line.ts";
import { type Context, defineCommand, type ExitCode } from "./frame/command.ts";
import { intervalFlag } from "./frame/flag-values.ts";
import { type Args, type Flags, settingFlags } from "./frame/flags.ts";
import { statusText } from "./status-text.ts";

const ARGS = {
  ...settingFlags("dataDir"),
  json: { type: "boolean", description: "One JSON value." },
  line: { type: "boolean", description: "One line below 300 characters, for logs and for jobs over many nodes." },
  watch: { type: "boolean", description: "Again and again, until q or Ctrl-C: in place on a terminal." },
  interval: { type: "string", description: "How often --watch looks. Default: 2s.", valueHint: "2s" },
} as const satisfies Args;

export const command = defineCommand({
  name: "status",
  summary: "Show what the node holds: health, rates, lag by stage, rules, losses, uplink, sources.",
  args: ARGS,
  toleratesWrongSettings: true,
  examples: [
    "agent status",
    "agent status --watch --interval 5s",
    "agent status --line",
    "agent status --data-dir /var/lib/agent --json",
  ],
  run,
});

async function run(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  if (flags.json && flags.line) {
    throw new UsageError("Cannot use --json and --line together: each of them is all that is printed", {
      tryHint: "agent status --json",
    });
  }
  if (flags.interval !== undefined && !flags.watch) {
    throw new UsageError("Cannot use --interval without --watch: the status is shown once", {
      tryHint: "agent status --watch",
    });
  }
  if (flags.watch) await watch(flags, context);
  else if (flags.line) await writeLine(context);
  else await context.write(textOf(read(context), flags.json, context.columns));
  // What is shown is of the node all the same; the call is as wrong as any other with these settings.
  if (context.settingSources !== undefined) resolveSettings(context.settingSources);
  return 0;
}

function textOf(status: Status, isJson: boolean, columns: number | undefined): string {
  return isJson ? `${JSON.stringify(status, null, 2)}\n` : statusText(status, Date.now(), columns);
}

const WATCH_INTERVAL = "2s";

/** What cannot be read is shown in its place: the agent may be about to start. */
async function watch({ json, line, interval }: Flags<typeof ARGS>, context: Context): Promise<void> {
  const everyMs = intervalFlag("interval", interval ?? WATCH_INTERVAL, "agent status --watch");
  const { watchAppended, watchInPlace } = await import("./status-watch.ts");
  const text = (columns: number | undefined) => {
    try {
      const status = read(context);
      if (line) return `${statusLine(status, Date.now())}\n`;
      return json ? `${JSON.stringify(status)}\n` : textOf(status, false, columns);
    } catch (error) {
      if (line) return `${noStatusLine(context.settings.nodeId, unseen(error))}\n`;
      const { code, message } = unseen(error);
      if (json) return `${JSON.stringify({ trouble: { code, message } })}\n`;
      const hint = error instanceof AgentError ? error.tryHint : undefined;
      return `${oneLine(message)}\n${hint === undefined ? "" : `Try: ${oneLine(hint)}\n`}`;
    }
  };
  if (context.screen === undefined || json || line) await watchAppended({ text, everyMs }, json || line, context);
  else await watchInPlace({ text, everyMs }, context.screen, context);
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
