/**
 * `agent provision seed`: a small well-formed batch for each stage, for readers that infer the columns. The tables
 * of provision have explicit schemas and do not need it. Made by the agent itself: simulator, shipped rules, encoder, keys.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentError } from "../../core/errors.ts";
import { makeLog, textLine } from "../../core/log/log.ts";
import { STAGES } from "../../core/stage.ts";
import { hourOf, MS_PER_HOUR } from "../../core/time/duration.ts";
import { bucketName, ID } from "../../provision/names.ts";
import { makePlan, planProblems } from "../../provision/plan.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import type { Args, Flags } from "../frame/flags.ts";
import { withSides } from "./sides.ts";
import { problemLines } from "./text.ts";

const ARGS = {
  json: { type: "boolean", description: "One JSON value: {objects, readings, node_id}." },
} as const satisfies Args;

export const command = defineCommand({
  name: "seed",
  summary: "Write a small sample batch into each stage bucket; not needed where tables have explicit schemas.",
  args: ARGS,
  examples: ["agent provision seed"],
  run: seed,
});

const READINGS = 200;
const NODE = "provision-seed";
/** A store that does not answer is waited for, but not by a person at a laptop. */
const LIMIT_MS = 120_000;

async function seed(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  const { say, stop } = context;
  await bucketsAreOurs(context);
  const { startAgent } = await import("../run.ts");
  const dataDir = mkdtempSync(join(tmpdir(), "agent-seed-"));
  try {
    const settings = {
      ...context.settings,
      dataDir,
      store: "s3:",
      nodeId: NODE,
      profile: "environmental",
      map: null,
      stages: STAGES,
      rulesDir: null,
      origins: { ...context.settings.origins, source: "flag" as const },
      source: [`simulator:?sensors=5&count=${READINGS}&rate=max&start=${lastHour(Date.now())}&anomaly=0.2&seed=1`],
    };
    const log = makeLog({ least: "warn", secrets: [], now: Date.now, write: (entry) => say(textLine(entry)) });
    const opened = await startAgent({ ...context, cwd: dataDir, settings }, { log, once: true });
    const timer = setTimeout(() => opened.stop(0), LIMIT_MS);
    stop.addEventListener("abort", () => opened.stop(0));
    const { accepted, finished } = await opened.run();
    clearTimeout(timer);
    const { objects } = opened.parts.delivery;
    await opened.close();
    if (!finished)
      throw new AgentError("Cannot seed: not everything was delivered", { tryHint: "agent provision verify" });
    say(`${accepted} readings in ${objects} objects, by node ${NODE}. A second seed writes them again.`);
    if (flags.json) {
      await context.write(`${JSON.stringify({ objects, readings: accepted, node_id: NODE }, null, 2)}\n`);
    }
    return 0;
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Whole and over, so that each stage gets one object: batches are by hour, and the last one is not still going on. */
function lastHour(nowMs: number): string {
  return new Date(hourOf(nowMs) - MS_PER_HOUR).toISOString();
}

/** The agent would wait for a bucket for ever, and put into a bucket of another owner. */
async function bucketsAreOurs(context: Context): Promise<void> {
  await withSides({ only: "aws" }, context, async (sides, world) => {
    const plan = await makePlan(sides, { adopt: false }, world);
    const naming = { prefix: context.settings.s3BucketPrefix, region: context.settings.awsRegion };
    const wanted: readonly string[] = STAGES.map((stage) => ID.bucket(bucketName(stage, naming)));
    const parts = plan.parts.filter(({ resource }) => wanted.includes(resource.id));
    const problems = planProblems({ ...plan, parts });
    for (const line of problems.flatMap(problemLines)) context.say(line);
    const absent = parts.filter(({ actual, problem }) => actual === null && problem === null);
    if (problems.length === 0 && absent.length === 0) return;
    const why = absent.length > 0 ? `${absent[0]!.resource.id} does not exist` : "of the above";
    throw new AgentError(`Cannot seed: ${why}`, { tryHint: "agent provision apply --only aws" });
  });
}
