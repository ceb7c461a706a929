import { expect, test } from "bun:test";
import { readLines } from "../../testing/mapped-lines.ts";

/** Which of these values of `x` are readings; a value of `undefined` is a record without `x`. */
function keptBy(test: object, values: readonly unknown[]): unknown[] {
  const map = {
    where: Object.assign({ field: "x" }, test),
    fields: { n: "status_code" },
    constants: { sensor_id: "a" },
  };
  const lines = values.map((x, n) => JSON.stringify({ timestamp: "2024-01-01T00:00:00Z", n, x }));
  const { readings, filtered } = readLines(map, lines);
  expect(readings.length + filtered).toBe(values.length);
  return readings.map(({ status_code }) => values[Number(status_code)]);
}

const ALL = ["a", "A", "1", 1, 1.5, 0, true, false, "TRUE", "", null, undefined, { y: 1 }, ["a"]] as const;

test("each condition keeps what it says, and its opposite all the rest", () => {
  const cases: [test: object, opposite: object, values: readonly unknown[]][] = [
    [{ equals: "a" }, { not_equals: "a" }, ["a"]],
    [{ equals: 1 }, { not_equals: 1 }, ["1", 1]],
    [{ equals: "1" }, { not_equals: "1" }, ["1", 1]],
    [{ equals: 0 }, { not_equals: 0 }, [0]],
    [{ equals: true }, { not_equals: true }, [true, "TRUE"]],
    [{ equals: "" }, { not_equals: "" }, [""]],
    [{ equals: null }, { not_equals: null }, [null, undefined]],
    [{ in: ["A", 1.5, null] }, { not_in: ["A", 1.5, null] }, ["A", 1.5, null, undefined]],
    [{ like: "?" }, { not_like: "?" }, ["a", "A", "1", 1, 0]],
    [{ like: ["a*", "*.5", "t*e"] }, { not_like: ["a*", "*.5", "t*e"] }, ["a", 1.5, true]],
    [{ exists: true }, { exists: false }, ALL.filter((value) => value != null)],
  ];
  for (const [test, opposite, values] of cases) {
    expect([test, keptBy(test, ALL)]).toEqual([test, [...values]]);
    expect([opposite, keptBy(opposite, ALL)]).toEqual([opposite, ALL.filter((value) => !values.includes(value))]);
  }
  expect(keptBy({ not_equals: "a", like: "?", exists: true }, ALL)).toEqual(["A", "1", 1, 0]);
  expect(keptBy({ like: "a\\*b" }, ["a*b", "axb"])).toEqual(["a*b"]);
});

test("a condition sees paths, what is known beside the record, and what was taken out of texts", () => {
  const map = {
    extract: { "@topic": "{site}/{kind}" },
    where: [
      { field: "kind", in: ["th", "co2"] },
      { field: "a.b[0]", exists: true },
      { field: "@topic", like: "north/*" },
    ],
    fields: { site: "sensor_id" },
  };
  const line = (more: string) => `{"timestamp":"2024-01-01T00:00:00Z"${more}}`;
  const count = (topic: string, more = ',"a":{"b":[1]}') => readLines(map, [line(more)], { "@topic": topic }).filtered;
  expect([count("north/th"), count("south/th"), count("north/door"), count("north/th", "")]).toEqual([0, 1, 1, 1]);
});

test("with each, a condition is asked of every reading, which sees the fields around it", () => {
  const map = {
    each: "v[]",
    where: [
      { field: "q", not_equals: false },
      { field: "on", equals: true },
    ],
    fields: { id: "sensor_id", at: "timestamp" },
  };
  const line =
    '{"at":"2024-01-01T00:00:00Z","on":true,"v":[{"id":"a","q":true},{"id":"b","q":false},{"id":"c"},{"id":"d","on":false}]}';
  const { readings, filtered } = readLines(map, [line]);
  expect([readings.map(({ sensor_id }) => sensor_id), filtered]).toEqual([["a", "c"], 2]);
});
