/** `agent top`: what a node does, live. Reads only; works beside a running agent, waits for one, and stays when it is restarted. */
import { resolve } from "node:path";
import { nap } from "../../core/time/nap.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import { durationFlag, intervalFlag, wholeNumberFlag } from "../frame/flag-values.ts";
import { type Args, type Flags, settingFlags } from "../frame/flags.ts";
import type { Watched } from "./drawing.ts";

const LOOKS_MOST = 1_000_000_000;

const ARGS = {
  ...settingFlags("dataDir"),
  interval: { type: "string", description: "How often it looks.", valueHint: "1s", default: "1s" },
  for: { type: "string", description: "End after this time. Default: until q or Ctrl-C.", valueHint: "30s" },
  count: { type: "string", description: "End after this many looks.", valueHint: "N" },
  json: { type: "boolean", description: "A JSON value a look: {at, status, trouble, sensors, anomalies, rules}." },
} as const satisfies Args;

export const command = defineCommand({
  name: "top",
  summary: "Watch a node live: rates, problems, flow, sensors, anomalies, rules. In a pipe: a line a look.",
  args: ARGS,
  toleratesWrongSettings: true,
  examples: [
    "agent top",
    "agent top --data-dir /var/lib/agent --interval 5s",
    "agent top --count 1 | cat",
    "agent top --json --for 1m | jq .status.rates",
  ],
  run,
});

async function run(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  const { cwd, settings, screen } = context;
  const everyMs = intervalFlag("interval", flags.interval, "agent top");
  const endMs = flags.for === undefined ? null : durationFlag("for", flags.for, "agent top");
  const most = { least: 1, most: LOOKS_MOST, example: "agent top --count 10" };
  const count = flags.count === undefined ? null : wholeNumberFlag("count", flags.count, most);
  const stop = AbortSignal.any([context.stop, ...(endMs === null ? [] : [AbortSignal.timeout(endMs)])]);
  const { TopWatch } = await import("./look.ts");
  const watch = new TopWatch(resolve(cwd, settings.dataDir), settings);
  const isLine = screen === undefined && !flags.json;
  const watched = { look: () => (isLine ? watch.glance(Date.now()) : watch.look(Date.now())), everyMs, count };
  if (screen === undefined || flags.json) await printTop(watched, flags.json, { ...context, stop });
  else await (await import("./drawing.ts")).drawTop(watched, screen, { ...context, stop });
  return 0;
}

async function printTop({ look, everyMs, count }: Watched, isJson: boolean, { stop, write }: Context): Promise<void> {
  const { plainJson, plainLine } = await import("./plain.ts");
  for (let looks = 0; looks !== count && !stop.aborted; looks++) {
    if (looks > 0) await nap(everyMs, stop);
    if (stop.aborted) break;
    const seen = look();
    await write(`${isJson ? JSON.stringify(plainJson(seen)) : plainLine(seen)}\n`);
  }
}
