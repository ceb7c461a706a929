/** What is wrong with the rules in force although they are legal: logged once for each set that is loaded. */
import type { Log } from "../core/log/log.ts";
import type { Profile } from "../core/profile.ts";
import { formatProblem, type RuleSet, type RuleWarning } from "./rule-set.ts";

/** Warnings that are logged, and that a report has. */
const SHOWN = 20;

export class Warned {
  readonly #profiles: readonly Profile[] | null;
  readonly #log: Log;
  #warnings: readonly RuleWarning[] = [];
  #logged = "";

  /** `profiles`: all that a reading may have. Null: nothing is said, as of the rules in the binary. */
  constructor(profiles: readonly Profile[] | null, log: Log) {
    this.#profiles = profiles;
    this.#log = log;
  }

  get warnings(): readonly RuleWarning[] {
    return this.#warnings;
  }

  /** The set is in force now. */
  note(set: RuleSet): void {
    if (this.#profiles === null) return;
    const all = set.warnings(this.#profiles);
    this.#warnings = all.slice(0, SHOWN);
    const lines = this.#warnings.map(formatProblem);
    const more = all.length - lines.length;
    if (more > 0) lines.push(`${more} more: agent rules check`);
    const text = lines.join("\n");
    if (text === this.#logged) return;
    this.#logged = text;
    for (const line of lines) this.#log.warn("rules_doubtful", line);
  }
}
