/**
 * From a checked CEL expression to a loop over columns, some fifty times faster than walking the tree. The text of the
 * generated function is made of fixed words, numbers and names of our own (`c0`, `k1`): nothing of the expression's text
 * gets in; its strings are captured as constants.
 *
 * CEL has three outcomes: true, false and error, and `&&` and `||` absorb an error where the other side decides. So every
 * condition has two texts: `yes` (surely true) and `no` (surely false); where neither holds there is an error. A value has
 * the text of its value and the text of the condition under which it is defined ("" for always).
 */
import type { ASTNode } from "@marcbachmann/cel-js";
import { CALENDAR, type CalendarPart, isCalendarPart } from "../../cel/calendar.ts";
import { MATH_FUNCTIONS, MATH_FUNCTIONS_OF_TWO } from "../../cel/functions.ts";
import { readPattern } from "../../cel/pattern.ts";
import { compareText, isPlainText } from "../../cel/values.ts";
import type { Label, Sensor } from "../../core/sensor.ts";
import { zoneOffset } from "../../core/time/zone-offset.ts";
import type { CheckedExpression } from "./check.ts";
import { fieldValue } from "./field-text.ts";
import {
  both,
  choose,
  conjunction,
  constant,
  isCondition,
  keepsNan,
  lazily,
  limited,
  NotCompilable,
  negation,
  TEXT_TESTS,
  type Truth,
  test,
  type Value,
} from "./truth.ts";

/**
 * Calls `found` for every row below `count` whose sensor has a 1 in `mask` and for which the expression is true. Eight
 * parameters: with one object the engine takes longer to compile the loops of many rules (docs/decisions.md).
 */
export type CompiledLoop = (
  count: number,
  sensor: Int32Array,
  mask: Uint8Array,
  label: Int32Array,
  sensors: readonly Sensor[],
  labels: readonly Label[],
  /** The columns of `measures`, in their order, and behind them that of the time. */
  columns: readonly Float64Array[],
  found: (row: number) => void,
) => void;

const COMPARISONS: ReadonlySet<string> = new Set(["<", "<=", ">", ">="]);
const NAN_FOR_NAN: ReadonlySet<string> = new Set(["abs", "sqrt", "exp", "ln", "floor", "ceil", "min", "max"]);

/** The loop, or undefined where `evaluate.ts` must evaluate the expression. */
export function compileExpression(expression: CheckedExpression): CompiledLoop | undefined {
  const emitter = new Emitter(expression.measures);
  try {
    return emitter.loop(emitter.truth(expression.ast).yes());
  } catch (error) {
    if (error instanceof NotCompilable) return undefined;
    throw error;
  }
}

class Emitter {
  readonly #measures: readonly string[];
  readonly #constants: unknown[] = [];

  constructor(measures: readonly string[]) {
    this.#measures = measures;
  }

  loop(condition: string): CompiledLoop {
    const constants = this.#constants.map((_, k) => `const k${k} = K[${k}];`).join("");
    const columns = [...this.#measures, "timestamp"].map((_, c) => `const c${c} = C[${c}];`).join("");
    const make = new Function(
      "K",
      `"use strict";${constants}return (count, sensor, mask, label, S, L, C, found) => {${columns}
      for (let i = 0; i < count; i++) if (mask[sensor[i]] === 1 && ${condition}) found(i);}`,
    );
    // The text above is ours and has this shape.
    return make(this.#constants) as CompiledLoop;
  }

  truth(node: ASTNode): Truth {
    switch (node.op) {
      case "value":
        if (typeof node.args !== "boolean") throw new NotCompilable();
        return constant(node.args);
      case "!_": {
        const inner = this.truth(node.args);
        return { yes: inner.no, no: inner.yes };
      }
      case "&&":
        return conjunction(this.truth(node.args[0]), this.truth(node.args[1]));
      case "||":
        return negation(conjunction(negation(this.truth(node.args[0])), negation(this.truth(node.args[1]))));
      case "?:":
        return this.#choice(node.args);
      case "==":
        return this.#equality(node.args[0], node.args[1]);
      case "!=":
        return negation(this.#equality(node.args[0], node.args[1]));
      case "in":
        return this.#membership(node.args[0], node.args[1]);
      case "rcall":
        return this.#textTest(node.args);
      case "call":
        return this.#textTest([node.args[0], node.args[1][0] ?? node, node.args[1].slice(1)]);
      default:
        if (!COMPARISONS.has(node.op)) throw new NotCompilable();
        // The four comparisons have two operands each.
        return this.#comparison(node.op, node.args as [ASTNode, ASTNode]);
    }
  }

  value(node: ASTNode): Value {
    switch (node.op) {
      case "value":
        return this.#literal(node.args);
      case "id":
        return fieldValue(node.args, this.#measures);
      case "-_": {
        const inner = this.value(node.args);
        if (inner.type === "string") throw new NotCompilable();
        // An int has no negative zero.
        return { ...inner, js: inner.type === "int" ? `(0 - ${inner.js})` : `(-${inner.js})` };
      }
      case "+":
      case "-":
      case "*":
      case "/":
        return this.#arithmetic(node.op, node.args);
      case "call":
        return this.#call(node.args[0], node.args[1]);
      case "rcall":
        if (isCalendarPart(node.args[0])) return this.#calendarPart(node.args[0], node.args[1], node.args[2]);
        if (node.args[0] !== "size" || node.args[2].length > 0) throw new NotCompilable();
        return this.#call("size", [node.args[1]]);
      case "?:": {
        const condition = this.truth(node.args[0]);
        const [a, b] = [this.value(node.args[1]), this.value(node.args[2])];
        if (a.type !== b.type) throw new NotCompilable();
        const defined = choose(condition, a.defined || "true", b.defined || "true");
        return { type: a.type, js: limited(`(${condition.yes()} ? ${a.js} : ${b.js})`), defined, nan: false };
      }
      default:
        throw new NotCompilable();
    }
  }

  #constant(value: unknown): string {
    return `k${this.#constants.push(value) - 1}`;
  }

  #literal(value: unknown): Value {
    if (typeof value === "string") {
      return { type: "string", js: this.#constant(value), defined: "", nan: false, isPlain: isPlainText(value) };
    }
    if (typeof value === "number") return { type: "double", js: `(${value})`, defined: "", nan: false };
    // Beyond 2^53 a double no longer holds every integer.
    if (typeof value !== "bigint" || !Number.isSafeInteger(Number(value))) throw new NotCompilable();
    return { type: "int", js: `(${value})`, defined: "", nan: false };
  }

  #arithmetic(op: "+" | "-" | "*" | "/", args: readonly [ASTNode, ASTNode]): Value {
    const [a, b] = [this.value(args[0]), this.value(args[1])];
    // Integers overflow and divide with errors that the library reports.
    if (a.type !== b.type || a.type === "int" || (a.type === "string" && op !== "+")) throw new NotCompilable();
    return {
      type: a.type,
      js: limited(`(${a.js} ${op} ${b.js})`),
      defined: both(a.defined, b.defined),
      nan: keepsNan(a, b),
    };
  }

  #call(name: string, args: readonly ASTNode[]): Value {
    const values = args.map((arg) => this.value(arg));
    const [a, b] = values;
    if (a === undefined) throw new NotCompilable();
    if (name === "double" && a.type !== "string" && b === undefined) {
      // An int has no negative zero.
      return { ...a, type: "double", js: a.type === "int" ? `(${a.js} + 0)` : a.js };
    }
    if (name === "size" && a.type === "string" && b === undefined) {
      const length = this.#constant((text: string) => [...text].length);
      // Not called with the null of a text that is absent.
      return { type: "int", js: `(${a.defined || "true"} ? ${length}(${a.js}) : 0)`, defined: a.defined, nan: false };
    }
    const run = b === undefined ? MATH_FUNCTIONS[name] : MATH_FUNCTIONS_OF_TWO[name];
    if (run === undefined || values.some((value) => value.type !== "double")) throw new NotCompilable();
    return {
      type: "double",
      js: `${this.#constant(run)}(${values.map((value) => value.js).join(", ")})`,
      defined: values.map((value) => value.defined).reduce(both),
      nan: NAN_FOR_NAN.has(name) && values.every((value) => value.nan || value.defined === ""),
    };
  }

  /** A part of the reading's own time, in UTC or in a zone that is known now. */
  #calendarPart(name: CalendarPart, receiver: ASTNode, [zone]: readonly ASTNode[]): Value {
    if (receiver.op !== "id" || receiver.args !== "timestamp") throw new NotCompilable();
    const time = `c${this.#measures.length}[i]`;
    const js = `${this.#constant(CALENDAR[name])}(${this.#localTime(time, zone)})`;
    return { type: "int", js, defined: "", nan: false };
  }

  #localTime(time: string, zone: ASTNode | undefined): string {
    if (zone === undefined) return time;
    const offset = zone.op === "value" ? zoneOffset(String(zone.args)) : null;
    if (offset === null) throw new NotCompilable();
    return `${time} + ${this.#constant(offset)}(${time})`;
  }

  #comparison(op: string, args: readonly [ASTNode, ASTNode]): Truth {
    const [a, b] = [this.value(args[0]), this.value(args[1])];
    if ((a.type === "string") !== (b.type === "string")) throw new NotCompilable();
    if (a.type === "string" && a.isPlain !== true && b.isPlain !== true) {
      return test(`${this.#constant(compareText)}(${a.js}, ${b.js}) ${op} 0`, both(a.defined, b.defined), false);
    }
    return test(`${a.js} ${op} ${b.js}`, both(a.defined, b.defined), keepsNan(a, b));
  }

  #equality(left: ASTNode, right: ASTNode): Truth {
    if (isCondition(left) || isCondition(right)) {
      const [a, b] = [this.truth(left), this.truth(right)];
      return {
        yes: lazily(() => `((${a.yes()} && ${b.yes()}) || (${a.no()} && ${b.no()}))`),
        no: lazily(() => `((${a.yes()} && ${b.no()}) || (${a.no()} && ${b.yes()}))`),
      };
    }
    const [a, b] = [this.value(left), this.value(right)];
    if (a.type !== b.type) throw new NotCompilable();
    return test(`${a.js} === ${b.js}`, both(a.defined, b.defined), keepsNan(a, b));
  }

  #membership(item: ASTNode, list: ASTNode): Truth {
    const a = this.value(item);
    if (list.op !== "list" || list.args.length === 0) throw new NotCompilable();
    const members = list.args.map((member) => {
      const negative = member.op === "-_";
      const literal = negative ? member.args : member;
      if (literal.op !== "value") throw new NotCompilable();
      const { type } = this.#literal(literal.args);
      if (type !== a.type) throw new NotCompilable();
      if (type === "string") return literal.args;
      return negative ? -Number(literal.args) : Number(literal.args);
    });
    return test(`${this.#constant(new Set(members))}.has(${a.js})`, a.defined, keepsNan(a, a));
  }

  #textTest([name, receiver, args]: readonly [string, ASTNode, readonly ASTNode[]]): Truth {
    const [argument] = args;
    if (!TEXT_TESTS.has(name) || argument === undefined || args.length > 1) throw new NotCompilable();
    const [a, b] = [this.value(receiver), this.value(argument)];
    if (a.type !== "string" || b.type !== "string") throw new NotCompilable();
    if (name === "matches") {
      const matcher = argument.op === "value" ? readPattern(String(argument.args)) : undefined;
      if (typeof matcher !== "function") throw new NotCompilable();
      return test(`${this.#constant(matcher)}(${a.js})`, a.defined, false);
    }
    const method = name === "contains" ? "includes" : name;
    return test(`${a.js}.${method}(${b.js})`, both(a.defined, b.defined), false);
  }

  #choice(args: readonly [ASTNode, ASTNode, ASTNode]): Truth {
    const [condition, a, b] = [this.truth(args[0]), this.truth(args[1]), this.truth(args[2])];
    return {
      yes: lazily(() => choose(condition, a.yes(), b.yes())),
      no: lazily(() => choose(condition, a.no(), b.no())),
    };
  }
}
