/**
 * Where the rules of a run come from: the folder that was named, else `./rules`, else the binary. The place of `./rules` is
 * watched from the start, also while nothing is there.
 */

import { resolve } from "node:path";
import type { FoundRules, LastRules, RulesInForce } from "../../agent/live-rules.ts";
import { NoRulesError } from "../../agent/wait-for-rules.ts";
import type { Log } from "../../core/log/log.ts";
import { counted } from "../../core/readable-numbers.ts";
import type { SensorCatalogue } from "../../core/sensor.ts";
import { shellWord } from "../../core/shell-word.ts";
import { DEFAULT_RULES_DIR, hasRuleFiles, ignoredEntries } from "../../rules/files/folder-names.ts";
import { loadRules, loadRuleTexts } from "../../rules/files/load.ts";
import { builtInRules, SHIPPED_COUNT } from "../../rules/files/shipped.ts";
import { FolderWatch } from "../../rules/files/watch.ts";
import type { RuleSet } from "../../rules/rule-set.ts";
import type { Context } from "../frame/command.ts";

/** With this data dir: its sensors, and the rules that were in force before. */
export type Earlier = { readonly catalogue: SensorCatalogue; readonly last: LastRules };

/**
 * A refused folder changes nothing: the last set stays in force; when there never was one, NoRulesError. A `./rules`
 * that was in force and is gone is refused too: the rules in the binary replace it only when the user says so.
 */
export function rulesInForce({ settings, cwd }: Context, { catalogue, last }: Earlier, log: Log): RulesInForce {
  const dir = settings.rulesDir ?? DEFAULT_RULES_DIR;
  // A folder that no setting names counts from its first rule file on.
  const isNew = settings.rulesDir === null && last.dir !== DEFAULT_RULES_DIR;
  const place = new PlaceOfRules({ dir, path: resolve(cwd, dir) }, catalogue, log);
  if (isNew) place.beginWith(builtInRules(catalogue));
  // Before the first start nothing was in force that could be replaced.
  const found = place.find(last.canonical === null ? "info" : "warn");
  const look: RulesInForce["look"] = (runningMs, isAsked) => place.look(runningMs, isAsked);
  if ("ok" in found) return { set: found.ok, refused: [], look, dir: found.dir ?? null };
  const { refused } = found;
  const { canonical } = last;
  const kept = canonical === null ? null : loadRuleTexts([{ name: "last-good.json", text: canonical }], catalogue);
  if (kept !== null && "ok" in kept) {
    log.warn("rules_kept", `The last good rule set is in force: version ${kept.ok.version}`);
    return { set: kept.ok, refused, look, dir: last.dir };
  }
  throw new NoRulesError(dir, refused, `agent rules check ${shellWord(dir)}`);
}

const IGNORED_SHOWN = 10;

type Folder = { readonly dir: string; readonly path: string };

class PlaceOfRules {
  readonly #dir: string;
  readonly #path: string;
  readonly #catalogue: SensorCatalogue;
  readonly #log: Log;
  readonly #folder: FolderWatch;
  /** The rules in the binary, until those of the folder are in force. */
  #builtIn: RuleSet | null = null;

  constructor({ dir, path }: Folder, catalogue: SensorCatalogue, log: Log) {
    this.#dir = dir;
    this.#path = path;
    this.#catalogue = catalogue;
    this.#log = log;
    this.#folder = new FolderWatch(path);
  }

  beginWith(builtIn: RuleSet): void {
    this.#builtIn = builtIn;
  }

  look(runningMs: number, isAsked: boolean): FoundRules | null {
    return this.#folder.look(runningMs) || isAsked ? this.find() : null;
  }

  /** `level`: of the line that says that the folder replaces the built-in rules. */
  find(level: "info" | "warn" = "warn"): FoundRules {
    const builtIn = this.#builtIn;
    if (builtIn !== null && !hasRuleFiles(this.#path)) {
      this.#tellEmpty();
      return { ok: builtIn, dir: null };
    }
    const loaded = loadRules(this.#path, this.#catalogue, this.#dir);
    if ("refused" in loaded) return loaded;
    if (builtIn !== null) this.#tellAppeared(loaded.ok, builtIn, level);
    this.#builtIn = null;
    return { ok: loaded.ok, dir: this.#dir };
  }

  #tellAppeared({ names, version }: RuleSet, builtIn: RuleSet, level: "info" | "warn"): void {
    const appeared = `${this.#dir}/ appeared`;
    if (version === builtIn.version) {
      this.#log.info("rules_appeared", `${appeared}: its ${counted(names.length, "rule")} are the built-in ones`);
      return;
    }
    const replace = names.length === 1 ? "replaces" : "replace";
    const what = `its ${counted(names.length, "rule")} ${replace} the ${SHIPPED_COUNT} built-in ones`;
    this.#log[level]("rules_appeared", `${appeared}: ${what}; agent rules init writes those to files`);
  }

  #tellEmpty(): void {
    if (!this.#folder.isThere) return;
    const ignored = ignoredEntries(this.#path).map(({ name }) => name);
    const others = ignored.length === 0 ? "" : ` (ignored: ${ignored.slice(0, IGNORED_SHOWN).join(", ")})`;
    const stay = `the ${SHIPPED_COUNT} built-in rules stay in force`;
    this.#log.info(
      "rules_empty",
      `${this.#dir}/ has no rule file yet${others}: ${stay}; agent rules init writes them to files`,
    );
  }
}
