/**
 * notebooks/queries.sql, read: the questions that people ask of the lake, by name. A query begins at its `-- name:` line
 * and ends before the next; the comments that follow that line say what it answers.
 */
export type NamedQuery = {
  readonly name: string;
  /** What it answers, in one line. */
  readonly about: string;
  /** The statement alone: no comment before it, no semicolon behind it. */
  readonly sql: string;
};

const NAME = /^[a-z][a-z0-9_]{0,63}$/;

/** In the order of the text. Throws where a name is not valid or occurs twice, or a query is empty: the text is our own. */
export function readNamedQueries(text: string): readonly NamedQuery[] {
  const queries = text
    .split(/^-- name:/m)
    .slice(1)
    .map(readOne);
  const names = queries.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new Error(`query "${twice}" is there twice`);
  return queries;
}

function readOne(part: string): NamedQuery {
  const [first = "", ...lines] = part.split("\n");
  const name = first.trim();
  if (!NAME.test(name)) throw new Error(`"${name}" is not a valid name of a query`);
  const from = lines.findIndex((line) => !/^\s*(--|$)/.test(line));
  const sql = (from < 0 ? "" : lines.slice(from).join("\n")).trim().replace(/;$/, "").trimEnd();
  if (sql === "") throw new Error(`query "${name}" has no statement`);
  const about = lines.slice(0, from).map((line) => line.replace(/^\s*--\s?/, "").trim());
  return { name, about: about.filter((line) => line !== "").join(" "), sql };
}
