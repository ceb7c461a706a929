/** Files that another process writes, rotates and packs; in the end every line is there once. */
import { join } from "node:path";
import { seededRandom } from "../../src/core/random.ts";
import { dataDirOf, finish, lakeOf, type Place, startAgent } from "./agent-command.ts";
import { checkDelivered } from "./check-delivered.ts";
import { Differences } from "./check-readings.ts";
import type { Leg } from "./database-leg.ts";
import { Events } from "./events.ts";
import { lineOf } from "./file-lines.ts";
import { type Lake, objectsInFolder, readLake } from "./lake.ts";
import { killAgain } from "./lives.ts";
import { lookAtRemains } from "./remains.ts";
import { WriterProcess } from "./writer-process.ts";

export async function filesToFolder(leg: Leg): Promise<readonly string[]> {
  const { folder, program, seed, kills, rows, figures } = leg;
  const random = seededRandom(seed);
  const source = "file:logs/*?poll=5ms";
  const place: Place = { folder, program, source, store: `dir:${lakeOf(folder)}`, env: {}, rules: [] };
  const events = new Events(dataDirOf(folder), lakeOf(folder));
  const writer = new WriterProcess(join(folder, "logs"), seed, "file-writer.ts");
  try {
    const between = async (life: number) => writer.allow(Math.min(rows, (rows * (life + 1)) / kills));
    const afterDeath = () => {
      if (random() < 0.2) lookAtRemains(folder, figures);
    };
    const start = () => startAgent(place, random);
    await killAgain({ start, events, random, longestMs: 300, figures, between, afterDeath, mayFinish: false }, kills);
    writer.allow(rows);
    await writer.finish();
  } finally {
    writer.stop();
    events.close();
  }
  await finish(place, random);
  const differences = new Differences();
  const lake = await readLake(objectsInFolder(lakeOf(folder)));
  checkLines(lake, rows, differences);
  await checkDelivered(leg, place, { lake, rows }, differences);
  return differences.list();
}

function checkLines(lake: Lake, rows: number, differences: Differences): void {
  const times = new Map<number, number>();
  for (const row of lake.raw) {
    const n = lineOf(row);
    times.set(n, (times.get(n) ?? 0) + 1);
    if (Number.isNaN(n)) differences.add(`a row is no line that was written: ${JSON.stringify(row).slice(0, 300)}`);
  }
  for (let n = 0; n < rows; n++) {
    const found = times.get(n) ?? 0;
    if (found !== 1) differences.add(`line ${n} is there ${found} times`);
  }
}
