/** `agent simulate`: readings of sensors that do not exist, as lines or as the table that existing tools expect. */

import { UsageError } from "../core/errors.ts";
import { ReadingBlock } from "../core/reading.ts";
import { SensorCatalogue } from "../core/sensor.ts";
import { parseDuration, unitMeant } from "../core/time/duration.ts";
import { nap } from "../core/time/nap.ts";
import { loadProfile } from "../sensor/profile/shipped.ts";
import {
  readSimulatorParameters,
  type SimulatorKey,
  type SimulatorParameters,
} from "../sensor/simulator/parameters.ts";
import { SimulatorSource } from "../sensor/simulator/simulator.ts";
import { type Context, defineCommand } from "./frame/command.ts";
import { type Args, type Flags, settingFlags } from "./frame/flags.ts";
import { type Out, openOut } from "./simulate-out.ts";

/** Some 600 KB of text: few enough writes, little memory. */
const BLOCK_ROWS = 1_000;
const PROGRESS_MS = 1_000;

const ARGS = {
  sensors: { type: "string", description: "How many sensors. Default: 5.", valueHint: "N" },
  rate: { type: "string", description: "Readings a second of each sensor, or max. Default: 1.", valueHint: "HZ|max" },
  count: { type: "string", description: "End after N readings of all sensors together.", valueHint: "N" },
  for: { type: "string", description: "End after this time.", valueHint: "30s" },
  start: { type: "string", description: "Time of the first reading, UTC. Default: now.", valueHint: "TIME" },
  anomalyProbability: {
    type: "string",
    description: "The share of readings that are anomalies, each labelled in anomaly_type. Default: 0.02.",
    valueHint: "P",
  },
  seed: { type: "string", description: "Another seed makes other sensors and readings. Default: 1.", valueHint: "N" },
  ...settingFlags("profile"),
  faults: {
    type: "string",
    description: "The share of readings that are late, out of order, twice, or of a wrong clock. Default: 0.",
    valueHint: "P",
  },
  out: {
    type: "string",
    description: "Where to: stdout (default), sqlite:PATH or mqtt://HOST[:PORT]/TOPIC.",
    valueHint: "URI",
  },
} as const satisfies Args;

export const command = defineCommand({
  name: "simulate",
  summary: "Make readings of sensors that do not exist: the same seed, start and count make the same readings.",
  args: ARGS,
  examples: [
    "agent simulate --sensors 3 --count 10",
    "agent simulate --out sqlite:field.db --rate 50",
    "agent simulate --out 'mqtt://localhost/site/{sensor_id}'",
    "agent simulate --rate max --count 1000000 --start 2026-01-01 > readings.ndjson",
    "agent simulate --profile wind-turbine --faults 0.01 --for 30s",
  ],
  run: async (flags, context) => {
    const { parameters, forMs } = readFlags(flags, context);
    const catalogue = new SensorCatalogue();
    const measures = parameters.profile.measures.map((measure) => measure.name);
    const source = new SimulatorSource(parameters, catalogue, null, Date.now);
    const out = await openOut(flags.out ?? "stdout", measures, catalogue, context);
    try {
      await simulate({ source, out }, parameters, forMs, context);
    } finally {
      await out.close();
    }
    return 0;
  },
});

function readFlags(flags: Flags<typeof ARGS>, context: Context): { parameters: SimulatorParameters; forMs: number } {
  const problems: string[] = [];
  const { sensors, rate, count, start, seed, anomalyProbability: anomaly, faults, for: lasting } = flags;
  const profile = loadProfile(context.settings.profile, context.cwd);
  const given = definedOf({ sensors, rate, count, start, seed, anomaly, faults });
  const parameters = readSimulatorParameters(given, "simulator:", { profile, cwd: context.cwd }, problems);
  const forMs = lasting === undefined ? Number.POSITIVE_INFINITY : parseDuration(lasting);
  if (lasting !== undefined && forMs === undefined) {
    const meant = unitMeant(lasting);
    problems.push(`for must be a time such as 30s or 5m, not "${lasting}"${meant === "" ? "" : `: ${meant}`}`);
  }
  if (lasting !== undefined && parameters.count !== null) problems.push("for and --count exclude each other");
  if (problems.length > 0) {
    const lines = problems.map((problem) => {
      const [key = "", ...rest] = problem.split(" ");
      return `Cannot use --${key === "anomaly" ? "anomaly-probability" : key}: ${["it", ...rest].join(" ")}`;
    });
    throw new UsageError(lines.join("\n"), { tryHint: "agent simulate --help" });
  }
  return { parameters, forMs: forMs ?? 0 };
}

/** The flags that were given. */
function definedOf(given: Readonly<Record<string, string | undefined>>): Partial<Record<SimulatorKey, string>> {
  return Object.fromEntries(Object.entries(given).filter(([, text]) => text !== undefined));
}

/** Takes and appends until the count or the time is reached, or a stop is asked for; every reading that was taken is appended. */
async function simulate(
  { source, out }: { readonly source: SimulatorSource; readonly out: Out },
  parameters: SimulatorParameters,
  forMs: number,
  context: Context,
): Promise<void> {
  const block = new ReadingBlock(BLOCK_ROWS);
  const startedAt = performance.now();
  const progress = new Progress(parameters, out, context, startedAt);
  let appendedAt = startedAt;
  for (;;) {
    const over = context.stop.aborted || performance.now() - startedAt >= forMs;
    const taken = over ? ({ state: "ended" } as const) : source.take(block, Date.now());
    const nowMs = performance.now();
    const idle = taken.state === "idle";
    if (!idle || block.full || nowMs - appendedAt >= out.holdMs) {
      await out.append(block);
      progress.add(block.count);
      block.clear();
      appendedAt = nowMs;
    }
    if (taken.state === "ended") break;
    const wakeMs = idle && taken.wakeAtMs !== null ? taken.wakeAtMs - Date.now() : 0;
    const holdMs = block.count > 0 ? appendedAt + out.holdMs - nowMs : wakeMs;
    // Even where there is no time to wait: signals are heard only between two turns.
    const restMs = Math.max(0, Math.min(wakeMs, holdMs, forMs - (nowMs - startedAt), PROGRESS_MS));
    if (restMs > 0) await nap(restMs, context.stop);
    else await new Promise<void>((done) => setImmediate(done));
  }
  progress.end();
}

/** A line that shows the progress of a long simulation, rewritten in place on a terminal; a summary at the end everywhere. */
class Progress {
  readonly #count: number | null;
  readonly #sensors: number;
  readonly #out: Out;
  readonly #context: Context;
  readonly #startedAt: number;
  readonly #shows: boolean;
  #rows = 0;
  #toldAt: number;
  #isShown = false;

  constructor({ count, sensors, rateHz }: SimulatorParameters, out: Out, context: Context, startedAt: number) {
    this.#count = count;
    this.#sensors = sensors;
    this.#out = out;
    this.#context = context;
    this.#startedAt = startedAt;
    this.#toldAt = startedAt;
    // Paced lines on a terminal are their own progress.
    this.#shows = context.terminal && (out.name !== "stdout" || rateHz === "max");
  }

  add(rows: number): void {
    this.#rows += rows;
    const now = performance.now();
    if (!this.#shows || now - this.#toldAt < PROGRESS_MS) return;
    this.#toldAt = now;
    const perSecond = (this.#rows * 1_000) / (now - this.#startedAt);
    const left = this.#count === null ? null : this.#count - this.#rows;
    const rest = left === null ? "" : `, ${number(left)} left, about ${Math.ceil(left / Math.max(1, perSecond))} s`;
    this.#say(`${number(this.#rows)} readings, ${number(perSecond)}/s${rest}`);
  }

  end(): void {
    const seconds = ((performance.now() - this.#startedAt) / 1_000).toFixed(1);
    if (this.#out.name === "stdout" && !this.#isShown) return;
    this.#say(`Wrote ${number(this.#rows)} readings of ${this.#sensors} sensors to ${this.#out.name} in ${seconds} s`);
  }

  #say(line: string): void {
    // One line up and clear it: the line before was ours.
    this.#context.say(this.#isShown ? `\u001b[1A\u001b[2K${line}` : line);
    this.#isShown = this.#context.terminal;
  }
}

function number(value: number): string {
  return Math.round(value).toLocaleString("en");
}
