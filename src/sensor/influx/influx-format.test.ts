/** Line protocol: examples of InfluxDB's and Telegraf's documentation, and what is not line protocol. */
import { expect, test } from "bun:test";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { loadProfile } from "../profile/shipped.ts";
import { Normalizer } from "../row/normalize.ts";
import { InfluxFormat } from "./influx-format.ts";
import { type Precision, readPoint } from "./line-protocol.ts";

const recordOf = (line: string, precision: Precision = "ns") => ({ ...readPoint(line, precision).record });

test("measurement, tags, fields and timestamp are one flat record", () => {
  expect(recordOf("weather,location=us-midwest,season=summer temperature=82.5,ok=t 1465839830100400200")).toEqual({
    temperature: 82.5,
    ok: true,
    measurement: "weather",
    timestamp: "2016-06-13T17:43:50.1004002Z",
    location: "us-midwest",
    season: "summer",
  });
  expect(recordOf("cpu,host=a usage=1i,host=2u 1700000000", "s")).toEqual({
    usage: 1,
    host: 2,
    measurement: "cpu",
    timestamp: "2023-11-14T22:13:20.000Z",
    host_1: "a",
  });
  expect(recordOf("a b=1")).toEqual({ b: 1, measurement: "a" });
});

test("precision says what a timestamp counts, before 1970 too", () => {
  for (const [precision, digits] of [
    ["ns", "-1500000000"],
    ["us", "-1500000"],
    ["ms", "-1500"],
  ] as const) {
    expect(recordOf(`a b=1 ${digits}`, precision)["timestamp"]).toBe("1969-12-31T23:59:58.500Z");
  }
  expect(recordOf("a b=1 1700000000123456789")["timestamp"]).toBe("2023-11-14T22:13:20.123456789Z");
});

test("escapes of names and of texts", () => {
  expect(recordOf(String.raw`my\ meas\,ure,tag\ key=a\=b\,c "f"="say \"hi\" \\ o\k, = x" 1`, "s")).toEqual({
    '"f"': String.raw`say "hi" \ o\k, = x`,
    measurement: "my meas,ure",
    timestamp: "1970-01-01T00:00:01.000Z",
    "tag key": "a=b,c",
  });
  expect(recordOf(String.raw`a,p=C:\dir\new v=1`)["p"]).toBe(String.raw`C:\dir\new`);
});

test("an integer keeps every digit, and every spelling of a number or boolean is read", () => {
  const { record, texts } = readPoint("a big=9223372036854775807i,x=+.5,y=1e3,z=-1.,n=F,u=18446744073709551615u", "ns");
  expect([...texts].slice(0, 6)).toEqual([
    ["big", "9223372036854775807"],
    ["x", "0.5"],
    ["y", "1e3"],
    ["z", "-1"],
    ["n", "false"],
    ["u", "18446744073709551615"],
  ]);
  expect([record["x"], record["y"], record["z"], record["n"]]).toEqual([0.5, 1_000, -1, false]);
});

test("a line that is not line protocol says what was expected where", () => {
  for (const [line, expected] of [
    ["weather", "a blank and then the fields was expected at character 8, the line ends"],
    ["weather,t= a=1", 'a name was expected at character 11, there is " a=1"'],
    ["weather,t a=1", 'a = behind the tag was expected at character 10, there is " a=1"'],
    ["weather a", "a = behind the field was expected at character 10, the line ends"],
    ["weather a=nope 1", 'a number, a text in quotes, true or false was expected at character 11, there is "nope 1"'],
    ['weather a="open', 'a closing quote was expected at character 11, there is "\\"open"'],
    [
      "weather a=1 noon",
      'an integer as the timestamp, and the end of the line was expected at character 13, there is "noon"',
    ],
    ['{"a":1}', "a blank and then the fields was expected at character 8, the line ends"],
  ]) {
    expect(() => readPoint(line as string, "ns")).toThrow(`the line is not line protocol: ${expected}`);
  }
});

test("lines become readings; a bad one is kept as it was received, comments and blank lines are none", () => {
  const catalogue = new SensorCatalogue();
  const normalizer = new Normalizer({ catalogue, profile: loadProfile("environmental") });
  const format = new InfluxFormat(normalizer, "s");
  format.push(
    Buffer.from("# a comment\n\nw,sensor_id=a temperature=21 1700000000\r\nw,sensor_id=a oops 1\nw temperature=1 1"),
  );
  format.end();
  const block = new ReadingBlock(10);
  format.read(block, 5);
  expect([block.count, format.done]).toEqual([3, true]);
  expect([...block.malformed.values()].map(({ reason, received }) => [reason, received])).toEqual([
    ["not_line_protocol", "w,sensor_id=a oops 1"],
    ["missing_field", "w temperature=1 1"],
  ]);
  expect(block.time[0]).toBe(1_700_000_000_000);
  expect(block.extra.get(0)).toBe('{"measurement":"w"}');
});
