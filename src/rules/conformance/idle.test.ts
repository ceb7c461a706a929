/** What is said of an expression before any reading is so for every reading. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { CelError, Instant } from "../../cel/values.ts";
import { cases } from "../../testing/needs.ts";
import { checkExpression } from "../cel/check.ts";
import { idleExpression } from "../cel/constants.ts";

const one = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const ORDERS = one("==", "!=", "<", "<=", ">", ">=");
const NUMBERS = one("0.0", "1.0", "-1.0", "5.0", "2.5", "1.0/0.0", "-1.0/0.0", "0.0/0.0");
const WHOLES = one("0", "1", "2", "5", "6", "11", "12", "22", "23", "24", "31", "-1");
const TEXTS = one("'a'", "'b'", "'c'", "''");
const DOUBLES = one("power", "heat", "abs(power)", "sqrt(heat)", "power - heat", "power / heat", "latitude");
const PARTS = one("Hours", "Minutes", "Month", "Date", "DayOfWeek", "DayOfMonth").map(
  (part) => `timestamp.get${part}()`,
);
const INTEGERS = fc.oneof(PARTS, one("status_code", "anomaly_flag", "size(location)", "location.size()"));
const compared = (operand: fc.Arbitrary<string>, value: fc.Arbitrary<string>) =>
  fc.oneof(
    fc.tuple(operand, ORDERS, value).map((words) => words.join(" ")),
    fc.tuple(value, ORDERS, operand).map((words) => words.join(" ")),
    fc
      .tuple(operand, fc.array(value, { minLength: 1, maxLength: 3 }))
      .map(([x, list]) => `${x} in [${list.join(", ")}]`),
    fc.tuple(one("power", "heat"), ORDERS, one("power", "heat")).map((words) => words.join(" ")),
  );
const atom = fc.oneof(
  compared(DOUBLES, NUMBERS),
  compared(INTEGERS, WHOLES),
  compared(one("location", "model"), TEXTS),
  one("true", "false"),
);
const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    atom,
    fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => `(${a}) && (${b})`),
    fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => `(${a}) || (${b})`),
    tie("expression").map((a) => `!(${a})`),
    fc.tuple(tie("expression"), tie("expression"), tie("expression")).map(([c, a, b]) => `(${c}) ? (${a}) : (${b})`),
  ),
}));
const VALUES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  power: one(-1, 0, 0.5, 1, 2.5, 5, 7, 1e300),
  heat: one(-1, 0, 1, 2.5, 5, 6),
  latitude: one(0, 1, 5),
  location: one("a", "b", "d", ""),
  model: one("a", "c"),
  status_code: one(0n, 1n, 5n, 24n),
  anomaly_flag: one(0n, 1n),
  timestamp: fc.integer({ min: 0, max: 4e12 }).map((ms) => new Instant(ms, 0)),
};
const reading = fc.record(VALUES, { requiredKeys: Object.keys(VALUES).filter((name) => name !== "heat") });

test("no reading breaks what is never true, and none keeps what is always true", () => {
  let idle = 0;
  fc.assert(
    fc.property(expression, fc.array(reading, { minLength: 20, maxLength: 20 }), (text, readings) => {
      const checked = checkExpression(text);
      if ("message" in checked) return;
      const found = idleExpression(checked);
      if (found === undefined) return;
      idle++;
      const impossible = found.message.startsWith("this expression is never true");
      for (const values of readings) {
        const all = values as Readonly<Record<string, unknown>>;
        let answer: unknown;
        try {
          answer = checked.evaluate(checked.fields.map((name) => all[name]));
        } catch (error) {
          if (!(error instanceof CelError)) throw error;
          continue;
        }
        if (answer === impossible) throw new Error(`${text}: ${found.message}, and it is ${String(answer)}`);
      }
    }),
    { numRuns: cases(5_000) },
  );
  expect(idle).toBeGreaterThan(cases(250));
}, 120_000);
