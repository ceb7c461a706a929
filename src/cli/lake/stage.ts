/** The flag `--stage` of the lake's commands. */
import { STAGES } from "../../core/stage.ts";
import type { Arg } from "../frame/flags.ts";

export const STAGE_FLAG = {
  type: "enum",
  options: [...STAGES],
  description: "Only this stage.",
  valueHint: "STAGE",
} as const satisfies Arg;
