/** Whatever a record and a map are: as many readings as a plain model says, and every value of the record is in one of them. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { readLines } from "../../testing/mapped-lines.ts";
import { cases } from "../../testing/needs.ts";

type Json = number | string | Json[] | { [name: string]: Json };
type JsonObject = { [name: string]: Json };

const some = <T>(...values: readonly T[]) => fc.constantFrom(...values);

/** A number that is nowhere else is put in the place of each leaf. */
const LEAF = 0;
const leaves = fc.dictionary(some("l1", "l2", "l3", "x.y", "gr\u00f6\u00dfe"), fc.constant<Json>(LEAF), { maxKeys: 3 });
const numbers = fc.array(fc.constant<Json>(LEAF), { minLength: 1, maxLength: 3 });
/** Names of objects, arrays and numbers are never the same, so that no path leads to another kind. */
const inner = fc
  .record(
    { o1: leaves, o2: fc.record({ o3: leaves, a1: numbers }, { requiredKeys: [] }), a1: numbers },
    { requiredKeys: [] },
  )
  .chain((nested) => leaves.map((flat): JsonObject => ({ ...flat, ...nested }) as JsonObject));
const identity = fc.record({ id: some("id-1", "id-2"), keep: some(0, 1) }, { requiredKeys: [] });
const item = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(inner, identity).map(([a, b]): Json => Object.assign({}, a, b)) },
  { weight: 1, arbitrary: fc.constant<Json>(LEAF) },
  { weight: 1, arbitrary: numbers as fc.Arbitrary<Json> },
);

const anyCase = fc.record({
  around: fc.tuple(inner, identity).map(([a, b]): JsonObject => Object.assign({}, a, b)),
  items: fc.array(item, { maxLength: 5 }),
  each: some("list[]", "s.*", "o2.list[]", null),
  paths: fc.uniqueArray(
    some(
      "l1",
      "o1.l1",
      "o1.l2",
      "o2.o3.l1",
      "o2.a1[0]",
      "a1[1]",
      "a1[0]",
      "x.y",
      "o1.x\\.y",
      "[0]",
      "value",
      "o1.none",
    ),
    { maxLength: 4 },
  ),
  composed: fc.boolean(),
  extracted: fc.boolean(),
});

/** Numbers in place of the leaves: 700001, 700002, … */
function numbered(value: Json, next: () => number): Json {
  if (value === LEAF) return next();
  if (Array.isArray(value)) return value.map((each) => numbered(each, next));
  if (typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, isOwn(name) ? each : numbered(each, next)]),
  );
}

const isOwn = (name: string) => name === "id" || name === "keep";

function leavesOf(value: Json): number[] {
  if (typeof value === "number") return value > 1 ? [value] : [];
  return typeof value === "object" ? Object.values(value).flatMap(leavesOf) : [];
}

const ours = ["temperature", "humidity", "pressure", "voltage"];

test("every record gives as many readings as a plain model says, and none of its values vanishes or is in two of them", () => {
  let readingsSeen = 0;
  fc.assert(
    fc.property(anyCase, ({ around, items: given, each, paths, composed, extracted }) => {
      let number = 700_000;
      const outer = numbered(around, () => ++number) as JsonObject;
      // Only objects are readings among the members of an object.
      const kinds = each === "s.*" ? given.filter((one) => typeof one === "object" && !Array.isArray(one)) : given;
      const items = kinds.map((one) => numbered(one, () => ++number));
      const record: JsonObject = { at: "2024-01-01T00:00:00Z" };
      Object.assign(record, structuredClone(outer));
      if (each === "list[]") record["list"] = items;
      else if (each === "s.*") record["s"] = Object.fromEntries(items.map((one, i) => [`k${i}`, one]));
      else if (each !== null)
        record["o2"] = Object.assign({ list: items }, record["o2"] as JsonObject | undefined) as JsonObject;
      const map = {
        ...(each !== null && { each }),
        where: { field: "keep", equals: 1 },
        fields: Object.fromEntries([["at", "timestamp"], ...paths.map((path, i) => [path, ours[i]])]),
        ...(composed
          ? { compose: { sensor_id: "{id}/{at}" } }
          : { extract: extracted ? { id: "id-{sensor_id}" } : {} }),
      };
      if (!composed && !extracted) Object.assign(map.fields, { id: "sensor_id" });
      const candidates: Json[] = each === null ? [{}] : items;
      const model = candidates.map((one) => {
        const own: JsonObject = typeof one === "object" && !Array.isArray(one) ? one : {};
        const isWanted = (own["keep"] ?? outer["keep"]) === 1;
        return { one, isWanted, isReading: isWanted && (own["id"] ?? outer["id"]) !== undefined };
      });
      const readings = model.filter(({ isReading }) => isReading).length;
      const bad = model.filter(({ isWanted, isReading }) => isWanted && !isReading).length;
      const expected = {
        readings,
        malformed: readings === 0 ? Math.min(bad, 1) : bad,
        filtered: model.length === 0 ? 1 : model.length - readings - bad,
      };
      const found = readLines(map, [JSON.stringify(record)]);
      const isMalformed = (row: Record<string, unknown>) => row["malformed"] !== undefined;
      expect({
        readings: found.readings.filter((row) => !isMalformed(row)).length,
        malformed: found.readings.filter(isMalformed).length,
        filtered: found.filtered,
      }).toEqual(expected);
      readingsSeen += readings;
      const rows = found.readings.map((row) => JSON.stringify(row));
      const rowsWith = (leaf: number) => rows.filter((row) => row.includes(String(leaf))).length;
      for (const { one, isWanted } of model) {
        for (const leaf of isWanted ? leavesOf(one) : []) expect([leaf, rowsWith(leaf)]).toEqual([leaf, 1]);
      }
      // What is around the readings is with each of them.
      const wanted = readings > 0 ? readings : bad > 0 ? 1 : 0;
      for (const leaf of leavesOf(outer)) expect([leaf, rowsWith(leaf)]).toEqual([leaf, wanted]);
    }),
    { numRuns: cases(1_500) },
  );
  expect(readingsSeen).toBeGreaterThan(cases(200));
});
