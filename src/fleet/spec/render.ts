/**
 * The templates of job specs, as `bacalhau job run -V name=value` renders them: Go's text/template over a map of texts, where a
 * missing variable is an error. Only the three forms that our own specs use; `bacalhau job run --dry-run` renders every other.
 */

export type Rendered =
  | { readonly text: string; readonly problems: readonly [] }
  | { readonly problems: readonly SpecProblem[] };
/** `line`: of the file as it is, from 1; absent where a problem is of no line. */
export type SpecProblem = { readonly line?: number; readonly message: string };
export type Variables = Readonly<Record<string, string>>;

const ACTION = /\{\{(-?)\s*(.*?)\s*(-?)\}\}/g;
const FIELD = /^\.([A-Za-z_]\w*)$/;
const IF_GIVEN = /^if index \. "([^"\\]+)"$/;

type Open = { readonly line: number; readonly outer: boolean; readonly isGiven: boolean; isElse: boolean };

/** Renders all of the text, comments too, as Bacalhau does; or every reason why it cannot be. */
export function renderSpec(text: string, variables: Variables): Rendered {
  const problems: SpecProblem[] = [];
  const open: Open[] = [];
  let shown = true;
  let out = "";
  let from = 0;
  for (const match of text.matchAll(ACTION)) {
    const line = lineOf(text, match.index);
    if (shown) out += text.slice(from, match.index);
    from = match.index + match[0].length;
    const action = match[2] ?? "";
    const field = FIELD.exec(action)?.[1];
    const given = IF_GIVEN.exec(action)?.[1];
    const last = open.at(-1);
    if (match[1] !== "" || match[3] !== "") problems.push({ line, message: notUnderstood(match[0]) });
    else if (field !== undefined) {
      if (!shown) continue;
      if (Object.hasOwn(variables, field)) out += variables[field];
      else problems.push({ line, message: `the variable "${field}" has no value: -V ${field}=…` });
    } else if (given !== undefined) {
      const isGiven = (variables[given] ?? "") !== "";
      open.push({ line, outer: shown, isGiven, isElse: false });
      shown &&= isGiven;
    } else if (action === "else" && last !== undefined && !last.isElse) {
      last.isElse = true;
      shown = last.outer && !last.isGiven;
    } else if (action === "end" && last !== undefined) {
      open.pop();
      shown = last.outer;
    } else problems.push({ line, message: notUnderstood(match[0]) });
  }
  for (const { line } of open) problems.push({ line, message: "{{if}} without its {{end}}" });
  return problems.length > 0 ? { problems } : { text: out + text.slice(from), problems: [] };
}

/** The variables that a spec names, in the order of the file. */
export function variablesOf(text: string): readonly string[] {
  const names = [...text.matchAll(ACTION)].flatMap(
    ([, , action = ""]) => FIELD.exec(action)?.[1] ?? IF_GIVEN.exec(action)?.[1] ?? [],
  );
  return [...new Set(names)];
}

function notUnderstood(action: string): string {
  return `${action} is not a form that is rendered here: {{.name}} and {{if index . "name"}}…{{else}}…{{end}} are`;
}

function lineOf(text: string, at: number): number {
  return text.slice(0, at).split("\n").length;
}
