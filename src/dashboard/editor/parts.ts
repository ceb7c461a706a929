/** What the rules of the page need of the agent that shows them. */
import type { LiveRules } from "../../agent/live-rules.ts";
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import type { Log } from "../../core/log/log.ts";
import type { Profile } from "../../core/profile.ts";
import type { Settings } from "../../core/settings/settings.ts";
import { hasRuleFiles } from "../../rules/files/folder-names.ts";
import type { EditedFolder } from "../../rules/files/load.ts";
import type { RuleProblem } from "../../rules/rule-set.ts";
import { loadProfile, shippedProfiles } from "../../sensor/profile/shipped.ts";
import type { DashboardNode } from "../node.ts";
import type { WireFileProblem } from "../rules-wire.ts";

/** Of the buffer that is open now. */
export type RulesAtWork = { readonly rules: LiveRules; readonly buffer: SqliteBuffer };

export type EditorParts = {
  /** Null: the agent starts, or waits for something. */
  readonly atWork: () => RulesAtWork | null;
  /** Where a run looks for rules; `isNamed`: a setting says so. */
  readonly place: EditedFolder & { readonly isNamed: boolean };
  readonly profiles: () => readonly Profile[];
  readonly log: Log;
};

export function editorParts({ settings, cwd, rulesFolder, log, opened }: DashboardNode): EditorParts {
  let known: readonly Profile[] | null = null;
  return {
    atWork: () => opened()?.parts ?? null,
    place: { dir: rulesFolder.path, shownAs: rulesFolder.shown, isNamed: settings.rulesDir !== null },
    // As a run reads them: at its start.
    profiles: () => {
      known ??= [...ownProfile(settings, cwd), ...shippedProfiles()];
      return known;
    },
    log,
  };
}

/** Its file may be gone since the start: the check does without. */
function ownProfile({ profile }: Pick<Settings, "profile">, cwd: string): readonly Profile[] {
  try {
    return [loadProfile(profile, cwd)];
  } catch {
    return [];
  }
}

/** The folder that rules are read from; null: the rules in the binary are in force. */
export function folderOf({ place }: Pick<EditorParts, "place">): EditedFolder | null {
  return place.isNamed || hasRuleFiles(place.dir) ? place : null;
}

/** With the name by which the editor opens the file. */
export function wireProblem(problem: RuleProblem, folder: EditedFolder | null): WireFileProblem {
  const { file, line, column, message } = problem;
  return { file, name: folder === null ? null : nameIn(file, folder), line, column, message };
}

/** Of a file as problems and rules name it. */
export function nameIn(file: string, { shownAs }: EditedFolder): string | null {
  const prefix = shownAs.endsWith("/") ? shownAs : `${shownAs}/`;
  const name = file.startsWith(prefix) ? file.slice(prefix.length) : null;
  return name?.endsWith(".json") && !name.includes("/") ? name : null;
}
