/** Settings as people and pages may see them: secrets stay hidden. */
import { withoutPassword } from "../log/redact.ts";
import {
  checkSettings,
  formatSetting,
  type Origin,
  SETTING_NAMES,
  type SettingName,
  type Settings,
} from "./settings.ts";
import { SETTINGS } from "./table.ts";

export type ShownSetting = {
  readonly name: string;
  /** As a user would write it; null where it is not set. A secret is "set". */
  readonly value: string | null;
  readonly origin: Origin;
  readonly default: string | null;
  readonly secret: boolean;
  readonly doc: string;
};

/** All of them, in the order of the table. */
export function shownSettings(settings: Settings): readonly ShownSetting[] {
  const defaults = checkSettings({}).settings;
  return SETTING_NAMES.map((name) => shown(name, settings, defaults));
}

function shown(name: SettingName, settings: Settings, defaults: Settings): ShownSetting {
  const { env, secret, doc } = SETTINGS[name];
  const text = formatSetting(settings, name);
  const fallback = formatSetting(defaults, name);
  const value = text === "" ? null : secret ? "set" : withoutPassword(text);
  return { name: env, value, origin: settings.origins[name], default: fallback === "" ? null : fallback, secret, doc };
}
