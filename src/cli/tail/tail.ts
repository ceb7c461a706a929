/** `agent tail`: readings as they are judged, a line each. Reads only; works beside a running agent, and waits for one. */
import { resolve } from "node:path";
import { VERDICTS_OF_STAGE } from "../../buffer/ledger/promises.ts";
import { SEVERITIES } from "../../core/reading.ts";
import { READING_STAGES } from "../../core/stage.ts";
import { nap } from "../../core/time/nap.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import { wholeNumberFlag } from "../frame/flag-values.ts";
import { type Args, type Flags, settingFlags } from "../frame/flags.ts";

const DEFAULT_LINES = 10;
const MOST_LINES = 10_000;
/** A commit is then at most a second old, and readings come at a pace that people can read. */
const EVERY_MS = 500;

const ARGS = {
  stage: {
    type: "enum",
    options: [...READING_STAGES],
    description:
      "Only readings that go to this stage; `agent lake head --stage aggregated` shows windows. Default: all.",
    valueHint: "STAGE",
  },
  sensor: {
    type: "string",
    description: "Only this sensor, by its sensor_id, or a glob: * is any text, ? one character.",
    valueHint: "ID|GLOB",
  },
  rule: {
    type: "string",
    description: "Only readings that broke this rule; a name or a glob.",
    valueHint: "NAME|GLOB",
  },
  severity: {
    type: "enum",
    options: [...SEVERITIES],
    description: "Only readings that broke a rule of this severity or above.",
    valueHint: "SEVERITY",
  },
  lines: {
    type: "string",
    description: "Begin with the newest N readings that pass.",
    valueHint: "N",
    default: String(DEFAULT_LINES),
  },
  ...settingFlags("dataDir"),
  json: { type: "boolean", description: "A JSON value a line, as `agent why --json` has it." },
} as const satisfies Args;

export const command = defineCommand({
  name: "tail",
  summary: "Show readings as they are judged, a line each, until Ctrl-C.",
  args: ARGS,
  examples: [
    "agent tail",
    "agent tail --stage anomalies",
    "agent tail --sensor SEA_3F7FC2 --lines 100",
    "agent tail --sensor 'TURBINE_*' --rule 'vibration-*' --severity warning",
    "agent tail --severity critical --json | jq .verdict[].reason",
  ],
  run,
});

async function run(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  const stage = flags.stage ?? "raw";
  const lines = wholeNumberFlag("lines", flags.lines, { least: 0, most: MOST_LINES, example: "agent tail --lines 10" });
  const { sensor = null, rule = null, severity = null } = flags;
  const dataDir = resolve(context.cwd, context.settings.dataDir);
  const { BufferTail } = await import("../../buffer/ledger/tail.ts");
  const { checkStage, filterOf, unknownLines } = await import("./filter.ts");
  const { follow } = await import("./follow.ts");
  const { isRunning } = await import("../../status/not-begun.ts");
  const wanted = { sensor, rule, severity };
  checkStage(stage, wanted);
  await follow({
    tail: new BufferTail(dataDir, filterOf(wanted, VERDICTS_OF_STAGE[stage])),
    lines,
    unknown: ({ catalogue }) => unknownLines(wanted, dataDir, catalogue),
    isJson: flags.json,
    isRunning: () => isRunning(dataDir),
    stop: context.stop,
    write: context.write,
    say: context.say,
    wait: () => nap(EVERY_MS, context.stop),
  });
  return 0;
}
