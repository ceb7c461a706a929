/**
 * From a checked CEL expression to a function of a reading's values: for the expressions that `compile.ts` leaves out, and the
 * model that it is compared with. A part without a field is evaluated once, here: so a zone that does not exist, or a
 * division by zero that every reading would meet, is found when the rule is read.
 */
import { type ASTNode, serialize } from "@marcbachmann/cel-js";
import { zoneOffset } from "../core/time/zone-offset.ts";
import { isCalendarPart } from "./calendar.ts";
import { type CelFunction, FUNCTIONS, METHODS } from "./functions.ts";
import { LOOP_ITEMS, LOOPS, type Loop } from "./loops.ts";
import { isTooLarge, negative, OPERATORS, type Operator, opposite } from "./operators.ts";
import { ABSENT_FIELD, CelError, CelMap, noOverload, uintOf } from "./values.ts";

/** `values`: those of the fields, in their order, undefined where the reading has none; loops write behind them. */
export type Evaluate = (values: unknown[]) => unknown;
type Part = { readonly run: Evaluate; readonly isConstant: boolean };

/** What an expression cannot have, and where. */
export class RefusedPart extends Error {
  readonly index: number;
  constructor(message: string, index: number) {
    super(message);
    this.index = index;
  }
}

const SHOWN_MOST = 60;

/** The smallest part that fails says most. */
function failing(node: ASTNode, message: string): RefusedPart {
  const text = serialize(node);
  const shown = text.length <= SHOWN_MOST ? text : `${text.slice(0, SHOWN_MOST - 1)}…`;
  return new RefusedPart(`"${shown}" fails for every reading: ${message}`, node.start);
}

/** What operators and functions do with values, and which there are. */
export type Dialect = {
  readonly operators: Readonly<Record<string, Operator>>;
  readonly functions: ReadonlyMap<string, CelFunction>;
  /** `has(a.b)`: whether a value has no error. */
  readonly knowsHas: boolean;
};

const STRICT: Dialect = { operators: OPERATORS, functions: FUNCTIONS, knowsHas: false };

/** Throws a RefusedPart. */
export function evaluatorOf(root: ASTNode, fields: readonly string[], dialect: Dialect = STRICT): Evaluate {
  return new EvaluatorBuilder(fields, dialect).part(root).run;
}

class EvaluatorBuilder {
  /** Where in the values a name is. */
  readonly #places: Map<string, number>;
  #used: number;
  readonly #dialect: Dialect;

  constructor(fields: readonly string[], dialect: Dialect) {
    this.#dialect = dialect;
    this.#places = new Map(fields.map((name, i) => [name, i]));
    this.#used = fields.length;
  }

  part(node: ASTNode): Part {
    try {
      const made = this.#make(node);
      return made.isConstant ? constant(made.run([])) : made;
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      throw failing(node, error.message);
    }
  }

  #make(node: ASTNode): Part {
    switch (node.op) {
      case "value":
        return constant(literal(node.args, node.start));
      case "id":
        return { run: this.#read(node.args, node.start), isConstant: false };
      case "-_": {
        const of = node.args;
        // The lowest int is written as the negative of a number that is not an int.
        if (of.op === "value" && typeof of.args === "bigint") return constant(negative(of.args));
        return this.#of([of], negative);
      }
      case "!_":
        return this.#of([node.args], opposite);
      case "&&":
        return this.#logic(node.args, false);
      case "||":
        return this.#logic(node.args, true);
      case "?:":
        return this.#choice(node.args.map((arg) => this.part(arg)));
      case "list":
        return this.#of(node.args, (...items) => items);
      case "map":
        return this.#of(node.args.flat(), mapOf);
      case ".":
        return this.#of([node.args[0]], (of) => this.#dialect.operators["[]"]?.(of, node.args[1]));
      case "call":
        if (this.#dialect.knowsHas && node.args[0] === "has") return this.#has(node.args[1]);
        return this.#call(node, this.#dialect.functions.get(node.args[0]), node.args[1]);
      case "rcall":
        return this.#method(node, node.args[0], node.args[1], node.args[2]);
      default: {
        const run = this.#dialect.operators[node.op];
        if (run === undefined) throw new RefusedPart(`expressions do not know ${node.op}`, node.start);
        // All others have two operands.
        return this.#binary(node, node.args as readonly [ASTNode, ASTNode], run);
      }
    }
  }

  /** An int that is divided by a zero which is written in the rule fails for every reading. */
  #binary(node: ASTNode, operands: readonly [ASTNode, ASTNode], run: Operator): Part {
    const made = this.#of(operands, run);
    if (node.op !== "/" && node.op !== "%") return made;
    const divisor = this.part(operands[1]);
    if (divisor.isConstant && divisor.run([]) === 0n) throw failing(node, "division by zero");
    return made;
  }

  #read(name: string, index: number): Evaluate {
    const place = this.#places.get(name);
    if (place === undefined) {
      throw new RefusedPart(`"${name}" is the variable of a loop elsewhere; use another name for one of them`, index);
    }
    return (values) => {
      const value = values[place];
      if (value === undefined) throw ABSENT_FIELD;
      if (value instanceof CelError) throw value;
      return value;
    };
  }

  #of(nodes: readonly ASTNode[], run: (...values: readonly unknown[]) => unknown): Part {
    const parts = nodes.map((node) => this.part(node));
    const isConstant = parts.every((part) => part.isConstant);
    const [a, b] = parts.map((part) => part.run);
    if (a !== undefined && parts.length === 1) return { run: (values) => run(a(values)), isConstant };
    if (a !== undefined && b !== undefined && parts.length === 2) {
      return { run: (values) => run(a(values), b(values)), isConstant };
    }
    return { run: (values) => run(...parts.map((part) => part.run(values))), isConstant };
  }

  #has([of]: readonly ASTNode[]): Part {
    const part = of === undefined ? constant(false) : this.part(of);
    const run: Evaluate = (values) => {
      try {
        return part.run(values) !== undefined;
      } catch (error) {
        if (error instanceof CelError) return false;
        throw error;
      }
    };
    return { run, isConstant: false };
  }

  #call(node: ASTNode, run: ((...values: readonly unknown[]) => unknown) | undefined, args: readonly ASTNode[]): Part {
    if (run !== undefined) return this.#of(args, run);
    const name = node.op === "call" || node.op === "rcall" ? node.args[0] : node.op;
    throw new RefusedPart(`expressions do not know ${name}()`, node.start);
  }

  /** `deciding`: the value of one side that decides, whatever the other is, an error included. */
  #logic([left, right]: readonly [ASTNode, ASTNode], deciding: boolean): Part {
    const [a, b] = [this.part(left), this.part(right)];
    const run: Evaluate = (values) => {
      let first: unknown;
      try {
        first = a.run(values);
      } catch (error) {
        if (b.run(values) === deciding) return deciding;
        throw error;
      }
      if (first === deciding) return deciding;
      const second = b.run(values);
      if (second === deciding) return deciding;
      if (typeof first !== "boolean" || typeof second !== "boolean") throw noOverload("logic", first, second);
      return !deciding;
    };
    return { run, isConstant: a.isConstant && b.isConstant };
  }

  #choice([condition, yes, no]: readonly Part[]): Part {
    if (condition === undefined || yes === undefined || no === undefined) throw new Error("A choice has three parts");
    const run: Evaluate = (values) => {
      const chosen = condition.run(values);
      if (typeof chosen !== "boolean") throw noOverload("?:", chosen);
      return chosen ? yes.run(values) : no.run(values);
    };
    return { run, isConstant: condition.isConstant && yes.isConstant && no.isConstant };
  }

  #method(node: ASTNode, name: string, receiver: ASTNode, args: readonly ASTNode[]): Part {
    const [variable, ...bodies] = args;
    if (variable?.op === "id" && bodies.length > 0) {
      if (name === "bind" && receiver.op === "id") return this.#bind(variable.args, bodies);
      const loop = LOOPS[name];
      if (loop !== undefined) return this.#loop(loop, receiver, variable.args, bodies);
    }
    if (isCalendarPart(name) && variable !== undefined) {
      const zone = this.part(variable);
      const text = zone.isConstant ? String(zone.run([])) : "UTC";
      if (zoneOffset(text) === null) throw failing(node, `there is no time zone ${JSON.stringify(text)}`);
    }
    return this.#call(node, METHODS.get(name), [receiver, ...args]);
  }

  #loop(loop: Loop, receiver: ASTNode, variable: string, bodies: readonly ASTNode[]): Part {
    const list = this.part(receiver);
    const { place, parts } = this.#inside(variable, bodies);
    const [filter, step] = parts.length > 1 ? parts : [undefined, ...parts];
    const run: Evaluate = (values) => {
      const of = list.run(values);
      const items: readonly unknown[] = of instanceof CelMap ? of.keys() : Array.isArray(of) ? of : [];
      if (items.length > LOOP_ITEMS) throw new CelError(`a loop over more than ${LOOP_ITEMS} items`);
      const each = (part: Part | undefined) => (item: unknown) => {
        values[place] = item;
        return part?.run(values);
      };
      return loop(items, each(step), filter === undefined ? () => true : each(filter));
    };
    return { run, isConstant: false };
  }

  /** The value is kept with its error: only a part that uses it fails. */
  #bind(variable: string, bodies: readonly ASTNode[]): Part {
    const [value, result] = bodies;
    if (value === undefined || result === undefined) throw new Error("A bind has three parts");
    const bound = this.part(value);
    const { place, parts } = this.#inside(variable, [result]);
    const run: Evaluate = (values) => {
      try {
        values[place] = bound.run(values);
      } catch (error) {
        values[place] = error;
      }
      return parts[0]?.run(values);
    };
    return { run, isConstant: false };
  }

  /** The parts in which a variable of their own may hide a field. */
  #inside(variable: string, bodies: readonly ASTNode[]): { readonly place: number; readonly parts: readonly Part[] } {
    const place = this.#used++;
    const hidden = this.#places.get(variable);
    this.#places.set(variable, place);
    const parts = bodies.map((body) => this.part(body));
    if (hidden === undefined) this.#places.delete(variable);
    else this.#places.set(variable, hidden);
    return { place, parts };
  }
}

function constant(value: unknown): Part {
  return { run: () => value, isConstant: true };
}

function literal(value: NonNullable<unknown> | null, index: number): unknown {
  if (value instanceof Uint8Array) throw new RefusedPart("expressions do not know bytes: write a text", index);
  // The library's own class for a uint, which it does not export.
  const inside: unknown = value?.valueOf();
  if (typeof value === "object" && typeof inside === "bigint") return uintOf(inside);
  if (typeof value === "bigint" && isTooLarge(value)) {
    throw new RefusedPart("this number is beyond an int: write it with a decimal point", index);
  }
  return value;
}

function mapOf(...entries: readonly unknown[]): CelMap {
  const map = new CelMap();
  for (let i = 0; i < entries.length; i += 2) map.set(entries[i], entries[i + 1]);
  return map;
}
