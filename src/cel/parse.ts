/** What is true of every expression, whatever it reads: its size and cost, the functions that it may call, where a problem is. */
import type { ASTNode, Environment, ParseError } from "@marcbachmann/cel-js";
import { MATH_FUNCTIONS, MATH_FUNCTIONS_OF_TWO } from "./functions.ts";
import { readPattern } from "./pattern.ts";

/** Macros whose first argument is a name of their own, not a field. */
const BINDING_MACROS: ReadonlySet<string> = new Set(["all", "exists", "exists_one", "map", "filter", "bind"]);
/** Each would multiply the turns of the other, or the length of the list: an expression of 4 KiB could take hours. */
const LOOP_IN_LOOP = `a loop inside a loop: none of ${[...BINDING_MACROS].join(", ")} within another`;
export const SIZE_LIMITS = { maxAstNodes: 2_000, maxDepth: 64 } as const;

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

export function withFunctions(environment: Environment): Environment {
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

/** The names that a macro makes: they are not fields within it. */
export function boundBy(node: ASTNode): readonly string[] {
  if (node.op !== "rcall" || !BINDING_MACROS.has(node.args[0])) return [];
  const [name, receiver, [own]] = node.args;
  return [own, name === "bind" ? receiver : undefined].flatMap((each) => (each?.op === "id" ? [each.args] : []));
}

/** Why an expression could take too long: a loop in a loop, or a pattern that is not known. */
export function costProblem(root: ASTNode): ExpressionProblem | undefined {
  let problem: ExpressionProblem | undefined;
  const visit = (node: ASTNode, inLoop: boolean): void => {
    const isLoop = node.op === "rcall" && BINDING_MACROS.has(node.args[0]);
    if (isLoop && inLoop) problem ??= { message: LOOP_IN_LOOP, index: node.start };
    if (node.op === "rcall" && node.args[0] === "matches") problem ??= problemOfPattern(node.args[2][0]);
    if (node.op === "call" && node.args[0] === "matches") problem ??= problemOfPattern(node.args[1][1]);
    for (const child of childrenOf(node)) visit(child, inLoop || isLoop);
  };
  visit(root, false);
  return problem;
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

export type Described = { code: string; summary: string; node: ASTNode | undefined; index: number };

export function codeAndSummary(error: unknown): Described {
  if (!(error instanceof Error)) return { code: "", summary: String(error), node: undefined, index: 0 };
  if (!("summary" in error)) return { code: "", summary: error.message, node: undefined, index: 0 };
  // Only the library's own errors, which share these fields, have a `summary`.
  const own = error as ParseError;
  const node = own.node?.op === undefined ? undefined : (own.node as ASTNode);
  return { code: own.code, summary: own.summary, node, index: own.range?.start ?? 0 };
}
