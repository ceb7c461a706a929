/** The example of docs/sources.md for `sqlite:`: the recorder of Home Assistant, by its query and by the map of docs/mapping.md. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { readingsOf } from "../../testing/block-readings.ts";
import { parseMapping } from "../map/map-file.ts";
import { SourceNormalizers } from "../normalizers.ts";
import { loadProfile } from "../profile/shipped.ts";
import { SqliteTailSource } from "./tail.ts";

const dir = mkdtempSync(join(tmpdir(), "sqlite-manual-"));
afterAll(() => rmSync(dir, { recursive: true }));
const page = (name: string) => readFileSync(join(import.meta.dir, "../../../docs", name), "utf8");

/** As the recorder has it since 2023: names apart from values, values as text, times as seconds. */
function recorder(): string {
  const path = join(dir, "home-assistant_v2.db");
  const db = new Database(path);
  db.run("CREATE TABLE states_meta (metadata_id INTEGER PRIMARY KEY, entity_id VARCHAR(255))");
  db.run(
    "CREATE TABLE states (state_id INTEGER PRIMARY KEY, entity_id CHAR(0), state VARCHAR(255), last_updated_ts FLOAT, metadata_id INTEGER, context_id_bin BLOB)",
  );
  db.run(
    "INSERT INTO states_meta VALUES (1, 'sensor.kitchen_temperature'), (2, 'sensor.kitchen_humidity'), (3, 'light.x'), (4, 'sensor.living_room_temperature')",
  );
  db.run(`INSERT INTO states (state, last_updated_ts, metadata_id, context_id_bin) VALUES
    ('21.5', 1704067200.123456, 1, x'018f'), ('45', 1704067203.2, 2, NULL), ('on', 1704067204.2, 3, NULL),
    ('19', 1704067204.4, 4, NULL), ('unavailable', 1704067261.2, 1, NULL), ('unknown', 1704067261.2, 2, NULL),
    ('21.7', 1704067320.9, 1, NULL)`);
  db.close();
  return path;
}

test("a recorder of Home Assistant is read as the manual says", () => {
  const [, uri = ""] = /--source '(sqlite:home-assistant_v2\.db[^']*)'/.exec(page("sources.md")) ?? [];
  const [, map = ""] = /```json map\n([^`]*"wide"[^`]*)```/.exec(page("mapping.md")) ?? [];
  const profile = loadProfile("environmental");
  const catalogue = new SensorCatalogue();
  const mapping = parseMapping(map, "home.json", [profile]);
  const normalizers = new SourceNormalizers({ catalogue, profile, mapping });
  const source = new SqliteTailSource({
    uri: uri.replace("home-assistant_v2.db", recorder()),
    normalizer: normalizers.typed,
    joiner: normalizers.forStream().typed,
    cursor: null,
    once: true,
  });
  const block = new ReadingBlock(100);
  while (source.take(block, 0).state === "more") {}
  const shown = readingsOf(block, catalogue).map(({ identity, time, measures }) => {
    const values = measures.flatMap(([name, value]) =>
      Number.isNaN(Number(value ?? Number.NaN)) ? [] : [`${name} ${value}`],
    );
    return [identity[0], new Date(time ?? 0).toISOString(), ...values];
  });
  expect(shown).toEqual([
    ["kitchen", "2024-01-01T00:00:00.123Z", "temperature 21.5", "humidity 45"],
    ["living_room", "2024-01-01T00:00:04.400Z", "temperature 19"],
    ["kitchen", "2024-01-01T00:01:01.200Z"],
    ["kitchen", "2024-01-01T00:02:00.900Z", "temperature 21.7"],
  ]);
  expect(block.flaws.get("filtered ")?.count).toBe(1);
});
