/** The questions that come with the agent, by name: in Databricks' SQL, and in SQLite's for a lake without a cloud. */
import localSource from "../../notebooks/queries.local.sql" with { type: "text" };
import source from "../../notebooks/queries.sql" with { type: "text" };
import { type NamedQuery, readNamedQueries } from "../lakehouse/named-queries.ts";

export type Question = NamedQuery & {
  /** The same question for SQLite. */
  readonly localSql: string;
};

export function questions(): readonly Question[] {
  const local = new Map(readNamedQueries(localSource).map(({ name, sql }) => [name, sql]));
  return readNamedQueries(source).map((query) => {
    const localSql = local.get(query.name);
    if (localSql === undefined) throw new Error(`queries.local.sql has no "${query.name}"`);
    return { ...query, about: firstSentence(query.about), localSql };
  });
}

function firstSentence(text: string): string {
  return /^.*?[.](?= |$)/.exec(text)?.[0] ?? text;
}
