/** How `compile.ts` writes the fields of a reading as text of JavaScript. */
import { IDENTITY_COLUMNS, NUMERIC_IDENTITY } from "../../core/sensor.ts";
import { NotCompilable, type Value } from "./truth.ts";

/** The value of a field in row `i` of the loop of `compile.ts`. Throws NotCompilable for a field that only `evaluate.ts` knows. */
export function fieldValue(name: string, measures: readonly string[]): Value {
  const slot = measures.indexOf(name);
  if (slot >= 0) {
    const js = `c${slot}[i]`;
    return { type: "double", js, defined: `${js} === ${js}`, nan: true };
  }
  const column = IDENTITY_COLUMNS.find((identity) => identity === name);
  if (column !== undefined) {
    const type = NUMERIC_IDENTITY.has(column) ? "double" : "string";
    const js = `S[sensor[i]].identity[${IDENTITY_COLUMNS.indexOf(column)}]`;
    return { type, js, defined: `${js} !== null`, nan: false };
  }
  switch (name) {
    case "status_code":
      return {
        type: "int",
        js: "L[label[i]].statusCode",
        defined: "Number.isSafeInteger(L[label[i]].statusCode)",
        nan: false,
      };
    case "anomaly_flag":
      return { type: "int", js: "L[label[i]].anomalyFlag", defined: "L[label[i]].anomalyFlag !== null", nan: false };
    case "anomaly_type":
      return {
        type: "string",
        js: "L[label[i]].anomalyType",
        defined: "L[label[i]].anomalyType !== null",
        nan: false,
      };
    default:
      throw new NotCompilable();
  }
}
