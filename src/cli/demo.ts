/** `agent demo`: the whole job on this machine, from simulated sensors to five stages in a folder, and a summary of the result. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { OpenAgent } from "../agent/open-agent.ts";
import { AgentError, UsageError } from "../core/errors.ts";
import { makeLog, textLine } from "../core/log/log.ts";
import { boolean } from "../core/outside/scalar-shapes.ts";
import { list, record } from "../core/outside/shape.ts";
import { anyNumber, anything, atLeast, storedJson } from "../core/outside/stored-json.ts";
import { grouped } from "../core/readable-numbers.ts";
import type { HostPort } from "../core/settings/address.ts";
import { type Settings, secretsOf } from "../core/settings/settings.ts";
import { STAGES } from "../core/stage.ts";
import { formatDuration } from "../core/time/duration.ts";
import { RunReporting } from "../status/reporting.ts";
import { expectFreePort } from "./demo/page.ts";
import { type Summary, summaryText } from "./demo/summary.ts";
import { writeDemoRules } from "./demo-rules.ts";
import { type Context, defineCommand, type ExitCode } from "./frame/command.ts";
import { durationFlag } from "./frame/flag-values.ts";
import { type Args, type Flags, settingFlags } from "./frame/flags.ts";
import { pageOf } from "./run/page.ts";
import { watchProgress } from "./run/progress.ts";
import { startAgent } from "./run.ts";
import { command as verify } from "./verify/verify.ts";

const ARGS = {
  for: { type: "string", description: "How long to take readings.", valueHint: "20s", default: "20s" },
  dir: {
    type: "string",
    description: "A folder of its own; emptied first.",
    valueHint: "DIR",
    default: "agent-demo",
  },
  ...settingFlags("dashboard"),
  keep: {
    type: "boolean",
    description: "After the summary, continue to take readings and to serve the page until Ctrl-C.",
  },
  json: { type: "boolean", description: "One JSON value: accepted, losses, stages, anomalies_by_rule, verify." },
} as const satisfies Args;

export const command = defineCommand({
  name: "demo",
  summary: "Show everything on this machine: simulated sensors, all five stages, a summary that is checked.",
  args: ARGS,
  examples: ["agent demo", "agent demo --keep", "agent demo --for 5s --json --dashboard off"],
  run,
});

/** Well-behaved sensors, sensors with many anomalies, and turbines: enough for each stage and rule in a few seconds. */
const SOURCES = [
  "simulator:?sensors=10&rate=10&anomaly=0&seed=11",
  "simulator:?sensors=10&rate=10&anomaly=0.25&seed=12",
  "simulator:?profile=wind-turbine&sensors=4&rate=10&anomaly=0.15&seed=13",
];
const PAGE_AT: HostPort = { host: "127.0.0.1", port: 8844 };
/** A batch is made every two seconds; a store that is slow does not hold up the summary for longer. */
const FIRST_OBJECTS_MS = 15_000;
const MARK = ".made-by-agent-demo";

async function run(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  const forMs = durationFlag("for", flags.for, "agent demo");
  const { dir } = flags;
  const { dashboard } = context.settings;
  if (dashboard !== null && !isDefault(context.settings)) expectFreePort(dashboard);
  emptyFolder(resolve(context.cwd, dir), dir);
  const settings = demoSettings(context.settings, dir, resolve(context.cwd, dir));
  // Those that a setting names are edited where they are.
  if (context.settings.rulesDir === null) writeDemoRules(settings.rulesDir, context.cwd);
  const started = performance.now();
  const demo = await begin(settings, forMs, context);
  const isKept = (await hasPassed(forMs, context.stop)) && flags.keep;
  if (isKept) await firstObjects(demo, context.stop);
  else await end(demo);
  const { opened } = demo;
  const accepted = opened.parts.buffer.lastSeq;
  const byRule = anomaliesByRule(opened);
  const losses =
    opened.parts.buffer.db.query<{ n: number }, []>("SELECT ifnull(sum(count), 0) AS n FROM loss").get()?.n ?? 0;
  if (!isKept) await opened.close();
  const audit = await audited(settings, context);
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const summary: Summary = {
    accepted,
    losses,
    stages: audit.stages,
    anomalies_by_rule: byRule,
    // Of an agent that has ended nothing may be on its way either.
    verify: { ok: audit.ok && (isKept || audit.pending === 0) },
    seconds,
  };
  const text = summaryText({ summary, dir, settings, pending: audit.pending });
  await context.write(flags.json ? `${JSON.stringify(summary, null, 2)}\n` : text);
  if (isKept) await keep(demo, context);
  return summary.verify.ok ? 0 : 1;
}

type Demo = {
  readonly opened: OpenAgent;
  readonly reporting: RunReporting;
  readonly running: Promise<unknown>;
  readonly progress: ReturnType<typeof watchProgress> | null;
};

async function begin(settings: Settings, forMs: number, context: Context): Promise<Demo> {
  const { say, terminal, stop } = context;
  // Only warnings and errors: the demo prints its own text.
  const log = makeLog({
    least: "warn",
    secrets: secretsOf(settings),
    now: Date.now,
    write: (entry) => say(textLine(entry)),
  });
  const reporting = new RunReporting(settings, context.cwd, log, pageOf({ settings, cwd: context.cwd, log }));
  // Another demo may have the usual port.
  await reporting.listen(isDefault(settings));
  const opened = await startAgent({ ...context, settings }, { log, once: false, reporting });
  reporting.begin(opened);
  const page = pageAddress(reporting);
  if (page !== null) say(`Page: ${page}`);
  say(`24 sensors take 240 readings a second for ${formatDuration(forMs)}: buffer, rules, five stages`);
  // A signal ends intake early; the readings that were taken are still delivered and checked.
  stop.addEventListener("abort", () => opened.stopTaking());
  if (stop.aborted) opened.stopTaking();
  const running = opened.run();
  return { opened, reporting, running, progress: terminal ? watchProgress(opened) : null };
}

/** With the token behind it: who runs the demo may edit its rules. */
function pageAddress({ page }: RunReporting): string | null {
  if (page === null) return null;
  return page.token === null ? page.url : `${page.url}#token=${page.token}`;
}

/** Delivers everything that was taken, and serves no more. */
async function end({ opened, reporting, running, progress }: Demo): Promise<void> {
  opened.stopTaking();
  await running;
  await reporting.end(opened, true);
  progress?.end();
}

/** False: it was stopped before. */
function hasPassed(ms: number, stop: AbortSignal): Promise<boolean> {
  if (stop.aborted) return Promise.resolve(false);
  return new Promise((done) => {
    const timer = setTimeout(() => done(true), ms);
    stop.addEventListener("abort", () => {
      clearTimeout(timer);
      done(false);
    });
  });
}

/** A demo of a few seconds that continues has something in its lake when it shows what is there. */
async function firstObjects({ opened }: Demo, stop: AbortSignal): Promise<void> {
  const until = performance.now() + FIRST_OBJECTS_MS;
  while (opened.parts.delivery.objects < STAGES.length && performance.now() < until)
    if (!(await hasPassed(100, stop))) return;
}

async function keep(demo: Demo, { say, stop }: Context): Promise<void> {
  const page = pageAddress(demo.reporting);
  const served = page === null ? "" : ` Page: ${page}`;
  say(`The sensors continue until Ctrl-C.${served}`);
  if (!stop.aborted) await new Promise<void>((done) => stop.addEventListener("abort", () => done()));
  await end(demo);
  const { lastSeq } = demo.opened.parts.buffer;
  await demo.opened.close();
  say(`Stopped: ${grouped(lastSeq)} readings accepted, all of them delivered`);
}

const isDefault = ({ origins }: Settings) => origins.dashboard === "default";

/** Small batches and short windows, so that a few seconds show the work of minutes. */
function demoSettings(settings: Settings, dir: string, path: string): Settings & { readonly rulesDir: string } {
  return {
    ...settings,
    dashboard: isDefault(settings) ? PAGE_AT : settings.dashboard,
    source: SOURCES,
    rulesDir: settings.rulesDir ?? join(dir, "rules"),
    dataDir: join(path, "data"),
    store: `dir:${join(dir, "lake")}`,
    map: null,
    profile: "environmental",
    stages: STAGES,
    batchMs: 2_000,
    windowMs: 5_000,
    windowGraceMs: 1_000,
    windowHoldMs: 1_000,
  };
}

function emptyFolder(path: string, shown: string): void {
  if (existsSync(path) && !existsSync(join(path, MARK))) {
    throw new UsageError(`Cannot use folder "${shown}" for the demo: it exists and no demo made it`, {
      tryHint: "agent demo --dir another-folder",
    });
  }
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, MARK), "agent demo empties this folder when it starts.\n");
}

function anomaliesByRule({ parts: { buffer } }: OpenAgent): Record<string, number> {
  const rows = buffer.db
    .query<{ rule: string; count: number }, []>(
      `SELECT json_extract(f.value, '$.rule') AS rule, count(*) AS count FROM finding, json_each(finding.findings) AS f
       GROUP BY 1 ORDER BY 2 DESC, 1`,
    )
    .all();
  return Object.fromEntries(rows.map(({ rule, count }) => [rule, count]));
}

const AUDIT = atLeast({
  ok: boolean,
  epochs: list(
    atLeast({
      stages: record(
        atLeast({ rows: anyNumber, objects: anyNumber, pending: list(anything, { least: 0, most: 1_000_000 }) }),
        { most: STAGES.length },
      ),
    }),
    {
      least: 1,
      most: 1,
    },
  ),
});

/** `pending`: ranges that are on their way. */
type Audited = { readonly ok: boolean; readonly stages: Summary["stages"]; readonly pending: number };

/** The result of `agent verify --deep --json`, by the command itself. */
async function audited(settings: Settings, context: Context): Promise<Audited> {
  let printed = "";
  const write = async (text: string | Uint8Array) => {
    printed += text;
  };
  const call = await verify.read(["--deep", "--json"], "agent verify");
  // Ctrl-C ended the intake; a second one ends the process.
  await call.run({ ...context, settings, write, stop: new AbortController().signal });
  const found = storedJson(AUDIT, printed);
  if (found === null)
    throw new AgentError("Cannot verify the demo's lake: `agent verify --json` printed something else");
  const { epochs, ok } = found;
  const waiting = epochs.flatMap(({ stages: of }) => [...of.values()].flatMap(({ pending }) => pending));
  const stages = Object.fromEntries(
    STAGES.map((stage) => {
      const { rows = 0, objects = 0 } = epochs[0]?.stages.get(stage) ?? {};
      return [stage, { rows, objects }];
    }),
  ) as Summary["stages"];
  return { ok, stages, pending: waiting.length };
}
