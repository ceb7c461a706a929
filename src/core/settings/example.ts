/** The text of `.env.example`: every setting with its sentence, its form and its default, all commented out. */

import type { Setting } from "./entry.ts";
import { SETTING_NAMES } from "./settings.ts";
import { SETTINGS } from "./table.ts";

const EXAMPLE_HEAD = [
  "# Every setting. Copy this file to .env in the folder that the agent is started in, and uncomment what you need.",
  "# The environment wins over .env, a flag wins over both: `agent config show` says which.",
].join("\n");

/** `head`: the comment that it begins with. */
export function envExample(head = EXAMPLE_HEAD): string {
  return `${[head, ...SETTING_NAMES.map((name) => example(SETTINGS[name]))].join("\n\n")}\n`;
}

function example(setting: Setting<unknown>): string {
  const fallback = typeof setting.fallback === "string" ? setting.fallback : "";
  return `# ${setting.doc}\n# Takes ${setting.kind.expects}.\n# ${setting.env}=${fallback}`;
}
