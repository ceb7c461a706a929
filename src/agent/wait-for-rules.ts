/**
 * The first rules of a node. A set that is refused later changes nothing, since the last good one stays in force. Before the first
 * one there is none, and a verdict is for ever: the agent takes nothing until there are rules, and ends only where a person waits.
 */
import { UsageError } from "../core/errors.ts";
import { nap } from "../core/time/nap.ts";
import { formatProblem, type RuleProblem } from "../rules/rule-set.ts";
import { StoppedEarlyError } from "./buffer-inputs.ts";
import type { RulesInForce } from "./live-rules.ts";
import type { AgentInputs } from "./parts.ts";
import { Waiting } from "./waiting.ts";

/** The folder is refused, and there is no earlier set. */
export class NoRulesError extends UsageError {
  readonly refused: readonly RuleProblem[];
  constructor(dir: string, refused: readonly RuleProblem[], tryHint: string) {
    super(`Cannot use rules "${dir}":\n${refused.map(formatProblem).join("\n")}`, { tryHint });
    this.refused = refused;
  }
}

const LOOK_MS = 500;

/** What `find` returns, as soon as it does. Throws its NoRulesError where the run does not wait, StoppedEarlyError on a stop. */
export async function rulesWhenGood(inputs: AgentInputs, find: () => RulesInForce): Promise<RulesInForce> {
  const { log, stop } = inputs;
  const waiting = new Waiting(inputs);
  for (let told = ""; ; ) {
    try {
      const found = find();
      if (told !== "") log.info("rules_found", `The rules are valid now: version ${found.set.version}`);
      waiting.over();
      return found;
    } catch (error) {
      if (!(error instanceof NoRulesError) || inputs.waitsForRules !== true) throw error;
      const { refused, message, tryHint = "agent rules check" } = error;
      if (message !== told) {
        for (const problem of refused) log.warn("rules_refused", formatProblem(problem), { try: tryHint });
        log.warn("rules_wait", "The agent has had no rules yet: it takes nothing, and begins when the folder is valid");
      }
      told = message;
      waiting.tell({ code: "rules_refused", message: sentenceOf(refused), try: tryHint });
      await nap(LOOK_MS, stop);
      if (stop.aborted) {
        waiting.over();
        throw new StoppedEarlyError("Stopped before there were rules", { cause: error });
      }
    }
  }
}

function sentenceOf([first, ...more]: readonly RuleProblem[]): string {
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  const where = first === undefined ? "" : `: ${formatProblem(first)}${others}`;
  return `The rules folder is refused, and there is no earlier set${where}`;
}
