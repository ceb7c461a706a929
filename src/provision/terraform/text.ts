/** HCL, the language of Terraform, written as `terraform fmt` would. https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md */

/** Written bare where it is all of a string, and as `${…}` inside of one. Put there by {@link reference} alone. */
const BEGIN = "\u0001";
const END = "\u0002";

/** `aws_s3_bucket.raw.arn` as a string, so that it can be inside the strings of a policy. */
export function reference(expression: string): string {
  return `${BEGIN}${expression}${END}`;
}

/** Text of many lines, as it is. */
export class Heredoc {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Value =
  | null
  | string
  | number
  | boolean
  | readonly Value[]
  | { readonly [name: string]: Value | undefined };

/** A function's call with one argument: `jsonencode({…})`. */
export class FunctionCall {
  readonly name: string;
  readonly argument: Value | Heredoc;

  constructor(name: string, argument: Value | Heredoc) {
    this.name = name;
    this.argument = argument;
  }
}

/** Blocks inside of a block, in their order: `column { … }`. */
export class Blocks {
  readonly bodies: readonly Body[];

  constructor(bodies: readonly Body[]) {
    this.bodies = bodies;
  }
}

/** Undefined values are left out. */
export type Body = { readonly [name: string]: Value | FunctionCall | Blocks | undefined };

export type Block = {
  readonly type: "terraform" | "provider" | "data" | "resource" | "variable";
  readonly labels: readonly string[];
  readonly body: Body;
  /** What is said of it, as comments before it. */
  readonly about?: readonly string[];
};

const INDENT = "  ";

export function terraformText(blocks: readonly Block[]): string {
  return blocks
    .map(({ type, labels, body, about = [] }) => {
      const lines = bodyLines(body, INDENT);
      const head = [type, ...labels.map((label) => JSON.stringify(label))].join(" ");
      const rest = lines.length === 0 ? [`${head} {}`] : [`${head} {`, ...lines, "}"];
      return [...about.map((line) => `# ${plain(line)}\n`), ...rest.map((line) => `${line}\n`)].join("");
    })
    .join("\n");
}

/** What {@link reference} marks and line ends: a comment ends with its line. */
function plain(line: string): string {
  return [...line].filter((char) => char >= " ").join("");
}

type Line = { readonly name: string; readonly text: readonly string[] };

function bodyLines(body: Body, indent: string): string[] {
  const attributes: Line[] = [];
  const blocks: string[] = [];
  for (const [name, value] of Object.entries(body)) {
    if (value === undefined) continue;
    if (value instanceof Blocks) {
      for (const inner of value.bodies) {
        const lines = bodyLines(inner, indent + INDENT);
        blocks.push(...(lines.length === 0 ? [`${indent}${name} {}`] : [`${indent}${name} {`, ...lines, `${indent}}`]));
      }
    } else {
      attributes.push({ name, text: valueLines(value, indent) });
    }
  }
  const gap = attributes.length > 0 && blocks.length > 0 ? [""] : [];
  return [...aligned(attributes, indent), ...gap, ...blocks];
}

/** One-line attributes that follow each other have their `=` below each other. */
function aligned(attributes: readonly Line[], indent: string): string[] {
  const isShort = (line: Line | undefined) => line?.text.length === 1;
  return attributes.flatMap((line, at) => {
    let [from, to] = [at, at];
    while (isShort(attributes[from - 1])) from--;
    while (isShort(attributes[to + 1])) to++;
    const group = isShort(line) ? attributes.slice(from, to + 1) : [line];
    const width = Math.max(...group.map(({ name }) => name.length));
    const [first, ...rest] = line.text;
    return [`${indent}${line.name.padEnd(width)} = ${first}`, ...rest];
  });
}

/** The first line without its indent, the others with. */
function valueLines(value: Value | FunctionCall, indent: string): string[] {
  if (value instanceof FunctionCall) {
    if (value.argument instanceof Heredoc) return heredocLines(value.name, value.argument.text, indent);
    const [first, ...rest] = valueLines(value.argument, indent);
    const lines = [`${value.name}(${first}`, ...rest];
    return [...lines.slice(0, -1), `${lines.at(-1)})`];
  }
  if (typeof value === "string") return [quoted(value)];
  if (value === null || typeof value !== "object") return [String(value)];
  const inner = indent + INDENT;
  if (isList(value)) {
    if (value.length === 0) return ["[]"];
    const items = value.map((one) => valueLines(one, inner));
    const short = `[${items.map(([first]) => first).join(", ")}]`;
    if (items.every(({ length }) => length === 1) && short.length + indent.length <= 100) return [short];
    const lines = items.flatMap(([first, ...rest]) => {
      const all = [`${inner}${first}`, ...rest];
      return [...all.slice(0, -1), `${all.at(-1)},`];
    });
    return ["[", ...lines, `${indent}]`];
  }
  const entries = Object.entries(value).flatMap(([name, one]) =>
    one === undefined ? [] : [{ name: keyOf(name), text: valueLines(one, inner) }],
  );
  return entries.length === 0 ? ["{}"] : ["{", ...aligned(entries, inner), `${indent}}`];
}

/** The last line end belongs to the text. */
function heredocLines(name: string, text: string, indent: string): string[] {
  const lines = text.replace(/\n$/, "").split("\n");
  const end = ["EOT", "END", "END_OF_TEXT"].find((word) => lines.every((line) => line.trim() !== word));
  if (end === undefined || !text.endsWith("\n") || text.includes("\r")) {
    throw new Error("a text for Terraform ends with \\n, has no \\r, and no line END_OF_TEXT");
  }
  return [`${name}(<<${end}`, ...lines.map(opened), end, `${indent})`];
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function keyOf(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name) ? name : quoted(name);
}

function quoted(text: string): string {
  if (text.startsWith(BEGIN) && text.indexOf(END) === text.length - 1) return text.slice(1, -1);
  const parts = text.split(BEGIN).map((part, at) => {
    if (at === 0) return escaped(part);
    const end = part.indexOf(END);
    return `\${${part.slice(0, end)}}${escaped(part.slice(end + 1))}`;
  });
  return `"${parts.join("")}"`;
}

/** HCL has no `\b` and no `\f`; a backslash of the text itself comes doubled. */
function escaped(text: string): string {
  const others: Readonly<Record<string, string>> = { b: "\\u0008", f: "\\u000c" };
  const json = JSON.stringify(text).slice(1, -1);
  return opened(json.replace(/\\(.)/g, (all, letter: string) => others[letter] ?? all));
}

/** As a template's text: `${` and `%{` would begin an expression. */
function opened(text: string): string {
  return text.replace(/[$%](?=\{)/g, "$&$&");
}
