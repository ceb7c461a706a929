/** What is known of an expression before any reading: conditions that are always or never true. */
import type { ASTNode } from "@marcbachmann/cel-js";
import { type CheckedExpression, childrenOf, type ExpressionProblem } from "./check.ts";
import { evaluatorOf, RefusedPart } from "./evaluate.ts";
import { CelError } from "./values.ts";

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
  if (parts.length > 1) return parts.some((part) => isNever(part.node, part.wanted)) || isContradiction(parts);
  if (isConstant(node)) {
    const folded = folding(node);
    return folded !== "unknown" && folded.value === !wanted;
  }
  if (node.op === "!_") return isNever(node.args, !wanted);
  // A disjunction cannot be where neither side can.
  if (node.op === "||" || node.op === "&&") return node.args.every((each) => isNever(each, wanted));
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

type Interval = { low: number; high: number; isLowOpen: boolean; isHighOpen: boolean };

/** Whether comparisons of fields with values cannot hold together: `x > 5.0 && x < 3.0`, `a == "x" && a == "y"`. */
function isContradiction(parts: readonly Part[]): boolean {
  const numbers = new Map<string, Interval>();
  const texts = new Map<string, string>();
  const comparisons = parts.flatMap((part) => comparisonOf(part) ?? []);
  for (const { field, op, value } of comparisons) {
    if (typeof value === "string") {
      if (op !== "==") continue;
      if ((texts.get(field) ?? value) !== value) return true;
      texts.set(field, value);
      continue;
    }
    const interval = numbers.get(field) ?? { low: -Infinity, high: Infinity, isLowOpen: false, isHighOpen: false };
    numbers.set(field, interval);
    narrow(interval, op, value);
    if (interval.low > interval.high) return true;
    if (interval.low === interval.high && (interval.isLowOpen || interval.isHighOpen)) return true;
  }
  const only = (field: string) => {
    const { low, high } = numbers.get(field) ?? { low: -Infinity, high: Infinity };
    return texts.get(field) ?? (low === high ? low : undefined);
  };
  return comparisons.some(({ field, op, value }) => op === "!=" && only(field) === value);
}

function narrow(interval: Interval, op: string, value: number): void {
  const isOpen = op === "<" || op === ">";
  if (op === "==" || op === ">" || op === ">=") {
    if (value > interval.low || (value === interval.low && isOpen)) {
      interval.low = value;
      interval.isLowOpen = isOpen;
    }
  }
  if (op === "==" || op === "<" || op === "<=") {
    if (value < interval.high || (value === interval.high && isOpen)) {
      interval.high = value;
      interval.isHighOpen = isOpen;
    }
  }
}

type Comparison = { readonly field: string; readonly op: string; readonly value: number | string };

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

/** `field op value`, also where it was written as `value op field`. */
function comparisonOf({ node, wanted }: Part): Comparison | undefined {
  const mirrored = MIRRORED[node.op];
  if (mirrored === undefined) return undefined;
  // The six comparisons have two operands each.
  const [left, right] = node.args as readonly [ASTNode, ASTNode];
  const isLeft = left.op === "id";
  const field = isLeft ? left : right;
  const other = isLeft ? right : left;
  if (field.op !== "id" || !isConstant(other)) return undefined;
  const folded = folding(other);
  if (folded === "unknown") return undefined;
  const value = typeof folded.value === "bigint" ? Number(folded.value) : folded.value;
  if (typeof value !== "number" && typeof value !== "string") return undefined;
  const op = isLeft ? node.op : mirrored;
  return { field: field.args, op: wanted ? op : (NEGATED[op] ?? op), value };
}
