/**
 * `scripts/torture`: kills the compiled agent at random moments while another process writes to its source and its store
 * fails often; then reads the lake with code of its own and compares it with the source.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { hashAt } from "../../src/core/random.ts";
import { findS3Server } from "../../src/testing/s3-server.ts";
import { keepBinary } from "./agent-command.ts";
import { begin } from "./begin.ts";
import { databaseToFolder, databaseToS3, type Leg } from "./database-leg.ts";
import { describeFigures, describeLate, newFigures } from "./figures.ts";
import { filesToFolder } from "./files-leg.ts";
import { simulatorToFolder } from "./simulator-leg.ts";

const USAGE = "Try: scripts/torture --kills 2000 [--seed N] [--rows N] [--only folder|files|s3|simulator] [--keep]";

type Name = "folder" | "files" | "s3" | "simulator";
/** Kills come in rounds of these; each ends with a check of everything. `rows`: for each kill, unless --rows says. */
const LEGS: Record<Name, { kills: number; rows: number; run: (leg: Leg) => Promise<readonly string[]> }> = {
  folder: { kills: 80, rows: 150, run: databaseToFolder },
  files: { kills: 40, rows: 150, run: filesToFolder },
  s3: { kills: 30, rows: 150, run: databaseToS3 },
  simulator: { kills: 50, rows: 400, run: simulatorToFolder },
};
const NAMES = ["folder", "files", "s3", "simulator"] as const;

type Options = { seed: number; kills: number; rows: number | null; only: Name | null; keep: boolean };

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
      kills: { type: "string", default: "200" },
      rows: { type: "string" },
      only: { type: "string" },
      keep: { type: "boolean", default: false },
    },
  });
  const number = (name: string, text: string): number => {
    if (!/^\d{1,15}$/.test(text)) throw new Error(`Cannot use --${name} "${text}": it is not a number`);
    return Number(text);
  };
  const only = NAMES.find((name) => name === values.only) ?? null;
  if (values.only !== undefined && only === null) throw new Error(`Cannot use --only "${values.only}": no such part`);
  const rows = values.rows === undefined ? null : number("rows", values.rows);
  return { seed: number("seed", values.seed), kills: number("kills", values.kills), rows, only, keep: values.keep };
}

async function torture({ seed, kills, rows, only, keep }: Options): Promise<boolean> {
  const startedAtMs = performance.now();
  const figures = newFigures();
  const root = mkdtempSync(join(tmpdir(), "agent-torture-"));
  const program = keepBinary(root);
  const say = (line: string) => console.error(`torture: ${line}`);
  const names = only === null ? NAMES.filter((name) => name !== "s3" || hasS3(say)) : [only];
  say(`seed ${seed}, ${kills} kills, in ${root}`);
  for (let n = 0; figures.kills < kills; n++) {
    const name = names[n % names.length]!;
    const part = LEGS[name];
    const legKills = Math.min(part.kills, kills - figures.kills);
    const folder = join(root, `${n}-${name}`);
    mkdirSync(folder);
    const legSeed = hashAt(seed, n) >>> 0;
    // The rows of --rows are divided by kills.
    const perKill = rows === null ? part.rows : rows / kills;
    const leg: Leg = { folder, program, seed: legSeed, kills: legKills, rows: Math.ceil(legKills * perKill), figures };
    const differences = await part
      .run(leg)
      .catch((error: unknown) => [error instanceof Error ? error.message : String(error)]);
    const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(0);
    if (differences.length > 0) {
      say(`FAILED in ${name}, after ${figures.kills} kills and ${seconds} s. Seed ${seed}. Kept: ${folder}`);
      for (const difference of differences) say(`  ${difference}`);
      return false;
    }
    say(
      `${name}: every reading is where it belongs (${figures.kills} of ${kills} kills, ${figures.rows} rows, ${seconds} s)`,
    );
    if (!keep) rmSync(folder, { recursive: true, force: true });
  }
  for (const line of describeFigures(figures, (performance.now() - startedAtMs) / 1_000)) say(line);
  const late = describeLate(figures);
  for (const line of late) say(`FAILED: ${line}`);
  if (!keep) rmSync(root, { recursive: true, force: true });
  return late.length === 0;
}

function hasS3(say: (line: string) => void): boolean {
  if (findS3Server("versitygw") !== null) return true;
  say("!!! no versitygw here: nothing is delivered to S3. Try: scripts/setup-servers !!!");
  return false;
}

const options = begin(readOptions, USAGE);
process.exit((await torture(options)) ? 0 : 1);
