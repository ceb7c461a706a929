/** A database that another process writes, and a store: a folder, or S3 behind a bad line. */
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { seededRandom } from "../../src/core/random.ts";
import { type Faults, type FaultyProxy, startFaultyProxy } from "../../src/testing/faulty-proxy.ts";
import { startS3Server } from "../../src/testing/s3-server.ts";
import { dataDirOf, finish, lakeOf, type Place, startAgent } from "./agent-command.ts";
import { checkDelivered } from "./check-delivered.ts";
import { checkSource, Differences } from "./check-readings.ts";
import { checkVerdicts, writeRules } from "./check-verdicts.ts";
import { oneOf } from "./deaths.ts";
import { Events } from "./events.ts";
import type { Figures } from "./figures.ts";
import { BUCKET_PREFIX, objectsInFolder, objectsInS3, REGION, readLake, type Stored } from "./lake.ts";
import { killAgain } from "./lives.ts";
import { lookAtRemains } from "./remains.ts";
import type { SourceRow } from "./source-rows.ts";
import { WriterProcess } from "./writer-process.ts";

export type Leg = {
  readonly folder: string;
  readonly program: string;
  readonly seed: number;
  readonly kills: number;
  readonly rows: number;
  readonly figures: Figures;
};

/** The faults of the line change between lives. */
type Weather = "clear" | "mixed" | "silent" | "outage" | "cruel";
const WEATHER: Record<Weather, { readonly often: number; readonly faults: Faults }> = {
  clear: { often: 0.2, faults: {} },
  mixed: {
    often: 0.4,
    faults: { unavailable: 0.1, retryAfter: 0.01, reset: 0.08, timeout: 0.03, lostAnswer: 0.15, slow: 0.1 },
  },
  silent: { often: 0.1, faults: { timeout: 0.3 } },
  outage: { often: 0.1, faults: { unavailable: 0.6, reset: 0.4 } },
  cruel: { often: 0.2, faults: { lostAnswer: 0.6 } },
};
const OFTEN: Record<Weather, number> = {
  clear: WEATHER.clear.often,
  mixed: WEATHER.mixed.often,
  silent: WEATHER.silent.often,
  outage: WEATHER.outage.often,
  cruel: WEATHER.cruel.often,
};

export async function databaseToFolder(leg: Leg): Promise<readonly string[]> {
  const { folder, program } = leg;
  const rules = writeRules(folder);
  const place = { folder, program, source: sourceUri(folder), store: `dir:${lakeOf(folder)}`, env: {}, rules };
  const events = new Events(dataDirOf(folder), lakeOf(folder));
  return torture(leg, place, { events, longestMs: 300, weather: () => undefined }, () =>
    objectsInFolder(lakeOf(folder)),
  );
}

export async function databaseToS3(leg: Leg): Promise<readonly string[]> {
  const { folder, program, figures } = leg;
  const server = await startS3Server("versitygw", REGION);
  const line = await startFaultyProxy({ upstream: server.endpoint, seed: leg.seed, faults: {} });
  try {
    await server.createBuckets(BUCKET_PREFIX);
    const env = { ...server.env, AWS_ENDPOINT_URL_S3: line.url };
    const place = { folder, program, source: sourceUri(folder), store: "s3:", env, rules: writeRules(folder) };
    const events = new Events(dataDirOf(folder), null);
    line.onRequest = () => events.happened("put");
    const weather = (random: () => number | null) => changeWeather(line, random);
    return await torture(leg, place, { events, longestMs: 900, weather }, () =>
      objectsInS3(server.endpoint, server.env),
    );
  } finally {
    for (const [fault, count] of Object.entries(line.counts())) {
      figures.faults[fault] = (figures.faults[fault] ?? 0) + count;
    }
    figures.alreadyThere += line.statuses().get(412) ?? 0;
    await line.stop();
    await server.stop();
  }
}

/** With faults by chance, or (null) without faults from now on. */
function changeWeather(line: FaultyProxy, random: () => number | null): void {
  const drawn = random();
  line.setFaults(drawn === null ? {} : WEATHER[oneOf(() => drawn, OFTEN)].faults);
}

type Surroundings = {
  readonly events: Events;
  readonly longestMs: number;
  readonly weather: (random: () => number | null) => void;
};

async function torture(
  leg: Leg,
  place: Place,
  { events, longestMs, weather }: Surroundings,
  objects: () => AsyncIterable<Stored>,
): Promise<readonly string[]> {
  const { folder, seed, kills, rows, figures } = leg;
  const random = seededRandom(seed);
  const writer = new WriterProcess(databaseOf(folder), seed);
  try {
    const between = async (life: number) => {
      writer.allow(Math.min(rows, (rows * (life + 1)) / kills));
      if (random() < 0.02) await writer.killAndRestart();
      weather(random);
    };
    const afterDeath = () => {
      if (random() < 0.2) lookAtRemains(folder, figures);
    };
    const start = () => startAgent(place, random);
    await killAgain({ start, events, random, longestMs, figures, between, afterDeath, mayFinish: false }, kills);
    writer.allow(rows);
    await writer.finish();
  } finally {
    figures.writerKills += writer.kills;
    writer.stop();
    events.close();
  }
  weather(() => null);
  await finish(place, random);
  return await judge(leg, place, objects());
}

async function judge(leg: Leg, place: Place, objects: AsyncIterable<Stored>): Promise<readonly string[]> {
  const { folder, rows } = leg;
  const differences = new Differences();
  const lake = await readLake(objects);
  const source = sourceRows(folder);
  if (source.length < rows) differences.add(`the source has ${source.length} rows, not ${rows}: nothing was tested`);
  checkSource(source, lake, differences);
  checkVerdicts(lake, differences);
  await checkDelivered(leg, place, { lake, rows: source.length }, differences);
  return differences.list();
}

const databaseOf = (folder: string) => join(folder, "field.db");
const sourceUri = (folder: string) => `sqlite:${databaseOf(folder)}`;

/** The rows in the database now: the agent had to deliver them. */
function sourceRows(folder: string): readonly SourceRow[] {
  const db = new Database(databaseOf(folder), { readonly: true });
  // Made by source-writer.ts: a row has text, numbers and nulls only.
  const rows = db.query("SELECT * FROM sensor_readings ORDER BY id").all() as SourceRow[];
  db.close();
  return rows;
}
