/** `agent query`: a question by its name, or SQL, asked of the tables in Databricks or, with `--local`, of the objects of a store. */

import { AgentError, UsageError } from "../core/errors.ts";
import { didYouMean } from "../core/outside/did-you-mean.ts";
import { grouped } from "../core/rough.ts";
import type { Answer, LeftOut } from "../query/answer.ts";
import type { Question } from "../query/named-queries.ts";
import { durationFlag } from "./duration-flag.ts";
import type { Command, Context, ExitCode, Flags } from "./frame/command.ts";
import { settingFlags } from "./frame/flags.ts";
import { progressLine } from "./frame/progress-line.ts";
import { textTable } from "./frame/table.ts";
import { databricksOptions, worldOf } from "./provision/sides.ts";
import { csvAnswer, jsonAnswer, type Told, tableAnswer } from "./query-text.ts";
import { storeOf } from "./store-of.ts";

const DEFAULT_ROWS = 1_000;
const MOST_ROWS = 100_000;
/** Objects that are named on stderr; `--json` has all. */
const NAMED_OBJECTS = 10;

export const command: Command = {
  name: "query",
  summary: "Ask the lake a question: by its name, or in SQL. Without one, list the names.",
  args: {
    "name|sql": {
      type: "positional",
      description:
        "A name that `agent query` lists, or a statement: Databricks' SQL, with --local SQLite's. It stands in quotes.",
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
      description: "With --local: only hours of event time that ended within so long before now.",
      valueHint: "24h",
    },
    limit: { type: "string", description: "Rows at most.", valueHint: "N", default: String(DEFAULT_ROWS) },
    json: { type: "boolean", description: "One JSON value: columns, rows, truncated, left_out." },
    csv: { type: "boolean", description: "RFC 4180, with a line of names." },
  },
  examples: [
    "agent query",
    "agent query throughput --local",
    "agent query latency --local --since 24h --json",
    'agent query --local "SELECT sensor_id, avg(temperature) FROM sensor_readings_validated GROUP BY 1"',
    "agent query anomaly_rate --csv > rates.csv",
  ],
  run,
};

async function run(flags: Flags, context: Context): Promise<ExitCode> {
  const limit = limitAsked(flags["limit"]);
  const isLocal = flags["local"] === true;
  const write = writerAsked(flags);
  if (!isLocal) refuseLocalFlags(flags);
  const { questions } = await import("../query/named-queries.ts");
  const question = flags["name|sql"] === undefined ? null : String(flags["name|sql"]).trim();
  if (question === null || question === "") return list(questions(), flags, context);
  const named = /^[\w-]+$/.test(question) ? queryNamed(question, questions()) : null;
  const sinceMs =
    flags["since"] === undefined ? null : Date.now() - durationFlag("since", flags["since"], "--since 24h");
  const told = isLocal
    ? await askLocal(named?.localSql ?? question, { limit, sinceMs }, context)
    : await askRemote(named?.sql ?? question, limit, question, context);
  for await (const text of write({ ...told, query: named?.name ?? null })) {
    await context.write(text);
    if (context.stop.aborted) break;
  }
  for (const line of remarks(told, limit, context.settings.store)) context.say(line);
  return 0;
}

async function askLocal(
  sql: string,
  { limit, sinceMs }: { readonly limit: number; readonly sinceMs: number | null },
  context: Context,
): Promise<Asked> {
  const [{ askLake }, { loadProfile }] = await Promise.all([
    import("../query/local-query.ts"),
    import("../sensor/profile/shipped.ts"),
  ]);
  const profile = loadProfile(context.settings.profile, context.cwd);
  const store = await storeOf(context);
  const progress = progressLine(context.terminal);
  try {
    return await askLake(store, sql, {
      ...{ profile, limit, sinceMs, nowMs: Date.now(), stop: context.stop, tell: progress.tell },
      busy: context.endedBySignals ?? ((work) => work()),
    });
  } finally {
    progress.end();
    store.close();
  }
}

async function askRemote(sql: string, limit: number, question: string, context: Context): Promise<Asked> {
  const { settings } = context;
  if (settings.databricksHost === null && settings.databricksConfigProfile === null) {
    const same = /^[\w-]+$/.test(question) ? question : `"${question}"`;
    throw new UsageError("Cannot query Databricks: neither DATABRICKS_HOST nor DATABRICKS_CONFIG_PROFILE is set", {
      tryHint: `agent query ${same} --local, for the objects of ${settings.store}`,
    });
  }
  const { askDatabricks } = await import("../query/remote-query.ts");
  const world = worldOf(context);
  try {
    const answer = await askDatabricks(databricksOptions(context), sql, limit, world);
    return { ...answer, leftOut: [], objects: null, foreign: 0 };
  } catch (error) {
    if (error instanceof AgentError || !context.stop.aborted) throw error;
    throw new AgentError("Cannot query the tables: told to stop", { cause: error });
  } finally {
    world.end();
  }
}

type Asked = Answer & {
  readonly leftOut: readonly LeftOut[];
  readonly objects: number | null;
  readonly foreign: number;
};

/** What must not be in the data: that rows were cut, and what could not be read. */
function remarks({ truncated, leftOut, objects, foreign }: Asked, limit: number, store: string): string[] {
  const lines = leftOut.slice(0, NAMED_OBJECTS).map(({ reason }) => `Left out: ${reason}`);
  if (leftOut.length > NAMED_OBJECTS) {
    lines.push(`${grouped(leftOut.length - NAMED_OBJECTS)} more objects are left out; --json names all of them`);
  }
  if (leftOut.length > 0) lines.push("The answer lacks their rows. Try: agent verify --deep");
  if (objects === 0) lines.push(`Nothing that was asked for is in ${store}. Try: agent lake ls`);
  if (foreign > 0) lines.push(`${grouped(foreign)} objects that are not the agent's were not read`);
  const more = limit < MOST_ROWS ? `--limit ${Math.min(MOST_ROWS, limit * 10)}` : "a question with fewer rows";
  const first = limit === 1 ? "row" : `${grouped(limit)} rows`;
  if (truncated) lines.push(`Only the first ${first}; there are more. Try: ${more}`);
  return lines;
}

async function list(queries: readonly Question[], flags: Flags, { write }: Context): Promise<ExitCode> {
  if (flags["json"] === true) {
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
    textTable(
      ["question", "what it answers"],
      queries.map(({ name, about }) => [name, about]),
      [],
    ),
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

function writerAsked(flags: Flags): (told: Told) => Iterable<string> {
  if (flags["json"] === true && flags["csv"] === true) {
    throw new UsageError("Cannot print JSON and CSV at once", { tryHint: "one of --json and --csv" });
  }
  if (flags["json"] === true) return jsonAnswer;
  return flags["csv"] === true ? csvAnswer : tableAnswer;
}

/** They would do nothing, in silence. */
function refuseLocalFlags(flags: Flags): void {
  for (const name of ["store", "profile", "since"]) {
    if (flags[name] === undefined) continue;
    throw new UsageError(`Cannot use --${name}: it goes with --local; Databricks knows its own tables`, {
      tryHint: `--local --${name} ${String(flags[name])}`,
    });
  }
}

function limitAsked(given: unknown): number {
  const rows = given === undefined ? DEFAULT_ROWS : Number(given);
  if (Number.isInteger(rows) && rows >= 1 && rows <= MOST_ROWS) return rows;
  throw new UsageError(`Cannot use --limit "${String(given)}": expected a whole number from 1 to ${MOST_ROWS}`, {
    tryHint: `--limit ${DEFAULT_ROWS}`,
  });
}
