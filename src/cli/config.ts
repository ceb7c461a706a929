/** `agent config`: which settings are in force, where each came from, and the problems of each. Secrets stay hidden. */
import { withoutPassword } from "../core/log/redact.ts";
import { isLoopback } from "../core/settings/address.ts";
import { checkSettings, environmentWarnings, SETTING_NAMES } from "../core/settings/settings.ts";
import { type ShownSetting, shownSettings } from "../core/settings/shown.ts";
import { SETTINGS } from "../core/settings/table.ts";
import { type CommandGroup, type Context, defineCommand } from "./frame/command.ts";
import { settingFlags } from "./frame/flags.ts";

const FLAGS = settingFlags(...SETTING_NAMES.filter((name) => SETTINGS[name].flag !== null));

const show = defineCommand({
  name: "show",
  summary: "Show every setting, its value and where it came from; secrets stay hidden.",
  args: { ...FLAGS, json: { type: "boolean", description: "One JSON value: a list of settings." } },
  examples: ["agent config show", "AGENT_BATCH_ROWS=5000 agent config show --json"],
  toleratesWrongSettings: true,
  run: async (flags, context) => {
    const rows = shownSettings(context.settings);
    const { problems } = checkSettings(context.settingSources ?? { env: context.env });
    await context.write(flags.json ? `${JSON.stringify(rows, null, 2)}\n` : tableText(rows, context.columns));
    for (const problem of problems) context.say(problem);
    return problems.length === 0 ? 0 : 1;
  },
});

const check = defineCommand({
  name: "check",
  summary: "Check every setting, and the files that they name, and report all problems at once.",
  args: {
    ...FLAGS,
    live: {
      type: "boolean",
      description: "Also ask AWS and Databricks whether the credentials are valid, and of the right places.",
    },
    json: { type: "boolean", description: "One JSON value: {ok, problems, warnings, live}." },
  },
  examples: ["agent config check", "agent config check --store s3: --map map.json", "agent config check --live"],
  toleratesWrongSettings: true,
  run: async (flags, context) => {
    const { fileProblems } = await import("./reading-files.ts");
    const { problems: wrong } = checkSettings(context.settingSources ?? { env: context.env });
    // A setting that is wrong has its default here, so that no problem is reported twice.
    const found = [...wrong, ...fileProblems(context.settings, context.cwd)];
    const live = flags.live ? await (await import("./config-live.ts")).askLive(context) : null;
    const problems = [...found, ...(live?.problems ?? [])].map(withoutPassword);
    const warnings = [...environmentWarnings(context.env), ...openlyServed(context)];
    const ok = problems.length === 0;
    if (!flags.json) for (const warning of warnings) context.say(warning);
    if (flags.json) {
      await context.write(
        `${JSON.stringify({ ok, problems, warnings, ...(live === null ? {} : { live: live.answers }) }, null, 2)}\n`,
      );
    } else if (ok) {
      const given = SETTING_NAMES.filter((name) => context.settings.origins[name] !== "default").length;
      for (const line of live?.lines ?? []) await context.write(`${line}\n`);
      await context.write(`The settings are fine: ${given} given, ${SETTING_NAMES.length - given} by default.\n`);
    } else {
      await context.write(`${problems.join("\n")}\n`);
    }
    return ok ? 0 : 1;
  },
});

function openlyServed({ settings: { dashboard } }: Context): string[] {
  if (dashboard === null || isLoopback(dashboard.host)) return [];
  const open = `anyone who reaches ${dashboard.host} may read health and metrics, without a password`;
  return [`AGENT_DASHBOARD: ${open}; the page asks for its token`];
}

export const group: CommandGroup = {
  name: "config",
  summary: "Check and show the settings.",
  commands: { check: async () => check, show: async () => show },
};

function tableText(rows: readonly ShownSetting[], columns = Number.POSITIVE_INFINITY): string {
  const nameWidth = Math.max(...rows.map((row) => row.name.length));
  const originWidth = Math.max(...rows.map((row) => row.origin.length));
  const valueWidth = Math.min(
    48,
    columns - nameWidth - originWidth - 4,
    Math.max(...rows.map((row) => (row.value ?? "not set").length)),
  );
  const lines = rows.flatMap(({ name, value, origin }) => {
    const shown = value ?? "not set";
    const line = `${name.padEnd(nameWidth)}  ${shown.padEnd(valueWidth)}  ${origin}`;
    if (line.length <= columns) return [line];
    const indent = " ".repeat(nameWidth);
    return [`${name.padEnd(nameWidth)}  ${shown}`, `${indent}  ${origin}`];
  });
  return `${lines.join("\n")}\n`;
}
