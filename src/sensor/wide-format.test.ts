/** Joined records through the formats of streams: stopped anywhere and continued at `position`, each reading comes once. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { ReadingBlock } from "../core/reading.ts";
import { SensorCatalogue } from "../core/sensor.ts";
import { readingsOf } from "../testing/block-readings.ts";
import type { RecordFormat } from "./format.ts";
import { parseMapping } from "./map/map-file.ts";
import { SourceNormalizers } from "./normalizers.ts";
import { loadFormat } from "./open-format.ts";
import { loadProfile } from "./profile/shipped.ts";

const PROFILE = loadProfile("environmental");
const MAP = JSON.stringify({
  wide: { name: "q", value: "v", wait: "5s" },
  fields: { id: "sensor_id", t: "timestamp" },
});
const ROWS = fc.array(
  fc.record({
    id: fc.constantFrom("a", "b"),
    t: fc.integer({ min: 0, max: 6 }).map((second) => new Date(Date.UTC(2026, 0, 1) + second * 1_000).toISOString()),
    q: fc.constantFrom("temperature", "humidity", "pressure", "dust", "bad"),
    v: fc.integer({ min: 0, max: 99 }),
  }),
  { maxLength: 40 },
);

const FORMATS = {
  ndjson: (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join(""),
  csv: (rows: readonly object[]) => `id,t,q,v\n${rows.map((row) => `${Object.values(row).join(",")}\n`).join("")}`,
} as const;

for (const name of ["ndjson", "csv"] as const) {
  test(`${name}: any rows, with any stops`, async () => {
    const make = await loadFormat({ name, isDefault: false, csv: {} });
    const reader = (start: { position: number; state: string | null } | null, all: Buffer) => {
      const catalogue = new SensorCatalogue();
      const mapping = parseMapping(MAP, "map.json", [PROFILE]);
      const bytes = (from: number, to: number) => all.subarray(from, to);
      const normalizers = new SourceNormalizers({ catalogue, profile: PROFILE, mapping });
      return { catalogue, format: make(normalizers, start === null ? null : { ...start, bytes }) };
    };
    const shown = (block: ReadingBlock, catalogue: SensorCatalogue) =>
      readingsOf(block, catalogue).map((each) => JSON.stringify(each));
    fc.assert(
      fc.property(ROWS, fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 8 }), (rows, stops) => {
        const all = Buffer.from(FORMATS[name](rows));
        const whole = reader(null, all);
        whole.format.push(all);
        whole.format.end();
        const block = new ReadingBlock(1_000);
        whole.format.read(block, 0);
        expect(whole.format.done).toBe(true);
        const expected = shown(block, whole.catalogue);

        const taken: string[] = [];
        let at: { position: number; state: string | null } | null = null;
        for (const length of [...stops, all.length]) {
          const { catalogue, format }: { catalogue: SensorCatalogue; format: RecordFormat } = reader(at, all);
          const from: number = at?.position ?? 0;
          format.push(all.subarray(from, from + length));
          if (from + length >= all.length) format.end();
          const part = new ReadingBlock(1_000);
          format.read(part, 0);
          taken.push(...shown(part, catalogue));
          at = { position: format.position, state: format.state };
        }
        expect(taken).toEqual(expected);
      }),
    );
  });
}

test("a reading to which nothing is added for the time of `wait` is complete; so is one at the end of a pipe", async () => {
  const make = await loadFormat({ name: "ndjson", isDefault: false, csv: {} });
  const catalogue = new SensorCatalogue();
  const mapping = parseMapping(MAP, "map.json", [PROFILE]);
  const normalizers = new SourceNormalizers({ catalogue, profile: PROFILE, mapping });
  const row = (q: string, second: number) =>
    Buffer.from(`{"id":"a","t":"2026-01-01T00:00:0${second}Z","q":"${q}","v":1}\n`);
  const format = make(normalizers, null);
  const other = make(normalizers, null);
  const block = new ReadingBlock(10);
  format.push(row("temperature", 1));
  format.read(block, 1_000);
  // Rows of another stream are of other readings.
  other.push(row("humidity", 1));
  other.read(block, 2_000);
  expect([block.count, format.dueAtMs, format.position, other.dueAtMs]).toEqual([0, 6_000, 0, 7_000]);
  format.push(row("humidity", 1));
  format.read(block, 4_000);
  expect([block.count, format.dueAtMs]).toEqual([0, 9_000]);
  format.read(block, 9_000);
  expect([block.count, format.dueAtMs, format.position]).toEqual([
    1,
    null,
    row("temperature", 1).length + row("humidity", 1).length,
  ]);
  other.finish?.(block);
  expect([block.count, other.done]).toEqual([2, false]);
  other.end();
  other.read(block, 9_000);
  expect([block.count, other.done]).toEqual([2, true]);
});
