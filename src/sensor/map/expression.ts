/**
 * CEL over the fields of a record, for what data cannot say: `voltage * current / 1000`. A name is a field of the record, `a.b` a
 * value in an object, `r["a b"]` a field or path of any name. Types are those of the values: numbers of JSON are decimal numbers, and a
 * whole number beside one is one as well (`power / 2`). A field that a record does not have makes the result absent, which is no
 * error. Every expression has an end that can be foreseen: its size is limited, and so are its loops.
 */
import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import { type Dialect, evaluatorOf, RefusedPart } from "../../cel/evaluate.ts";
import { FUNCTIONS, MATH_FUNCTIONS, MATH_FUNCTIONS_OF_TWO } from "../../cel/functions.ts";
import { LOOP_ITEMS } from "../../cel/loops.ts";
import { OPERATORS } from "../../cel/operators.ts";
import {
  boundBy,
  childrenOf,
  codeAndSummary,
  costProblem,
  type ExpressionProblem,
  SIZE_LIMITS,
  withFunctions,
} from "../../cel/parse.ts";
import { bracketRelations } from "../../cel/relations.ts";
import { ABSENT_FIELD, CelError, CelMap, Instant, Uint } from "../../cel/values.ts";
import { type Path, pathOf } from "./path.ts";
import type { Meant, Readable } from "./where.ts";

/** What an expression sees of a record. */
type RecordFields = { readonly view: Readable; readonly meant: Meant };

export type RecordExpression = {
  readonly text: string;
  /** `bool`, `double`, `string`, …; `dyn` where it depends on the values. */
  readonly type: string;
  /** The fields that it reads. */
  readonly paths: readonly Path[];
  /** Those of which it does not ask whether they are there. */
  readonly needs: readonly Path[];
  /** A number, text, true or false; undefined where a field is absent. Throws an error with the reason where it fails. */
  readonly evaluate: (view: Readable, meant: Meant) => unknown;
};

/** The record itself. */
const WHOLE = "r";
const NUMBERS = ["int", "double"];

export function recordExpression(text: string): RecordExpression | ExpressionProblem {
  const bracketed = bracketRelations(text);
  try {
    const parsed = environment().parse(bracketed.text);
    const problem = costProblem(parsed.ast);
    if (problem !== undefined) return { message: problem.message, index: bracketed.placeOf(problem.index) };
    const checked = parsed.check();
    if (checked.error !== undefined) return problemOf(checked.error, text, bracketed.placeOf);
    const names = namesOf(parsed.ast);
    const run = evaluatorOf(parsed.ast, names, LENIENT);
    const paths = pathsOf(parsed.ast, names);
    const evaluate: RecordExpression["evaluate"] = (view, meant) => evaluated(run, names, { view, meant });
    const asked = askedFor(parsed.ast);
    const needs = paths.filter((path) => !asked.has(path.text));
    return { text, type: checked.type ?? "dyn", paths, needs, evaluate };
  } catch (error) {
    if (error instanceof RefusedPart) return { message: error.message, index: bracketed.placeOf(error.index) };
    return problemOf(error, text, bracketed.placeOf);
  }
}

function evaluated(run: (values: unknown[]) => unknown, names: readonly string[], fields: RecordFields): unknown {
  const values = names.map((name) =>
    name === WHOLE ? new WholeRecord(fields) : celOf(fields, fields.view.valueOf(pathOf(name))),
  );
  try {
    return plain(run(values));
  } catch (error) {
    if (error === ABSENT_FIELD) return undefined;
    throw error;
  }
}

/** A value of a record as CEL's; undefined where it is absent. */
function celOf(fields: RecordFields, received: unknown): unknown {
  const value = fields.meant(received);
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) {
    if (value.length > LOOP_ITEMS) throw new CelError(`a list of more than ${LOOP_ITEMS} items`);
    return value.map((item) => celOf(fields, item) ?? null);
  }
  if (value instanceof Uint8Array) throw new CelError("a blob is no value of an expression");
  return typeof value === "object" ? new ObjectInRecord(fields, value as Readonly<Record<string, unknown>>) : value;
}

class ObjectInRecord extends CelMap {
  readonly #fields: RecordFields;
  readonly #members: Readonly<Record<string, unknown>>;

  constructor(fields: RecordFields, members: Readonly<Record<string, unknown>>) {
    super();
    this.#fields = fields;
    this.#members = members;
  }

  override get(key: unknown): unknown {
    if (typeof key !== "string" || !Object.hasOwn(this.#members, key)) return undefined;
    return celOf(this.#fields, this.#members[key]);
  }

  override keys(): unknown[] {
    return Object.keys(this.#members);
  }

  override get size(): number {
    return Object.keys(this.#members).length;
  }
}

class WholeRecord extends CelMap {
  readonly #fields: RecordFields;

  constructor(fields: RecordFields) {
    super();
    this.#fields = fields;
  }

  override get(key: unknown): unknown {
    return typeof key === "string" ? celOf(this.#fields, this.#fields.view.valueOf(pathOf(key))) : undefined;
  }

  override keys(): unknown[] {
    throw new CelError(`the names of ${WHOLE} cannot be listed`);
  }
}

/** What a field of a reading can hold. */
function plain(value: unknown): unknown {
  if (value instanceof Instant) return new Date(value.ms).toISOString();
  if (value instanceof Uint) return Number(value.value);
  if (typeof value === "bigint") return Number(value);
  if (value === null) return undefined;
  if (typeof value === "object") throw new CelError("the result is neither a number nor text");
  return value;
}

/** A whole number beside a decimal number is one as well; what a map of the record does not have is absent. */
const LENIENT: Dialect = {
  operators: {
    ...OPERATORS,
    ...Object.fromEntries(["+", "-", "*", "/"].map((name) => [name, ofMixed(OPERATORS[name])])),
    "%": ofMixed((a, b) => (typeof a === "number" && typeof b === "number" ? a % b : OPERATORS["%"]?.(a, b))),
    "[]": (of, key) => {
      const isAbsent =
        of instanceof CelMap ? of.get(key) === undefined : Array.isArray(of) && of[Number(key)] === undefined;
      if (isAbsent) throw ABSENT_FIELD;
      return OPERATORS["[]"]?.(of, key);
    },
  },
  functions: new Map([
    ...FUNCTIONS,
    ...Object.keys({ ...MATH_FUNCTIONS, ...MATH_FUNCTIONS_OF_TWO }).map((name) => {
      return [name, (...args: readonly unknown[]) => FUNCTIONS.get(name)?.(...args.map(decimal))] as const;
    }),
  ]),
  knowsHas: true,
};

function ofMixed(run: ((a: unknown, b: unknown) => unknown) | undefined): (a: unknown, b: unknown) => unknown {
  return (a, b) => (typeof a === typeof b ? run?.(a, b) : run?.(decimal(a), decimal(b)));
}

function decimal(value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}

let made: Environment | null = null;

function environment(): Environment {
  if (made !== null) return made;
  const base = withFunctions(new Environment({ unlistedVariablesAreDyn: true, limits: SIZE_LIMITS }));
  const pairs = [...NUMBERS.flatMap((a) => NUMBERS.map((b) => [a, b] as const))];
  for (const [a, b] of pairs) {
    const isMixed = a !== b;
    for (const operator of ["+", "-", "*", "/"]) if (isMixed) base.registerOperator(`${a} ${operator} ${b}`, neverRun);
    if (isMixed || a === "double") base.registerOperator(`${a} % ${b}`, neverRun);
    if (a === "double" && b === "double") continue;
    for (const name of Object.keys(MATH_FUNCTIONS_OF_TWO))
      base.registerFunction(`${name}(${a}, ${b}): double`, neverRun);
  }
  for (const name of Object.keys(MATH_FUNCTIONS)) base.registerFunction(`${name}(int): double`, neverRun);
  made = base;
  return base;
}

/** The library checks types; it evaluates nothing. */
function neverRun(): never {
  throw new Error("Expressions are evaluated by evaluate.ts");
}

/** The names of fields, in the order of their first appearance. */
function namesOf(root: ASTNode): readonly string[] {
  const names = new Set<string>();
  const bound = new Set<string>();
  const visit = (node: ASTNode): void => {
    if (node.op === "id") names.add(node.args);
    for (const name of boundBy(node)) bound.add(name);
    for (const child of childrenOf(node)) visit(child);
  };
  visit(root);
  return [...names].filter((name) => !bound.has(name));
}

/** Every field that is read is known: of the whole record, only fields that are named in quotes are. */
function pathsOf(root: ASTNode, names: readonly string[]): readonly Path[] {
  const paths = names.filter((name) => name !== WHOLE).map(pathOf);
  if (!names.includes(WHOLE)) return paths;
  const visit = (node: ASTNode): void => {
    const named = memberOfWhole(node);
    if (named !== null) paths.push(pathOf(named));
    else if (node.op === "id" && node.args === WHOLE) {
      throw new RefusedPart(`"${WHOLE}" is the record: name a field of it in quotes, ${WHOLE}["a b"]`, node.start);
    } else for (const child of childrenOf(node)) visit(child);
  };
  visit(root);
  return paths;
}

/** `has(r.name)`, `has(a.b)`, `"name" in r`. */
function askedFor(root: ASTNode): ReadonlySet<string> {
  const asked = new Set<string>();
  const visit = (node: ASTNode, inHas: boolean): void => {
    const named = memberOfWhole(node);
    if (named !== null && (inHas || node.op === "in")) asked.add(named);
    if (inHas && node.op === "id") asked.add(node.args);
    for (const child of childrenOf(node)) visit(child, inHas || (node.op === "call" && node.args[0] === "has"));
  };
  visit(root, false);
  return asked;
}

/** `r.name`, `r["name"]`, `"name" in r`. */
function memberOfWhole(node: ASTNode): string | null {
  const isWhole = (of: ASTNode): boolean => of.op === "id" && of.args === WHOLE;
  const textOf = (of: ASTNode): string | null => (of.op === "value" && typeof of.args === "string" ? of.args : null);
  if (node.op === ".") return isWhole(node.args[0]) ? node.args[1] : null;
  if (node.op === "[]") return isWhole(node.args[0]) ? textOf(node.args[1]) : null;
  return node.op === "in" && isWhole(node.args[1]) ? textOf(node.args[0]) : null;
}

function problemOf(error: unknown, text: string, placeOf: (index: number) => number): ExpressionProblem {
  const { summary, index } = codeAndSummary(error);
  return { message: `${summary}${hintFor(summary, text)}`, index: placeOf(index) };
}

function hintFor(summary: string, text: string): string {
  if (summary.startsWith("has()")) return `; write has(${WHOLE}.name)`;
  if (summary.startsWith("Ternary branches") && /'int' and 'double'|'double' and 'int'/.test(summary))
    return "; write 1.0 for 1";
  if (/\d,\d/.test(text)) return "; a decimal number has a point";
  if (/(?<![=!<>])=(?!=)/.test(text)) return '; write "==" to compare';
  return "";
}
