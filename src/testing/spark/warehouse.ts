/**
 * The SQL warehouse of the fake workspace, with Spark and Delta behind it: what the statement API answers to a query is what
 * Spark computed over the tables that the notebook made. Open-source Spark has one catalog with Delta, `spark_catalog`: the
 * catalog of the workspace is that one.
 */

import { SqlProblem } from "../../fake-workspace/sql/words.ts";
import type { SqlCall, SqlEngine, SqlResult } from "../../fake-workspace/world/things.ts";
import type { SparkSession } from "./session.ts";

/** `catalog`: what the workspace calls the one that Spark has. */
export function sparkEngine(session: () => Promise<SparkSession>, catalog: string): SqlEngine {
  return async ({ text, schema, parameters }: SqlCall): Promise<SqlResult> => {
    const asked = {
      text: inSparkWords(text, catalog, parameters),
      schema: schema ?? "default",
      parameters: Object.fromEntries([...parameters].map(([name, { value }]) => [name, value])),
    };
    const answer = await (await session()).statement(asked);
    if ("columns" in answer) return answer;
    throw new SqlProblem(answer.code, answer.state, saidIn(answer.message));
  };
}

/** Strings and comments, which stay as they are, then `::`, parameters and names. */
const TOKENS =
  /'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"|--[^\n]*|\/\*[\s\S]*?\*\/|::|:(?<parameter>[A-Za-z_]\w*)|`(?<quoted>(?:[^`]|``)+)`|(?<bare>[A-Za-z_]\w*)/g;

/** The catalog by Spark's name for it, and a parameter as what its type makes of its text. */
function inSparkWords(text: string, catalog: string, parameters: SqlCall["parameters"]): string {
  return text.replace(TOKENS, (token, ...more) => {
    const groups = more.at(-1) as { parameter?: string; quoted?: string; bare?: string };
    const at = more.at(-3) as number;
    if (groups.parameter !== undefined) {
      const type = parameters.get(groups.parameter)?.type ?? "STRING";
      return type === "STRING" ? token : `CAST(${token} AS ${type})`;
    }
    const name = groups.quoted ?? groups.bare;
    const isFirstPart = /^\s*\./.test(text.slice(at + token.length)) && !/\.\s*$/.test(text.slice(0, at));
    return name?.toLowerCase() === catalog && isFirstPart ? "spark_catalog" : token;
  });
}

/** What Spark says, without the class and the state around it, and without its plans. */
function saidIn(message: string): string {
  const line = message.split("\n", 1)[0]!;
  return line.replace(/^\[[^\]]*\] /, "").replace(/ SQLSTATE: \w+.*$/, "");
}
