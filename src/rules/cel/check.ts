/**
 * Expressions are CEL (the Common Expression Language, cel.dev): parsed and type-checked here by a library, run by the code
 * of `compile.ts` where it can run them, else by that of `evaluate.ts`. A reading's measures and numeric identity columns are `double`,
 * `status_code` and `anomaly_flag` are `int`, the other fields `string`, `timestamp` is a timestamp.
 */
import { type ASTNode, Environment, type ParseError } from "@marcbachmann/cel-js";
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import { IDENTITY_COLUMNS, NUMERIC_IDENTITY } from "../../core/sensor.ts";
import { MEASURE_NAME, RESERVED_FIELDS } from "../field-names.ts";
import { type Evaluate, evaluatorOf, RefusedPart } from "./evaluate.ts";
import { MATH_FUNCTIONS, MATH_FUNCTIONS_OF_TWO } from "./functions.ts";
import { readPattern } from "./pattern.ts";
import { bracketRelations } from "./relations.ts";

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
  /** Of the values of `fields`: throws a CelError where CEL has an error. */
  readonly evaluate: Evaluate;
};
/** `index`: where in the expression, in UTF-16 units. */
export type ExpressionProblem = { readonly message: string; readonly index: number };

/** Functions of CEL that the library does not declare. */
const MISSING_IN_LIBRARY = [
  "int(uint): int",
  "matches(string, string): bool",
  "int(google.protobuf.Timestamp): int",
  "string(google.protobuf.Timestamp): string",
  "string(google.protobuf.Duration): string",
  "timestamp(google.protobuf.Timestamp): google.protobuf.Timestamp",
  "duration(google.protobuf.Duration): google.protobuf.Duration",
];
const RELATIONS: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">=", "in"]);

const BASE = baseEnvironment();

export function checkExpression(text: string): CheckedExpression | ExpressionProblem {
  const bracketed = bracketRelations(text);
  const checked = checkBracketed(bracketed.text);
  if ("message" in checked) return { message: checked.message, index: bracketed.placeOf(checked.index) };
  return { ...checked, text };
}

function checkBracketed(text: string): Omit<CheckedExpression, "text"> | ExpressionProblem {
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
    return { ast: parsed.ast, fields, measures, evaluate: evaluatorOf(parsed.ast, fields) };
  } catch (error) {
    if (error instanceof RefusedPart) return { message: error.message, index: error.index };
    return problemOf(error, []);
  }
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
  for (const signature of [
    ...Object.keys(MATH_FUNCTIONS).map((name) => `${name}(double): double`),
    ...Object.keys(MATH_FUNCTIONS_OF_TWO).map((name) => `${name}(double, double): double`),
    ...MISSING_IN_LIBRARY,
  ]) {
    environment.registerFunction(signature, onlyChecked, { async: false });
  }
  return environment;
}

/** The library checks types; it evaluates nothing. */
function onlyChecked(): never {
  throw new Error("Expressions are evaluated by evaluate.ts");
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
    if (node.op === "call" && node.args[0] === "matches") found.problem ??= problemOfPattern(node.args[1][1]);
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
  const read = readPattern(pattern.args);
  return typeof read === "function" ? undefined : { message: read.problem, index: pattern.start };
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
  if (RELATIONS.has(node.op) && childrenOf(node).some((child) => RELATIONS.has(child.op))) {
    return "; comparisons go from left to right: write brackets around one that is compared";
  }
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
