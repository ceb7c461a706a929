import { expect, test } from "bun:test";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { parseMapping } from "../map/map-file.ts";
import { loadProfile, shippedProfiles } from "../profile/shipped.ts";
import { Normalizer } from "../row/normalize.ts";
import type { Message } from "./frames.ts";
import { isBlank, MessageRows } from "./message-rows.ts";

const NOW = Date.UTC(2026, 10, 30);

/** What each payload becomes: [sensor, temperature], or the reason why it is malformed. */
function rowsOf(payloads: readonly (string | Uint8Array)[], map: object, capacity = 10) {
  const catalogue = new SensorCatalogue();
  const mapping = parseMapping(JSON.stringify(map), "map.json", shippedProfiles());
  const normalizer = new Normalizer({ catalogue, profile: loadProfile("environmental"), mapping, maxLineBytes: 2_000 });
  const rows = new MessageRows(normalizer);
  const block = new ReadingBlock(capacity);
  const slot = catalogue.slotOf("temperature");
  payloads.forEach((payload, i) => {
    rows.context = { "@topic": `site/room-${i}/2026-01-01T00:00:00Z` };
    const bytes = Buffer.from(payload as string);
    rows.append(block, { payload: bytes, length: bytes.length } as Message, NOW);
  });
  return Array.from({ length: block.count }, (_, row) => {
    const bad = block.malformed.get(row);
    if (bad !== undefined) return bad.reason;
    return [catalogue.sensors[block.sensor[row] ?? -1]?.identity[0], block.measures[slot]?.[row]];
  });
}

const BY_TOPIC = {
  extract: { "@topic": "site/{room}/{when}" },
  fields: { room: "sensor_id", when: "timestamp", value: "temperature" },
  text_numbers: true,
};

test("numbers, numbers in quotes and texts are the record {value}, and the topic says whose they are", () => {
  expect(rowsOf(["21.5", '"22"', " 23 \n", "\ufeff24", "25\0", "warm"], BY_TOPIC)).toEqual([
    ["room-0", 21.5],
    ["room-1", 22],
    ["room-2", 23],
    ["room-3", 24],
    ["room-4", 25],
    "wrong_type",
  ]);
});

const line = (id: string, temperature: number) =>
  JSON.stringify({ sensor_id: id, timestamp: "2026-01-01T00:00:00Z", temperature });

test("an object is a reading, and each item of an array, also beyond the capacity of a block", () => {
  expect(rowsOf([line("a", 1), ` ${line("a", 2)}`], {})).toEqual([
    ["a", 1],
    ["a", 2],
  ]);
  expect(rowsOf([`[${line("a", 1)}, ${line("b", 2)},7]`], {}, 2)).toEqual([["a", 1], ["b", 2], "missing_field"]);
});

test("a SenML pack is read by the map", () => {
  const pack =
    '[{"bn":"urn:dev:1","bt":1767225600,"n":"temperature","u":"Cel","v":20},{"n":"temperature","t":5,"v":21}]';
  expect(
    rowsOf([pack], { each: "senml", fields: { bn: "sensor_id", t: "timestamp" }, timestamp: { format: "unix_s" } }),
  ).toEqual([
    ["urn:dev:1", 20],
    ["urn:dev:1", 21],
  ]);
});

test("what is no reading is kept as received: other bytes than UTF-8, broken JSON, too long, too many items", () => {
  expect(rowsOf([new Uint8Array([0x20, 0xff, 0xfe]), '{"a":', `{"a":"${"x".repeat(2_000)}"}`], {})).toEqual([
    "invalid_utf8",
    "not_json",
    "line_too_long",
  ]);
});

test("nothing but white space or NULs is an empty message", () => {
  expect(["", " \n", "\0", "0"].map((text) => isBlank(Buffer.from(text)))).toEqual([true, true, true, false]);
});
