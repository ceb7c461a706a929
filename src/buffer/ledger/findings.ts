/** The findings of one reading, as the table `finding` has them. */
import { isObject, mustBe, refuse, type Shape } from "../../core/outside/shape.ts";
import { storedJson } from "../../core/outside/stored-json.ts";
import { type Finding, SEVERITIES } from "../../core/reading.ts";

/** A shape of its own, without a path for each field: a backlog with anomalies is read back by millions of rows. */
export const FINDINGS: Shape<readonly Finding[]> = {
  expects: "a list of findings",
  schema: { type: "array", minItems: 1 },
  read: (value, path, problems) => {
    if (Array.isArray(value) && value.length > 0 && value.every(isFinding)) return value;
    return refuse(problems, path, mustBe("a list of findings", value));
  },
};

function isFinding(value: unknown): value is Finding {
  if (!isObject(value)) return false;
  const { rule, severity, reason, observed, limit } = value;
  return (
    typeof rule === "string" &&
    typeof reason === "string" &&
    SEVERITIES.some((known) => known === severity) &&
    (observed === null || typeof observed === "number" || typeof observed === "string") &&
    (limit === null || typeof limit === "string")
  );
}

/** Null where the row is damaged. */
export function findingsIn(stored: string): readonly Finding[] | null {
  return storedJson(FINDINGS, stored);
}
