/** The report of the loading notebook at its end: what each table holds now, and which objects it left out. */
import { answerOrNull } from "../../databricks/answer.ts";
import { parseJson } from "../../databricks/json.ts";
import { type LoadReport, LoadReports } from "../../databricks/shapes/load-report.ts";

/** Null where it is not such a report: another notebook may return anything. */
export function readLoadReport(result: string | null): readonly LoadReport[] | null {
  return answerOrNull(LoadReports, jsonOf(result ?? ""));
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return null;
  }
}
