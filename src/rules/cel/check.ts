/**
 * Expressions are CEL (the Common Expression Language, cel.dev): parsed and type-checked here by a library, run by the code
 * of `compile.ts` where it can run them, else by that of `evaluate.ts`. A reading's measures and numeric identity columns are `double`,
 * `status_code` and `anomaly_flag` are `int`, the other fields `string`, `timestamp` is a timestamp.
 */
import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import { type Evaluate, evaluatorOf, RefusedPart } from "../../cel/evaluate.ts";
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
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import { IDENTITY_COLUMNS, NUMERIC_IDENTITY } from "../../core/sensor.ts";
import { MEASURE_NAME, RESERVED_FIELDS } from "../field-names.ts";

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

function baseEnvironment(): Environment {
  const environment = new Environment({ limits: SIZE_LIMITS });
  for (const column of IDENTITY_COLUMNS) {
    environment.registerVariable(column, NUMERIC_IDENTITY.has(column) ? "double" : "string");
  }
  environment.registerVariable("status_code", "int").registerVariable("anomaly_flag", "int");
  environment.registerVariable("anomaly_type", "string");
  environment.registerVariable("timestamp", "google.protobuf.Timestamp");
  return withFunctions(environment);
}

type Place = { readonly name: string; readonly index: number };
type Fields = { fields: string[]; measures: Place[]; problem?: ExpressionProblem | undefined };

function fieldsOf(root: ASTNode): Fields {
  const found: Fields = { fields: [], measures: [] };
  const bound = new Set<string>();
  const names: Place[] = [];
  found.problem = costProblem(root);
  const visit = (node: ASTNode): void => {
    if (node.op === "id") names.push({ name: node.args, index: node.start });
    for (const name of boundBy(node)) bound.add(name);
    for (const child of childrenOf(node)) visit(child);
  };
  visit(root);
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
