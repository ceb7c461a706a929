/**
 * Expressions are CEL (the Common Expression Language, cel.dev): parsed and type-checked here by a library, run by the code
 * of `compile.ts` where it can run them, else by the library. A reading's measures and numeric identity columns are `double`,
 * `status_code` and `anomaly_flag` are `int`, the other fields `string`, `timestamp` is a timestamp.
 */
import { type ASTNode, Environment, type ParseError } from "@marcbachmann/cel-js";
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import { IDENTITY_COLUMNS, NUMERIC_IDENTITY } from "../../core/sensor.ts";
import { MEASURE_NAME, RESERVED_FIELDS } from "../field-names.ts";
import { patternProblem } from "./pattern.ts";

/** Our additions to CEL's own functions: on doubles, with the meaning of JavaScript's Math. */
export const MATH_FUNCTIONS: Readonly<Record<string, (...of: number[]) => number>> = {
  abs: Math.abs,
  sqrt: Math.sqrt,
  exp: Math.exp,
  ln: Math.log,
  floor: Math.floor,
  ceil: Math.ceil,
};
export const MATH_FUNCTIONS_OF_TWO: Readonly<Record<string, (a: number, b: number) => number>> = {
  min: Math.min,
  max: Math.max,
  pow: Math.pow,
};

/** Macros whose first argument is a name of their own, not a field. */
const BINDING_MACROS: ReadonlySet<string> = new Set(["all", "exists", "exists_one", "map", "filter", "bind"]);
/** Each would multiply the turns of the other, or the length of the list: an expression of 4 KiB could take hours. */
const LOOP_IN_LOOP = `a loop inside a loop: none of ${[...BINDING_MACROS].join(", ")} within another`;
const LITERAL_HINT_OPERATORS: ReadonlySet<string> = new Set(["+", "-", "*", "/", "==", "!="]);

export type CheckedExpression = {
  readonly text: string;
  readonly ast: ASTNode;
  /** The fields that it reads, in the order of their first appearance. */
  readonly fields: readonly string[];
  readonly measures: readonly string[];
  /** The library's evaluator: throws where CEL says that there is an error; a field that is absent is left out. */
  readonly evaluate: (fields: Readonly<Record<string, unknown>>) => unknown;
};
/** `index`: where in the expression, in UTF-16 units. */
export type ExpressionProblem = { readonly message: string; readonly index: number };

const BASE = baseEnvironment();

export function checkExpression(text: string): CheckedExpression | ExpressionProblem {
  try {
    const { fields, measures: places, problem } = fieldsOf(BASE.parse(text).ast);
    if (problem !== undefined) return problem;
    const environment = BASE.clone();
    for (const { name, index } of places) {
      if (!declared(environment, name)) return { message: `"${name}" is a word of the language, not a field`, index };
    }
    const measures = places.map((place) => place.name);
    const parsed = environment.parse(text);
    const checked = parsed.check();
    if (checked.error !== undefined) return problemOf(checked.error, measures);
    if (checked.type !== "bool") {
      return { message: `an expression must say true or false, this one gives ${checked.type}`, index: 0 };
    }
    if (fields.length === 0) return { message: "this expression reads no field of the reading", index: 0 };
    return { text, ast: parsed.ast, fields, measures, evaluate: parsed };
  } catch (error) {
    return problemOf(error, []);
  }
}

/** Evaluates a text that has no field; undefined where it cannot be read. */
export function evaluateConstant(text: string): (() => unknown) | undefined {
  try {
    return BASE.parse(text);
  } catch {
    return undefined;
  }
}

/** True where an evaluation failed because the reading lacks a field: no problem, the rule is just not broken. */
export function isAbsentField(error: unknown): boolean {
  return codeAndSummary(error).code === "unknown_variable";
}

/** The sentence of a library's error, without its drawing of the place. */
export function summaryOf(error: unknown): string {
  return codeAndSummary(error).summary;
}

export function childrenOf(node: ASTNode): readonly ASTNode[] {
  switch (node.op) {
    case "value":
    case "id":
      return [];
    case ".":
    case ".?":
      return [node.args[0]];
    case "call":
      return node.args[1];
    case "rcall":
      return [node.args[1], ...node.args[2]];
    case "map":
      return node.args.flat();
    case "!_":
    case "-_":
      return [node.args];
    default:
      return node.args;
  }
}

function baseEnvironment(): Environment {
  const environment = new Environment({ limits: { maxAstNodes: 2_000, maxDepth: 64 } });
  for (const column of IDENTITY_COLUMNS) {
    environment.registerVariable(column, NUMERIC_IDENTITY.has(column) ? "double" : "string");
  }
  environment.registerVariable("status_code", "int").registerVariable("anomaly_flag", "int");
  environment.registerVariable("anomaly_type", "string");
  environment.registerVariable("timestamp", "google.protobuf.Timestamp");
  for (const [name, run] of Object.entries(MATH_FUNCTIONS)) {
    environment.registerFunction(`${name}(double): double`, run, { async: false });
  }
  for (const [name, run] of Object.entries(MATH_FUNCTIONS_OF_TWO)) {
    environment.registerFunction(`${name}(double, double): double`, run, { async: false });
  }
  return environment;
}

type Place = { readonly name: string; readonly index: number };
type Fields = { fields: string[]; measures: Place[]; problem?: ExpressionProblem | undefined };

function fieldsOf(root: ASTNode): Fields {
  const found: Fields = { fields: [], measures: [] };
  const bound = new Set<string>();
  const names: Place[] = [];
  const visit = (node: ASTNode, inLoop: boolean): void => {
    const isLoop = node.op === "rcall" && BINDING_MACROS.has(node.args[0]);
    if (isLoop && inLoop) found.problem ??= { message: LOOP_IN_LOOP, index: node.start };
    if (node.op === "rcall" && node.args[0] === "matches") found.problem ??= problemOfPattern(node.args[2][0]);
    if (node.op === "id") names.push({ name: node.args, index: node.start });
    if (isLoop) {
      const [, receiver, [own]] = node.args;
      if (own?.op === "id") bound.add(own.args);
      if (node.args[0] === "bind" && receiver.op === "id") bound.add(receiver.args);
    }
    for (const child of childrenOf(node)) visit(child, inLoop || isLoop);
  };
  visit(root, false);
  for (const { name, index } of names) {
    if (bound.has(name) || found.fields.includes(name)) continue;
    if (!RESERVED_FIELDS.has(name)) {
      if (!MEASURE_NAME.test(name)) {
        found.problem ??= {
          message: `"${name}" cannot be a field: measures are lower-case letters, digits and _`,
          index,
        };
      }
      found.measures.push({ name, index });
    }
    found.fields.push(name);
  }
  return found;
}

/** The pattern must be known now: otherwise a wrong one is a rule that never breaks. */
function problemOfPattern(pattern: ASTNode | undefined): ExpressionProblem | undefined {
  // A call without a pattern is refused by the library.
  if (pattern === undefined) return undefined;
  if (pattern.op !== "value" || typeof pattern.args !== "string") {
    return { message: "the pattern of matches must be a text in quotes", index: pattern.start };
  }
  const message = patternProblem(pattern.args);
  return message === undefined ? undefined : { message, index: pattern.start };
}

/** False for CEL's own words (`double`, `if`, …), which cannot be declared. */
function declared(environment: Environment, measure: string): boolean {
  try {
    environment.registerVariable(measure, "double");
    return true;
  } catch {
    return false;
  }
}

function problemOf(error: unknown, measures: readonly string[]): ExpressionProblem {
  const { code, summary, node, index } = codeAndSummary(error);
  return { message: `${summary}${code === "no_such_overload" ? overloadHint(node, measures) : ""}`, index };
}

/** Why two values do not go together: most often 2 for 2.0, or a misspelt column that was taken for a measure. */
function overloadHint(node: ASTNode | undefined, measures: readonly string[]): string {
  if (node === undefined) return "";
  const operands = childrenOf(node).flatMap((child) =>
    child.op === "list" || child.op === "-_" ? childrenOf(child) : child,
  );
  const whole = operands.find((operand) => operand.op === "value" && typeof operand.args === "bigint");
  if (whole !== undefined && (LITERAL_HINT_OPERATORS.has(node.op) || node.op === "in")) {
    return `; measures are decimal numbers: write ${String(whole.args)}.0`;
  }
  for (const operand of operands) {
    if (operand.op !== "id" || !measures.includes(operand.args)) continue;
    const meant = didYouMean(operand.args, RESERVED_FIELDS);
    if (meant !== "") return `; "${operand.args}" is taken for a measure${meant}`;
  }
  return "";
}

type Described = { code: string; summary: string; node: ASTNode | undefined; index: number };

function codeAndSummary(error: unknown): Described {
  if (!(error instanceof Error)) return { code: "", summary: String(error), node: undefined, index: 0 };
  if (!("summary" in error)) return { code: "", summary: error.message, node: undefined, index: 0 };
  // Only the library's own errors, which share these fields, have a `summary`.
  const own = error as ParseError;
  const node = own.node?.op === undefined ? undefined : (own.node as ASTNode);
  return { code: own.code, summary: own.summary, node, index: own.range?.start ?? 0 };
}
