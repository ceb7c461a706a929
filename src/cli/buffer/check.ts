/** `agent buffer check`: whether a buffer is sound, and what was looked at. Reads only, beside a running agent too. */
import { resolve } from "node:path";
import type { Checked } from "../../buffer/check/check.ts";
import { grouped } from "../../core/readable-numbers.ts";
import { pairsOf } from "../../core/seq-range.ts";
import { shellWord } from "../../core/shell-word.ts";
import { type Context, defineCommand } from "../frame/command.ts";
import { settingFlags } from "../frame/flags.ts";
import { progressLine } from "../frame/progress-line.ts";

export const command = defineCommand({
  name: "check",
  summary: "Whether the buffer is sound: SQLite's check, every reading read back, and what is promised and counted.",
  args: {
    ...settingFlags("dataDir"),
    json: { type: "boolean", description: "One JSON value: what was looked at, and all damage by part." },
  },
  examples: ["agent buffer check", "agent buffer check --data-dir /var/lib/agent --json"],
  looks: true,
  run: async (flags, context) => {
    const { checkBuffer } = await import("../../buffer/check/check.ts");
    const { unpackWindow } = await import("../../stages/window-row.ts");
    const { isRunning } = await import("../../status/not-begun.ts");
    const dataDir = resolve(context.cwd, context.settings.dataDir);
    const progress = progressLine(context.terminal);
    const running = isRunning(dataDir);
    let checked: Checked;
    try {
      checked = await checkBuffer(dataDir, {
        isRunning: running,
        stop: context.stop,
        tell: progress.tell,
        alone: context.endedBySignals ?? ((work) => work()),
        readsWindow: (states) => unpackWindow(states) !== null,
      });
    } finally {
      progress.end();
    }
    await show(checked, { json: flags.json === true, running, dataDir }, context);
    return checked.damage.length === 0 ? 0 : 1;
  },
});

type How = { readonly json: boolean; readonly running: boolean; readonly dataDir: string };

async function show(checked: Checked, { json, running, dataDir }: How, context: Context): Promise<void> {
  const { nodeId, epoch, looked, skipped, damage, unnamed } = checked;
  if (json) {
    const value = {
      sound: damage.length === 0,
      node_id: nodeId,
      epoch,
      looked,
      skipped,
      damage: damage.map(({ part, message, seqs }) => ({ part, message, seqs: pairsOf(seqs) })),
      damage_not_named: unnamed,
    };
    await context.write(`${JSON.stringify(value, null, 2)}\n`);
    return;
  }
  const lines = [
    ...(epoch === null ? [] : [`node ${nodeId}, epoch ${epoch}`]),
    ...looked.map((text) => `looked at  ${text}`),
    ...skipped.map((text) => `skipped    ${text}`),
    ...damage.map(({ part, message }) => `DAMAGE     ${part}: ${message}`),
    ...(unnamed > 0 ? [`DAMAGE     and ${grouped(unnamed)} more, which are not named`] : []),
    damage.length === 0 ? "The buffer is sound." : "The buffer is damaged.",
  ];
  await context.write(`${lines.join("\n")}\n`);
  if (damage.length === 0) return;
  context.say(
    running
      ? "The running agent sets a damaged buffer aside when it meets the damage, and keeps all that can be read."
      : "Keep a copy of the data dir. An agent sets a damaged buffer aside when it meets the damage, and keeps all that can be read.",
  );
  const where = `--data-dir ${shellWord(dataDir)}`;
  if (epoch !== null) context.say(`Try: agent buffer export ${where} --out readings.ndjson`);
  // Without a first page only a salvage reads it.
  else if (!running) context.say(`Try: agent run ${where}`);
}
