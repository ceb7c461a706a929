/** `agent tail`: readings as they are judged, a line each. Reads only; works beside a running agent, and waits for one. */
import { resolve } from "node:path";
import { VERDICTS_OF_STAGE } from "../buffer/ledger/promises.ts";
import { UsageError } from "../core/errors.ts";
import { READING_STAGES, type ReadingStage } from "../core/stage.ts";
import type { Command, Context, ExitCode, Flags } from "./frame/command.ts";
import { settingFlags } from "./frame/flags.ts";
import { stagesAsked } from "./lake/stage.ts";

const DEFAULT_LINES = 10;
const MOST_LINES = 10_000;
/** A commit is at most a second old then and readings come as people read them. */
const EVERY_MS = 500;

export const command: Command = {
  name: "tail",
  summary: "Show readings as they are judged, a line each, until Ctrl-C.",
  args: {
    stage: {
      type: "string",
      description: `Only readings that go to this stage: ${READING_STAGES.join(", ")}. Default: all.`,
      valueHint: "STAGE",
    },
    sensor: { type: "string", description: "Only this sensor, by its sensor_id.", valueHint: "ID" },
    lines: {
      type: "string",
      description: "Begin with so many of the newest.",
      valueHint: "N",
      default: String(DEFAULT_LINES),
    },
    ...settingFlags("dataDir"),
    json: { type: "boolean", description: "A JSON value a line, as `agent why --json` has it." },
  },
  examples: [
    "agent tail",
    "agent tail --stage anomalies",
    "agent tail --sensor SEA_3F7FC2 --lines 100",
    "agent tail --stage anomalies --json | jq .verdict[].reason",
  ],
  run,
};

async function run(flags: Flags, context: Context): Promise<ExitCode> {
  const stage = stageOf(flags);
  const lines = linesOf(flags["lines"]);
  const sensorId = flags["sensor"] === undefined ? null : String(flags["sensor"]);
  const dataDir = resolve(context.cwd, context.settings.dataDir);
  const { BufferTail } = await import("../buffer/ledger/tail.ts");
  const { follow } = await import("./tail-follow.ts");
  const { isRunning } = await import("../status/status.ts");
  await follow({
    tail: new BufferTail(dataDir, { verdicts: VERDICTS_OF_STAGE[stage], sensorId }),
    ...{ lines, sensorId, isJson: flags["json"] === true, isRunning: () => isRunning(dataDir) },
    ...{ stop: context.stop, write: context.write, say: context.say },
    wait: () => nap(EVERY_MS, context.stop),
  });
  return 0;
}

function stageOf(flags: Flags): ReadingStage {
  const stage = stagesAsked(flags)?.[0] ?? "raw";
  if (stage !== "aggregated") return stage;
  throw new UsageError('Cannot use --stage "aggregated": its rows are windows, not readings', {
    tryHint: "agent lake head --stage aggregated",
  });
}

function linesOf(given: unknown): number {
  const text = String(given ?? DEFAULT_LINES);
  if (/^\d+$/.test(text) && Number(text) <= MOST_LINES) return Number(text);
  throw new UsageError(`Cannot use --lines "${text}": expected a whole number from 0 to ${MOST_LINES}`, {
    tryHint: `--lines ${DEFAULT_LINES}`,
  });
}

/** Over early when told to stop. */
async function nap(ms: number, stop: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      stop.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (stop.aborted) done();
    else stop.addEventListener("abort", done);
  });
}
