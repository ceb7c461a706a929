/** The simulator as a source: killed at random, in the end exactly the rows of a run without kills. */
import { join } from "node:path";
import { seededRandom } from "../../src/core/random.ts";
import { dataDirOf, finish, lakeOf, type Place, startAgent } from "./agent-command.ts";
import { checkDelivered } from "./check-delivered.ts";
import { checkAgainstReference, Differences } from "./check-readings.ts";
import type { Leg } from "./database-leg.ts";
import { Events } from "./events.ts";
import { objectsInFolder, readLake } from "./lake.ts";
import { killAgain } from "./lives.ts";
import { lookAtRemains } from "./remains.ts";

/** May end before all kills were done, when the simulation has ended; `leg.figures.kills` has the number. */
export async function simulatorToFolder(leg: Leg): Promise<readonly string[]> {
  const { folder, seed, rows, figures } = leg;
  const random = seededRandom(seed);
  const source = `simulator:?count=${rows}&rate=max&sensors=7&seed=${seed}&anomaly=0.05&faults=0.05&start=2026-01-05T21:30:00Z`;
  const place = placeOf(leg, folder, source);
  const events = new Events(dataDirOf(folder), lakeOf(folder));
  const afterDeath = () => {
    if (random() < 0.2) lookAtRemains(folder, figures);
  };
  const start = () => startAgent(place, random);
  const between = async () => undefined;
  try {
    await killAgain(
      { start, events, random, longestMs: 250, figures, between, afterDeath, mayFinish: true },
      leg.kills,
    );
  } finally {
    events.close();
  }
  await finish(place, random);
  const undisturbed = join(folder, "undisturbed");
  const reference = placeOf(leg, undisturbed, source);
  new Events(dataDirOf(undisturbed), null).close();
  await finish(reference, () => 0.99);
  return await judge(leg, place, undisturbed);
}

function placeOf(leg: Leg, folder: string, source: string): Place {
  // Small commits, or a single life would take it all.
  const env = { AGENT_COMMIT_ROWS: "10" };
  return { folder, program: leg.program, source, store: `dir:${lakeOf(folder)}`, env, rules: [] };
}

async function judge(leg: Leg, place: Place, undisturbed: string): Promise<readonly string[]> {
  const { folder, rows } = leg;
  const differences = new Differences();
  const lake = await readLake(objectsInFolder(lakeOf(folder)));
  if (lake.raw.length !== rows) differences.add(`raw has ${lake.raw.length} rows, not ${rows}`);
  checkAgainstReference(lake, await readLake(objectsInFolder(lakeOf(undisturbed))), differences);
  await checkDelivered(leg, place, { lake, rows }, differences);
  return differences.list();
}
