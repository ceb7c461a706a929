/** `agent query`: a question by its name, or SQL, asked of the tables in Databricks or, with `--local`, of the objects of a store. */

import { AgentError, UsageError } from "../core/errors.ts";
import { oneLine } from "../core/log/log.ts";
import { didYouMean } from "../core/outside/did-you-mean.ts";
import { grouped } from "../core/readable-numbers.ts";
import { shellWord } from "../core/shell-word.ts";
import type { LeftOut, QueryAnswer } from "../query/answer.ts";
import type { Question } from "../query/named-queries.ts";
import { foreignText } from "./foreign-text.ts";
import { type Context, defineCommand, type ExitCode } from "./frame/command.ts";
import { durationFlag, wholeNumberFlag } from "./frame/flag-values.ts";
import { type Args, type Flags, settingFlags } from "./frame/flags.ts";
import { textTable } from "./frame/table.ts";
import { databricksOptions, worldOf } from "./provision/sides.ts";
import { csvAnswer, jsonAnswer, type PrintedAnswer, tableAnswer } from "./query-text.ts";
import { lookInto } from "./store-of.ts";

const DEFAULT_ROWS = 1_000;
const MOST_ROWS = 100_000;
/** Objects that are named on stderr; `--json` has all. */
const NAMED_OBJECTS = 10;

const ARGS = {
  question: {
    type: "positional",
    valueHint: "NAME|SQL",
    description:
      "A name that `agent query` lists, or a statement: Databricks' SQL, with --local SQLite's. Quote it as one argument.",
    required: false,
  },
  local: {
    type: "boolean",
    description:
      "Ask the objects of the store, here, with no cloud. Only what the question names is read; it cannot write. " +
      "Memory stays below some 400 MB beside the rows of the answer; the rest goes to a temporary file (in SQLITE_TMPDIR or TMPDIR).",
  },
  ...settingFlags("store", "profile"),
  since: {
    type: "string",
    description: "With --local: only hours of event time that ended within this time before now.",
    valueHint: "24h",
  },
  limit: { type: "string", description: "Rows at most.", valueHint: "N", default: String(DEFAULT_ROWS) },
  json: { type: "boolean", description: "One JSON value: columns, rows, truncated, left_out, doubtful, foreign." },
  csv: { type: "boolean", description: "RFC 4180, with a header row." },
} as const satisfies Args;

type QueryFlags = Flags<typeof ARGS>;

export const command = defineCommand({
  name: "query",
  summary: "Ask the lake a question: by its name, or in SQL. Without one, list the names.",
  args: ARGS,
  looks: true,
  examples: [
    "agent query",
    "agent query throughput --local",
    "agent query latency --local --since 24h --json",
    'agent query --local "SELECT count(*) FROM sensor_readings_validated"',
    "agent query anomaly_rate --csv > rates.csv",
  ],
  run,
});

async function run(flags: QueryFlags, context: Context): Promise<ExitCode> {
  const limit = wholeNumberFlag("limit", flags.limit, {
    least: 1,
    most: MOST_ROWS,
    example: `agent query throughput --limit ${DEFAULT_ROWS}`,
  });
  const write = writerAsked(flags, context.typed);
  if (!flags.local) refuseLocalFlags(flags, context);
  const { questions } = await import("../query/named-queries.ts");
  const question = flags.question?.trim() ?? "";
  if (question === "") return list(questions(), flags, context);
  const named = /^[\w-]+$/.test(question) ? queryNamed(question, questions()) : null;
  const sinceMs =
    flags.since === undefined
      ? null
      : Date.now() - durationFlag("since", flags.since, "agent query throughput --local");
  const answer = flags.local
    ? await askLocal(named?.localSql ?? question, { limit, sinceMs }, context)
    : await askRemote(named?.sql ?? question, limit, context);
  for await (const text of write({ ...answer, query: named?.name ?? null, width: context.columns })) {
    await context.write(text);
    if (context.stop.aborted) break;
  }
  // An object that is not the agent's may have any name.
  for (const line of remarks(answer, limit, context)) context.say(oneLine(line));
  return 0;
}

async function askLocal(
  sql: string,
  { limit, sinceMs }: { readonly limit: number; readonly sinceMs: number | null },
  context: Context,
): Promise<AnswerWithGaps> {
  const [{ askLake }, { loadProfile }] = await Promise.all([
    import("../query/local-query.ts"),
    import("../sensor/profile/shipped.ts"),
  ]);
  const profile = loadProfile(context.settings.profile, context.cwd);
  return await lookInto(context, (store, progress) =>
    askLake(store, sql, {
      profile,
      limit,
      sinceMs,
      nowMs: Date.now(),
      stop: context.stop,
      tell: progress.tell,
      busy: context.endedBySignals ?? ((work) => work()),
    }),
  );
}

async function askRemote(sql: string, limit: number, context: Context): Promise<AnswerWithGaps> {
  const { settings } = context;
  if (settings.databricksHost === null && settings.databricksConfigProfile === null) {
    const missing = "neither DATABRICKS_HOST nor DATABRICKS_CONFIG_PROFILE is set";
    throw new UsageError(`Cannot query Databricks: ${missing}; --local asks the objects of ${settings.store}`, {
      tryHint: `${context.typed} --local`,
    });
  }
  const { askDatabricks } = await import("../query/remote-query.ts");
  const world = worldOf(context);
  try {
    const answer = await askDatabricks(databricksOptions(context), sql, limit, world);
    return { ...answer, leftOut: [], doubtful: [], objects: null, foreign: 0, foreignNamed: [] };
  } catch (error) {
    if (error instanceof AgentError || !context.stop.aborted) throw error;
    throw new AgentError("Cannot query the tables: it was stopped", { cause: error });
  } finally {
    world.end();
  }
}

type AnswerWithGaps = QueryAnswer & {
  readonly leftOut: readonly LeftOut[];
  readonly doubtful: readonly LeftOut[];
  readonly objects: number | null;
  readonly foreign: number;
  readonly foreignNamed: readonly string[];
};

/** Remarks for stderr, never in the data: rows that were cut, and objects that could not be read. */
function remarks(
  { truncated, leftOut, doubtful, objects, foreign, foreignNamed }: AnswerWithGaps,
  limit: number,
  { settings, typed }: Context,
): string[] {
  const lines = leftOut.slice(0, NAMED_OBJECTS).map(({ reason }) => `Left out: ${reason}`);
  if (leftOut.length > NAMED_OBJECTS) {
    lines.push(`${grouped(leftOut.length - NAMED_OBJECTS)} more objects are left out; --json names all of them`);
  }
  if (leftOut.length > 0) lines.push("The answer lacks their rows. Try: agent verify --deep");
  for (const { reason } of doubtful.slice(0, NAMED_OBJECTS)) lines.push(`Doubtful: ${reason}`);
  if (doubtful.length > NAMED_OBJECTS) {
    lines.push(`${grouped(doubtful.length - NAMED_OBJECTS)} more objects are doubtful; --json names all of them`);
  }
  if (objects === 0)
    lines.push(
      `Nothing that was asked for is in ${settings.store}. Try: agent lake ls --store ${shellWord(settings.store)}`,
    );
  if (foreign > 0) lines.push(`Not the agent's, and not read: ${foreignText(foreign, foreignNamed)}`);
  const first = limit === 1 ? "row" : `${grouped(limit)} rows`;
  const again = typed.replace(/ --limit[= ]\S+/, "");
  const more =
    limit < MOST_ROWS ? `. Try: ${again} --limit ${Math.min(MOST_ROWS, limit * 10)}` : ", but no more are printed";
  if (truncated) lines.push(`Only the first ${first}; there are more${more}`);
  return lines;
}

async function list(queries: readonly Question[], flags: QueryFlags, { write, columns }: Context): Promise<ExitCode> {
  if (flags.json) {
    await write(
      `${JSON.stringify(
        queries.map(({ name, about }) => ({ name, about })),
        null,
        2,
      )}\n`,
    );
    return 0;
  }
  await write(
    textTable({
      head: ["question", "answer"],
      rows: queries.map(({ name, about }) => [name, about]),
      columns,
    }),
  );
  return 0;
}

function queryNamed(name: string, queries: readonly Question[]): Question {
  const found = queries.find((query) => query.name === name);
  if (found !== undefined) return found;
  const near = didYouMean(
    name,
    queries.map((query) => query.name),
  );
  throw new UsageError(`Cannot ask "${name}": there is no such question${near}`, { tryHint: "agent query" });
}

function writerAsked(flags: QueryFlags, typed: string): (answer: PrintedAnswer) => Iterable<string> {
  if (flags.json && flags.csv) {
    throw new UsageError("Cannot use --csv: it and --json exclude each other", {
      tryHint: typed.replace(" --csv", ""),
    });
  }
  if (flags.json) return jsonAnswer;
  return flags.csv ? csvAnswer : tableAnswer;
}

/** Without --local these flags would be ignored in silence. */
function refuseLocalFlags({ since }: QueryFlags, { settings, typed }: Context): void {
  const given = {
    store: settings.origins.store === "flag" ? settings.store : undefined,
    profile: settings.origins.profile === "flag" ? settings.profile : undefined,
    since,
  };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    throw new UsageError(`Cannot use --${name}: it goes with --local; Databricks knows its own tables`, {
      tryHint: `${typed} --local`,
    });
  }
}
