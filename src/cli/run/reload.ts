/**
 * What SIGHUP does to a running agent: it reads the rules and `.env` again. Flags and environment are those of the process. The
 * settings that may change while it runs take effect at once; the others are named, and wait for the next start.
 */
import { LEVELS, type Log } from "../../core/log/log.ts";
import {
  checkSettings,
  formatSetting,
  SETTING_NAMES,
  type SettingName,
  type Settings,
} from "../../core/settings/settings.ts";
import { SETTINGS } from "../../core/settings/table.ts";
import type { Context, Dotenv } from "../frame/command.ts";

/** Read wherever they are used, each time. */
const LIVE = ["log", "drain"] as const satisfies readonly SettingName[];
type LiveName = (typeof LIVE)[number];

/** The settings of a run, of which the live ones may be replaced. */
export type RunSettings = Omit<Settings, LiveName> & { -readonly [Name in LiveName]: Settings[Name] };

/** Replaces the live settings, and says what changed. `settings`: those of the run. */
export function reloadSettings(
  settings: RunSettings,
  { variables, problems, lines }: Dotenv,
  context: Context,
  log: Log,
): void {
  const checked = checkSettings({
    ...context.settingSources,
    dotenv: variables,
    dotenvProblems: problems,
    dotenvLines: lines,
  });
  if (checked.problems.length > 0) {
    for (const problem of checked.problems) log.warn("settings_refused", problem);
    log.warn("settings_kept", "The settings in force do not change");
    return;
  }
  const next = checked.settings;
  const changed = SETTING_NAMES.filter((name) => formatSetting(next, name) !== formatSetting(settings, name));
  const isLive = (name: SettingName) => LIVE.some((live) => live === name);
  const sentences = changed.filter(isLive).map((name) => changeText(name, settings, next));
  const waiting = changed.filter((name) => !isLive(name)).map((name) => SETTINGS[name].env);
  // The change of the level itself is worth a line at either level.
  const mostTold = LEVELS.indexOf(next.log) < LEVELS.indexOf(settings.log) ? next.log : settings.log;
  Object.assign(settings, { drain: next.drain, log: mostTold });
  if (sentences.length > 0) log.info("settings_changed", `The settings were read again: ${sentences.join("; ")}`);
  if (waiting.length > 0) log.warn("settings_wait", `These settings changed and need a restart: ${waiting.join(", ")}`);
  if (changed.length === 0) log.info("settings_same", "The settings were read again and are the same");
  settings.log = next.log;
}

function changeText(name: SettingName, before: Settings, next: Settings): string {
  return `${SETTINGS[name].env} ${formatSetting(before, name)} -> ${formatSetting(next, name)}`;
}
