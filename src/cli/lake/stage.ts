/** Stages as people type them: the flag `--stage` of the lake's commands, and lists of stages or tables. */
import { UsageError } from "../../core/errors.ts";
import { STAGES, type Stage, TABLE_OF_STAGE } from "../../core/stage.ts";
import type { Arg } from "../frame/flags.ts";

export const STAGE_FLAG = {
  type: "enum",
  options: [...STAGES],
  description: "Only this stage.",
  valueHint: "STAGE",
} as const satisfies Arg;

/** `raw,sensor_readings_validated`: each by its stage or its table, also as `catalog.schema.table`. */
export function stagesNamed(text: string, example: string): Stage[] {
  const names = text.split(",").map((name) => name.trim());
  const stages = names.filter((name) => name !== "").map((name) => stageNamed(name, example));
  return [...new Set(stages)];
}

function stageNamed(name: string, example: string): Stage {
  const stage = STAGES.find((one) => one === name || TABLE_OF_STAGE[one] === name.split(".").at(-1));
  if (stage !== undefined) return stage;
  const message = `Cannot find stage "${name}": the stages are ${STAGES.join(", ")}, each with a table`;
  throw new UsageError(message, { tryHint: example });
}
