/** `agent run`: the main job. Takes, keeps, judges and delivers until it is stopped or its sources end. */
import { fstatSync } from "node:fs";
import { StoppedEarlyError } from "../agent/buffer-inputs.ts";
import { sourceProblem } from "../agent/input/source-trouble.ts";
import { type OpenAgent, openAgent } from "../agent/open-agent.ts";
import { marksOfMachine } from "../buffer/disk/marks.ts";
import { UsageError } from "../core/errors.ts";
import type { Log } from "../core/log/log.ts";
import { isStdin } from "../sensor/lines/stdin-uri.ts";
import { openSource, type SourceOptions } from "../sensor/open-source.ts";
import { shippedProfiles } from "../sensor/profile/shipped.ts";
import { FileHolders } from "../sensor/shared-files.ts";
import { RunReporting } from "../status/reporting.ts";
import { type Context, defineCommand, type ExitCode } from "./frame/command.ts";
import { durationFlag } from "./frame/flag-values.ts";
import { type Args, type Flags, settingFlags } from "./frame/flags.ts";
import { openLog } from "./frame/log.ts";
import { loadReadingFiles } from "./reading-files.ts";
import { otherUnits } from "./run/other-units.ts";
import { pageOf } from "./run/page.ts";
import { rulesInForce } from "./run/place-of-rules.ts";
import { watchProgress } from "./run/progress.ts";
import { type RunSettings, reloadSettings } from "./run/reload.ts";
import { sourceByDefault } from "./run/source-by-default.ts";
import type { UnderSystemd } from "./run/under-systemd.ts";
import { storeOf } from "./store-of.ts";

const ARGS = {
  ...settingFlags("source", "store", "dataDir", "rulesDir", "profile", "map", "lockWait", "drain", "dashboard"),
  for: { type: "string", description: "Stop taking after this time, deliver everything, exit.", valueHint: "30s" },
  once: {
    type: "boolean",
    description: "Take what the sources have now, deliver all of it, open windows too, exit.",
  },
} as const satisfies Args;

/** A run that must end waits this long for a data dir that cannot be used. */
const ONCE_PATIENCE_MS = 10_000;

export const command = defineCommand({
  name: "run",
  summary: "Take readings, keep them, judge them, and deliver the five stages exactly once.",
  args: ARGS,
  supervised: true,
  examples: [
    "agent run",
    "agent run --source sqlite:field.db --store s3:",
    "cat readings.ndjson | agent run --source stdin: --once",
    "agent run --source 'stdin:?format=csv' --once < readings.csv",
    "agent run --source 'simulator:?sensors=50&rate=10' --for 1m",
  ],
  run,
});

async function run(flags: Flags<typeof ARGS>, given: Context): Promise<ExitCode> {
  // What SIGHUP may change is changed in the copy that everything of this run reads.
  const settings: RunSettings = { ...given.settings };
  const forMs = flags.for === undefined ? null : durationFlag("for", flags.for, "agent run");
  const { once } = flags;
  refuseFolderAsInput(settings.source);
  const log = await openLog({ ...given, settings });
  const reporting = new RunReporting(settings, given.cwd, log, pageOf({ settings, cwd: given.cwd, log }));
  // A run that ends by itself ends with its work done.
  const isLasting = !once && forMs === null;
  const stop = isLasting ? AbortSignal.any([given.stop, reporting.watchBinary()]) : given.stop;
  const context: Context = { ...given, settings, stop };
  const isSupervised = context.env["NOTIFY_SOCKET"] !== undefined;
  const systemd = isSupervised ? (await import("./run/under-systemd.ts")).underSystemd(context, log) : null;
  let running: OpenAgent | null = null;
  context.onHangUp?.((dotenv) => {
    reloadSettings(settings, dotenv, context, log);
    running?.parts.rules.readAgain();
  });
  await reporting.listen();
  const opened = await startAgent(context, { log, once, isLasting, reporting, systemd }).catch(unlessStopped);
  if (opened === null) return 0;
  running = opened;
  reporting.begin(opened);
  systemd?.ready(opened);
  log.info("running", `Taking ${settings.source.join(", ")}, delivering to ${settings.store}`, {
    node: opened.parts.buffer.nodeId,
    data_dir: settings.dataDir,
    epoch: opened.parts.buffer.epoch,
  });
  const usual = sourceByDefault(settings, opened.parts.buffer);
  if (usual !== null) log.warn("source_by_default", usual, { try: "agent config show" });
  if (forMs !== null) setTimeout(() => opened.stopTaking(), forMs);
  stop.addEventListener("abort", () => opened.stop(settings.drain));
  if (stop.aborted) opened.stop(settings.drain);
  const progress = given.terminal ? watchProgress(opened) : null;
  const end = await opened.run();
  progress?.end();
  const { taps } = opened.parts.pipeline;
  const malformed = taps.reduce((sum, { input }) => sum + input.malformed, 0);
  const isBadInput = taps.some(({ input, source }) => input.problem(source.uri) !== null);
  const unread = taps.flatMap(({ source, trouble }) => sourceProblem(source.uri, trouble));
  const isUnread = unread.length > 0;
  const left = opened.parts.buffer.lastSeq - opened.parts.outbox.plannedThrough;
  await reporting.end(opened, end.finished);
  await opened.close();
  const malformedToo = isBadInput ? ", the malformed rows as received" : "";
  const delivered = `Everything${isUnread ? " that could be read" : ""} was delivered${malformedToo}`;
  const why = unread.map(({ message }) => `. ${message}`).join("");
  log[isBadInput || isUnread ? "warn" : "info"](
    "stopped",
    `${end.finished ? delivered : "Stopped; the next start delivers the rest"}${why}`,
    {
      accepted: end.accepted,
      ...(malformed > 0 && { malformed }),
      objects: opened.parts.delivery.objects,
      ...(end.finished ? {} : { not_yet_planned: left }),
      ...(unread[0] && { try: unread[0].try }),
    },
  );
  // A paused stdin may keep the event loop alive, but the work is done.
  return (once && isBadInput) || (!isLasting && isUnread) ? 1 : 0;
}

/** `< DIR` instead of `< FILE`: the engine's own error says nothing of stdin. */
function refuseFolderAsInput(sources: readonly string[]): void {
  if (!sources.some(isStdin) || !isFolder(0)) return;
  throw new UsageError('Cannot read "stdin:": the standard input is a folder, not a file or a pipe', {
    tryHint: "agent run --source stdin: --once < readings.ndjson",
  });
}

function isFolder(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isDirectory();
  } catch {
    // It is closed: then there is nothing to read, and no error either.
    return false;
  }
}

/** A stop while it waits for the lock or the disk: it had not begun, so it is done. */
function unlessStopped(error: unknown): null {
  if (error instanceof StoppedEarlyError) return null;
  throw error;
}

type Started = {
  readonly log: Log;
  readonly once: boolean;
  /** It has no end of its own: no person waits for it. */
  readonly isLasting?: boolean;
  readonly reporting?: RunReporting;
  readonly systemd?: UnderSystemd | null;
};

/** Everything that `run` and `demo` share: from settings to an agent that is ready to run. */
export async function startAgent(context: Context, started: Started): Promise<OpenAgent> {
  const { settings, cwd, stop } = context;
  const { log, once, isLasting = false, reporting, systemd } = started;
  const report = (line: string) => log.warn("map_names_unseen", line);
  const { profile, otherProfiles, maps, http } = loadReadingFiles(settings, { cwd, once, report });
  const store = await storeOf(context);
  return await openAgent({
    settings,
    log,
    store,
    stop,
    patienceMs: once ? ONCE_PATIENCE_MS : undefined,
    waiting: (problem) => {
      reporting?.waiting(problem);
      systemd?.waiting(problem?.message ?? null);
    },
    pulse: systemd?.pulse,
    waitsForRules: isLasting,
    now: Date.now,
    marks: marksOfMachine(settings.machineId),
    random: Math.random,
    units: new Map(profile.measures.map(({ name, unit }) => [name, unit])),
    ...(reporting && { reporting }),
    rules: (catalogue, last) => {
      const found = rulesInForce(context, { catalogue, last }, log);
      const units = (found.dir ?? null) === null ? otherUnits(profile) : null;
      if (units !== null) log.warn("rules_other_unit", units, { try: "agent rules init rules" });
      return { ...found, profiles: [profile, ...shippedProfiles()] };
    },
    sources: async (catalogue, { nodeId, cursor, stateOf, lastTimesOf }) => {
      const { mqttUsername, mqttPassword, mqttPasswordFile } = settings;
      const options: SourceOptions = {
        catalogue,
        profile,
        otherProfiles,
        maps,
        nodeId,
        mqttLogin: { user: mqttUsername, password: mqttPassword, passwordFile: mqttPasswordFile },
        cursor,
        stateOf,
        lastTimesOf,
        once,
        cwd,
        now: Date.now,
        stdin: () => Bun.stdin.stream(),
        maxLineBytes: settings.maxLineBytes,
        http,
        pollMs: settings.pollMs,
        fileHolders: new FileHolders(),
        notice: (line) => log.warn("source_notice", line),
      };
      return await Promise.all(settings.source.map((uri) => openSource(uri, options)));
    },
  });
}
