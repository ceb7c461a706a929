/** The flag `--stage` of the lake's commands. */
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import { UsageError } from "../../core/errors.ts";
import { isStage, STAGES, type Stage } from "../../core/stage.ts";
import type { Flags } from "../frame/command.ts";

export const STAGE_FLAG = {
  type: "string",
  description: `Only this stage: ${STAGES.join(", ")}.`,
  valueHint: "STAGE",
} as const;

/** The stage that was asked for, alone in a list; null where none was. */
export function stagesAsked(flags: Flags): readonly Stage[] | null {
  const given = flags["stage"];
  if (given === undefined) return null;
  const name = String(given);
  if (isStage(name)) return [name];
  throw new UsageError(`Cannot use --stage "${name}": there is no such stage${didYouMean(name, STAGES)}`, {
    tryHint: `--stage ${STAGES.join("|")}`,
  });
}
