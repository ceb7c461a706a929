import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { StdinSource } from "../lines/stdin.ts";
import { loadProfile } from "../profile/shipped.ts";
import { Normalizer } from "../row/normalize.ts";
import type { Source } from "../source.ts";
import { SqliteTailSource } from "../sqlite/tail.ts";
import { parseMapping } from "./map-file.ts";
import { MappedNames } from "./mapped-names.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-names-"));
afterAll(() => rmSync(folder, { recursive: true }));

const profile = loadProfile("environmental");

/** A map, what it reported, and sources that read by it. */
function world(map: unknown) {
  const reported: string[] = [];
  const mapping = parseMapping(JSON.stringify(map), "map.json", [profile]);
  const names = new MappedNames(mapping, (line) => reported.push(line));
  const normalizer = () => new Normalizer({ catalogue: new SensorCatalogue(), profile, mapping, names });
  const stdin = (feed: AsyncIterable<Uint8Array>) => new StdinSource({ stream: feed, normalizer: normalizer() });
  const sqlite = (path: string) =>
    new SqliteTailSource({ uri: `sqlite:${path}?table=t`, normalizer: normalizer(), cursor: null });
  return { reported, stdin, sqlite };
}

/** Lines that a test pushes, one chunk at a time. */
class Feed implements AsyncIterable<Uint8Array> {
  readonly #waiting: ((result: IteratorResult<Uint8Array>) => void)[] = [];
  readonly #chunks: (Uint8Array | null)[] = [];

  push(rows: readonly unknown[] | null): void {
    this.#chunks.push(rows === null ? null : Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join("")));
    this.#settle();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () =>
        new Promise((resolve) => {
          this.#waiting.push(resolve);
          this.#settle();
        }),
    };
  }

  #settle(): void {
    while (this.#waiting.length > 0 && this.#chunks.length > 0) {
      const chunk = this.#chunks.shift()!;
      this.#waiting.shift()?.(chunk === null ? { done: true, value: undefined } : { done: false, value: chunk });
    }
  }
}

async function take(source: Source): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await new Promise(setImmediate);
    source.take(new ReadingBlock(1_000), 0);
  }
}

const row = (i: number, more: object = {}) => ({
  dev: "a",
  ts: new Date(i * 60_000).toISOString(),
  Temperature: 20 + (i % 7),
  humidity: 50,
  ...more,
});
const rows = (count: number, more: object = {}) => Array.from({ length: count }, (_, i) => row(i, more));
const MAP = { fields: { dev: "sensor_id", ts: "timestamp", Temprature: "temperature", Humidity: "humidity" } };
const MESSAGE =
  'No row has these names of the map: "Temprature" (did you mean Temperature?), "Humidity" (did you mean humidity?)';

test("names of a map that no row has are reported once, after 100 rows, with those that were probably meant", async () => {
  const { reported, stdin } = world(MAP);
  const feed = new Feed();
  const source = stdin(feed);
  feed.push(rows(99));
  await take(source);
  expect([reported, source.problems?.()]).toEqual([[], []]);
  feed.push(rows(1));
  await take(source);
  feed.push(rows(300));
  await take(source);
  expect(reported).toEqual([MESSAGE]);
  expect(source.problems?.()).toEqual([{ code: "map_names_unseen", message: MESSAGE, try: "agent tail --json" }]);
});

test("of several names for one field, rows need only have one; another one is reported where a name is near", async () => {
  const several = (name: string) => ({
    fields: { dev: "sensor_id", ts: "timestamp", Temperature: "temperature", [name]: "temperature" },
  });
  for (const [name, message] of [
    ["t_f", []],
    ["humidty", ['No row has these names of the map: "humidty" (did you mean humidity?)']],
  ] as const) {
    const { reported, stdin } = world(several(name));
    const feed = new Feed();
    const source = stdin(feed);
    feed.push(rows(100));
    await take(source);
    expect(reported).toEqual([...message]);
  }
});

test("at the end of the input a few rows are enough", async () => {
  const { reported, stdin } = world(MAP);
  const feed = new Feed();
  const source = stdin(feed);
  feed.push(rows(2));
  await take(source);
  expect(reported).toEqual([]);
  feed.push(null);
  await take(source);
  expect(reported).toEqual([MESSAGE]);
});

test("the problem is over when the name occurs, also with null, and in rows that are malformed", async () => {
  const { stdin } = world({ fields: { ...MAP.fields, Temprature: "temperature" } });
  const feed = new Feed();
  const source = stdin(feed);
  feed.push(rows(200));
  await take(source);
  feed.push([row(1, { Temprature: null })]);
  await take(source);
  expect(source.problems?.().map(({ message }) => message)).toEqual([
    'No row has these names of the map: "Humidity" (did you mean humidity?)',
  ]);
  feed.push([{ Humidity: 3 }]);
  await take(source);
  expect(source.problems?.()).toEqual([]);
});

test("without rows there is nothing to say; a map whose names occur is never a problem", async () => {
  const none = world(MAP);
  const feed = new Feed();
  const source = none.stdin(feed);
  feed.push(null);
  await take(source);
  expect([none.reported, source.problems?.()]).toEqual([[], []]);
  const good = world({ fields: { dev: "sensor_id", ts: "timestamp", Temperature: "temperature" } });
  const more = new Feed();
  const reads = good.stdin(more);
  more.push(rows(500));
  await take(reads);
  expect([good.reported, reads.problems?.()]).toEqual([[], []]);
});

test("a path that leads nowhere, and a name that hides one of ours, are called that", async () => {
  const { reported, stdin } = world({
    fields: {
      dev: "sensor_id",
      ts: "timestamp",
      "env.tmp": "temperature",
      "env.druck.hPa": "pressure",
      feuchte: "humidity",
    },
  });
  const feed = new Feed();
  feed.push([row(1, { env: { temp: 3, p: 1 } }), row(2, { env: { temp: 4, p: 2 } })]);
  feed.push(null);
  await take(stdin(feed));
  expect(reported).toEqual([
    'No row has these names of the map: "env.tmp" (did you mean env.temp?), "env.druck.hPa" (rows have "env", with other names in it), ' +
      '"feuchte" (rows have "humidity" itself, which is not read while another name leads to it)',
  ]);
});

test("a field to drop may be absent; only a name that is near to it is reported", async () => {
  const { reported, stdin } = world({
    fields: { dev: "sensor_id", ts: "timestamp", Temperature: "temperature" },
    drop: ["debug", "pasword"],
  });
  const feed = new Feed();
  feed.push([row(1, { password: "x" })]);
  feed.push(null);
  await take(stdin(feed));
  expect(reported).toEqual(['No row has these names of the map: "pasword" (did you mean password?)']);
});

test("one map may serve several sources: a name is reported when all of them have had rows", async () => {
  const { reported, stdin } = world({ fields: { dev: "sensor_id", ts: "timestamp", T: "temperature", H: "humidity" } });
  const [one, other] = [new Feed(), new Feed()];
  const sources = [stdin(one), stdin(other)];
  one.push(rows(200, { T: 1 }));
  for (const source of sources) await take(source);
  expect(reported).toEqual([]);
  other.push(rows(200, { H: 1 }));
  for (const source of sources) await take(source);
  expect(reported).toEqual([]);
  expect(sources.flatMap((source) => source.problems?.() ?? [])).toEqual([]);
});

test("of a SQLite table the columns are known at once, and a column that comes later ends the problem", () => {
  const path = join(folder, "field.db");
  const db = new Database(path, { create: true });
  db.run("CREATE TABLE t (dev TEXT, ts TEXT, temperatur REAL)");
  const { reported, sqlite } = world({ fields: { dev: "sensor_id", ts: "timestamp", temparatur: "temperature" } });
  const source = sqlite(path);
  source.take(new ReadingBlock(10), 0);
  expect(reported).toEqual(['No row has these names of the map: "temparatur" (did you mean temperatur?)']);
  expect(source.problems().length).toBe(1);
  db.run("ALTER TABLE t ADD COLUMN temparatur REAL");
  source.take(new ReadingBlock(10), 0);
  expect(source.problems()).toEqual([]);
  source.close();
  db.close();
});
