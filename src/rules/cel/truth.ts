/** How `compile.ts` writes a value and a condition of CEL as text of JavaScript. */
import type { ASTNode } from "@marcbachmann/cel-js";

/** `js` is the value's text, `defined` the condition under which it is one: "" for always. */
export type Value = {
  readonly type: "double" | "int" | "string";
  readonly js: string;
  readonly defined: string;
  /** The value is NaN where it is not defined, so that a comparison needs no check. */
  readonly nan: boolean;
  /** A text of which the order beside any other is known to be the language's own. */
  readonly isPlain?: boolean;
};
/** Texts of two conditions: surely true, surely false. Where neither holds, CEL has an error. */
export type Truth = { readonly yes: () => string; readonly no: () => string };

/** Thrown while texts are written: the expression uses something, or grows to a size, that is left to `evaluate.ts`. */
export class NotCompilable extends Error {}

/** Texts repeat their parts (a ternary, an equality of conditions), so that a small expression can grow very large. */
const MAX_TEXT = 16 * 1024;

/** A text that is made once, when it is first needed. */
export function lazily(make: () => string): () => string {
  let made: string | undefined;
  return () => {
    made ??= limited(make());
    return made;
  };
}

export function limited(text: string): string {
  if (text.length > MAX_TEXT) throw new NotCompilable();
  return text;
}

export const TEXT_TESTS: ReadonlySet<string> = new Set(["startsWith", "endsWith", "contains", "matches"]);

/** A condition of values: `nan` says that `js` is false by itself where a value is not defined. */
export function test(js: string, defined: string, nan: boolean): Truth {
  return {
    yes: lazily(() => (defined === "" || nan ? `(${js})` : `(${defined} && ${js})`)),
    no: lazily(() => (defined === "" ? `!(${js})` : `(${defined} && !(${js}))`)),
  };
}

export function constant(value: boolean): Truth {
  return { yes: () => String(value), no: () => String(!value) };
}

export function negation(of: Truth): Truth {
  return { yes: of.no, no: of.yes };
}

export function conjunction(a: Truth, b: Truth): Truth {
  return { yes: lazily(() => `(${a.yes()} && ${b.yes()})`), no: lazily(() => `(${a.no()} || ${b.no()})`) };
}

export function choose(condition: Truth, a: string, b: string): string {
  return limited(`((${condition.yes()} && ${a}) || (${condition.no()} && ${b}))`);
}

export function both(a: string, b: string): string {
  if (a === "" || a === b) return b;
  return b === "" ? a : limited(`${a} && ${b}`);
}

export function keepsNan(a: Value, b: Value): boolean {
  return (a.nan || a.defined === "") && (b.nan || b.defined === "");
}

/** True for a node that can only be a condition, by its form; a field is never one. */
export function isCondition(node: ASTNode): boolean {
  switch (node.op) {
    case "value":
      return typeof node.args === "boolean";
    case "?:":
      return isCondition(node.args[1]);
    case "call":
    case "rcall":
      return TEXT_TESTS.has(node.args[0]);
    default:
      return ["&&", "||", "!_", "==", "!=", "in", "<", "<=", ">", ">="].includes(node.op);
  }
}
