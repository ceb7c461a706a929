/** What is known of an expression before any reading: conditions that are always or never true. */
import { type ASTNode, serialize } from "@marcbachmann/cel-js";
import { evaluatorOf, RefusedPart } from "../../cel/evaluate.ts";
import { childrenOf, type ExpressionProblem } from "../../cel/parse.ts";
import { CelError } from "../../cel/values.ts";
import type { CheckedExpression } from "./check.ts";

/** Why the expression decides nothing, or undefined. It may be meant: a warning, never a refusal. */
export function idleExpression({ ast }: CheckedExpression): ExpressionProblem | undefined {
  if (isNever(ast, true)) return { message: "this expression is never true: no reading can break the rule", index: 0 };
  if (isNever(ast, false)) {
    return { message: "this expression is always true: every reading that has its fields breaks the rule", index: 0 };
  }
  return undefined;
}

/** The value of a part without a field; unknown where it cannot be said. */
type Folded = { readonly value: unknown } | "unknown";

function folding(node: ASTNode): Folded {
  try {
    return { value: evaluatorOf(node, [])([]) };
  } catch (error) {
    if (error instanceof RefusedPart || error instanceof CelError) return "unknown";
    throw error;
  }
}

/** No name in it is a field. */
function isConstant(node: ASTNode): boolean {
  return namesIn(node).size === 0;
}

/** The names of fields; without those that a macro binds in it. */
function namesIn(node: ASTNode): ReadonlySet<string> {
  const names = new Set<string>();
  if (node.op === "id") names.add(node.args);
  for (const child of childrenOf(node)) for (const name of namesIn(child)) names.add(name);
  if (node.op === "rcall") {
    const [, receiver, [own]] = node.args;
    const isMacro = node.args[2].length > 1;
    if (isMacro && own?.op === "id") names.delete(own.args);
    if (node.args[0] === "bind" && receiver.op === "id") names.delete(receiver.args);
  }
  return names;
}

/** Whether `node` cannot be `wanted`. Errors aside: where a field is absent, nothing is true or false. */
function isNever(node: ASTNode, wanted: boolean): boolean {
  const parts = conjuncts(node, wanted);
  if (parts.length > 1 && parts.some((part) => isNever(part.node, part.wanted))) return true;
  if (isContradiction(parts)) return true;
  if (parts.length > 1) return false;
  if (isConstant(node)) {
    const folded = folding(node);
    return folded !== "unknown" && folded.value === !wanted;
  }
  if (node.op === "!_") return isNever(node.args, !wanted);
  // A disjunction cannot be where neither side can.
  if (node.op === "||" || node.op === "&&") return node.args.every((each) => isNever(each, wanted));
  if (node.op === "?:") {
    const [condition, yes, no] = node.args;
    return (isNever(condition, true) || isNever(yes, wanted)) && (isNever(condition, false) || isNever(no, wanted));
  }
  return false;
}

type Part = { readonly node: ASTNode; readonly wanted: boolean };

/** What must hold together for `node` to be `wanted`: of `!(a || b)`, that a is false and b is false. */
function conjuncts(node: ASTNode, wanted: boolean): readonly Part[] {
  if (node.op === "!_") return conjuncts(node.args, !wanted);
  if (node.op === (wanted ? "&&" : "||"))
    return [node.args[0], node.args[1]].flatMap((each) => conjuncts(each, wanted));
  return [{ node, wanted }];
}

type Constant = number | string;

/** What comparisons leave of the values of one operand: a field, or what a function makes of fields. */
type Values = {
  low: number;
  high: number;
  isLowOpen: boolean;
  isHighOpen: boolean;
  readonly isWhole: boolean;
  /** Null: any that the interval allows. */
  among: readonly Constant[] | null;
  readonly not: Set<Constant>;
};

/** Whether comparisons cannot hold together: `x > 5.0 && x < 3.0`, `a == "x" && a == "y"`, `timestamp.getHours() > 23`. */
function isContradiction(parts: readonly Part[]): boolean {
  const operands = new Map<string, Values>();
  for (const part of parts) {
    const comparison = comparisonOf(part);
    if (comparison === "never") return true;
    if (comparison === null) continue;
    const { operand, op, value } = comparison;
    const name = serialize(operand);
    const values = operands.get(name) ?? valuesOf(operand);
    operands.set(name, values);
    narrow(values, op, value);
  }
  return operands.values().some(isNone);
}

function narrow(values: Values, op: string, value: Constant | readonly Constant[]): void {
  if (typeof value === "object") values.among = both(values.among, value);
  else if (op === "==") values.among = both(values.among, [value]);
  else if (op === "!=") values.not.add(value);
  // Texts that are ordered say too little.
  else if (typeof value === "number") bound(values, op, value);
}

function both(some: readonly Constant[] | null, others: readonly Constant[]): readonly Constant[] {
  return some === null ? others : some.filter((value) => others.includes(value));
}

function bound(values: Values, op: string, value: number): void {
  const isOpen = op === "<" || op === ">";
  if (op === ">" || op === ">=") {
    if (value < values.low || (value === values.low && !isOpen)) return;
    values.low = value;
    values.isLowOpen = isOpen;
  } else {
    if (value > values.high || (value === values.high && !isOpen)) return;
    values.high = value;
    values.isHighOpen = isOpen;
  }
}

function isNone({ low, high, isLowOpen, isHighOpen, isWhole, among, not }: Values): boolean {
  const isInside = (value: Constant) =>
    !not.has(value) &&
    (typeof value === "string" ||
      ((value > low || (value === low && !isLowOpen)) && (value < high || (value === high && !isHighOpen))));
  if (among !== null) return !among.some(isInside);
  if (low > high || (low === high && !isInside(low))) return true;
  if (!isWhole) return false;
  const first = isLowOpen ? Math.floor(low) + 1 : Math.ceil(low);
  const last = isHighOpen ? Math.ceil(high) - 1 : Math.floor(high);
  // A part of time has few values: each may be excluded by itself.
  if (last - first > MOST_PARTS) return false;
  for (let value = first; value <= last; value++) if (isInside(value)) return false;
  return true;
}

const MOST_PARTS = 1_000;
/** The values that a part of a time stamp has, also where it is one of a zone. */
const PARTS_OF_TIME: ReadonlyMap<string, readonly [low: number, high: number]> = new Map([
  ["getFullYear", [0, 10_000]],
  ["getMonth", [0, 11]],
  ["getDate", [1, 31]],
  ["getDayOfMonth", [0, 30]],
  ["getDayOfWeek", [0, 6]],
  ["getDayOfYear", [0, 365]],
  ["getHours", [0, 23]],
  ["getMinutes", [0, 59]],
  ["getSeconds", [0, 59]],
  ["getMilliseconds", [0, 999]],
]);
const NEVER_NEGATIVE: ReadonlySet<string> = new Set(["abs", "sqrt", "exp", "size"]);

/** All that an operand can be, before it is compared. */
function valuesOf(operand: ASTNode): Values {
  const [low, high] = limitsOf(operand);
  const bounds = { low, high, isLowOpen: false, isHighOpen: false };
  return Object.assign(bounds, { isWhole: isWholeNumber(operand), among: null, not: new Set<Constant>() });
}

function limitsOf(operand: ASTNode): readonly [low: number, high: number] {
  if (operand.op === "id" && operand.args === "anomaly_flag") return [0, 1];
  const part = operand.op === "rcall" && isTimestamp(operand.args[1]) ? PARTS_OF_TIME.get(operand.args[0]) : undefined;
  if (part !== undefined) return part;
  const name = operand.op === "call" || operand.op === "rcall" ? operand.args[0] : "";
  return [NEVER_NEGATIVE.has(name) ? 0 : -Infinity, Infinity];
}

/** A duration has the same functions: of one, `getHours` has no limit. */
const isTimestamp = (node: ASTNode) => node.op === "id" && node.args === "timestamp";

function isWholeNumber(operand: ASTNode): boolean {
  if (operand.op === "id") return operand.args === "anomaly_flag" || operand.args === "status_code";
  if (operand.op === "rcall") return operand.args[0] === "size" || PARTS_OF_TIME.has(operand.args[0]);
  return operand.op === "call" && operand.args[0] === "size";
}

type Comparison = { readonly operand: ASTNode; readonly op: string; readonly value: Constant | readonly Constant[] };

const MIRRORED: Readonly<Record<string, string>> = {
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
  "==": "==",
  "!=": "!=",
};
const NEGATED: Readonly<Record<string, string>> = {
  "<": ">=",
  "<=": ">",
  ">": "<=",
  ">=": "<",
  "==": "!=",
  "!=": "==",
};

/** `operand op value`, also where it was written as `value op operand`; null where it is no such comparison. */
function comparisonOf({ node, wanted }: Part): Comparison | "never" | null {
  if (node.op === "in") return wanted ? listed(node.args[0], node.args[1]) : null;
  const mirrored = MIRRORED[node.op];
  if (mirrored === undefined) return null;
  // The six comparisons have two operands each.
  const [left, right] = node.args as readonly [ASTNode, ASTNode];
  if (left.op === "id" && right.op === "id" && left.args === right.args) {
    // A field that is there is never NaN, and equals itself.
    return ["==", "<=", ">="].includes(node.op) === wanted ? null : "never";
  }
  const isLeft = !isConstant(left);
  const operand = isLeft ? left : right;
  const value =
    isConstant(isLeft ? right : left) && !isConstant(operand) ? constantOf(isLeft ? right : left) : undefined;
  if (value === undefined) return null;
  if (Number.isNaN(value)) return (node.op === "!=") === wanted ? null : "never";
  const op = isLeft ? node.op : mirrored;
  if (wanted) return { operand, op, value };
  // What is computed may be NaN, which is neither less nor more than anything.
  const isOrdered = op !== "==" && op !== "!=";
  if (isOrdered && operand.op !== "id" && !isWholeNumber(operand)) return null;
  return { operand, op: NEGATED[op] ?? op, value };
}

function listed(operand: ASTNode, list: ASTNode): Comparison | null {
  if (list.op !== "list" || isConstant(operand)) return null;
  const values = list.args.map((each) => (isConstant(each) ? constantOf(each) : undefined));
  return values.every((value) => value !== undefined) ? { operand, op: "in", value: values } : null;
}

/** Of a part without a field: a number or a text. Of integers only those that a double has, too. */
function constantOf(node: ASTNode): Constant | undefined {
  const folded = folding(node);
  if (folded === "unknown") return undefined;
  const value = typeof folded.value === "bigint" ? Number(folded.value) : folded.value;
  if (typeof folded.value === "bigint" && !Number.isSafeInteger(value)) return undefined;
  return typeof value === "number" || typeof value === "string" ? value : undefined;
}
