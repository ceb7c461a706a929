/** `compute`, and `where` by an expression: CEL of a map. The language is loaded by the first expression of a map, not before. */

import { made } from "../../core/outside/composed-shapes.ts";
import { shortText } from "../../core/outside/scalar-shapes.ts";
import { type JsonProblem, report, type Shape } from "../../core/outside/shape.ts";
import type { RowProblem } from "../row/row-problem.ts";
import type { RecordExpression } from "./expression.ts";
import { type FieldMaker, Unreadable } from "./record-shape.ts";
import type { Condition } from "./where.ts";

const EXPRESSION_BYTES = 4 * 1024;
const SHOWN_MOST = 80;

export const EXPRESSION: Shape<RecordExpression> = made(
  shortText(EXPRESSION_BYTES, 'an expression in CEL, such as "voltage * current / 1000"'),
  (text, { path, problems }) => {
    // Synchronous, because maps are read synchronously; an import would load it for everyone.
    const { recordExpression } = require("./expression.ts") as typeof import("./expression.ts");
    const read = recordExpression(text);
    if (!("message" in read)) return read;
    report(problems, { path, what: read.message, of: "value", index: read.index } satisfies JsonProblem);
    return undefined;
  },
);

/** One of our fields out of the record. */
export function computed(to: string, expression: RecordExpression): FieldMaker {
  const { text, paths, needs, evaluate } = expression;
  return {
    makes: [to],
    asks: paths,
    needs,
    make: (view, meant) => {
      try {
        const value = evaluate(view, meant);
        if (value === undefined) return [];
        return [[to, typeof value === "boolean" ? Number(value) : value]];
      } catch (error) {
        return [[to, new Unreadable(failed(to, text, error), JSON.stringify(text))]];
      }
    },
    refresh: () => {},
    problems: () => [],
  };
}

export function expressionCondition({ text, paths, needs, evaluate }: RecordExpression): Condition {
  return {
    paths,
    needsThem: needs.length === paths.length,
    isPresence: false,
    holds: (view, meant) => {
      try {
        return evaluate(view, meant) === true;
      } catch (error) {
        throw new Unreadable(failed("where", text, error), JSON.stringify(text));
      }
    },
  };
}

/** Also what is no error of CEL, such as a text that becomes too long for the machine: no input may stop the agent. */
function failed(what: string, text: string, error: unknown): RowProblem {
  const shown = text.length <= SHOWN_MOST ? text : `${text.slice(0, SHOWN_MOST - 1)}…`;
  const why = error instanceof Error ? error.message : String(error);
  return { reason: "expression_failed", detail: `${what} cannot be computed by ${shown}: ${why}` };
}
