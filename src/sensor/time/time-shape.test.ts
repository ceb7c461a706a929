import { expect, test } from "bun:test";
import { UsageError } from "../../core/errors.ts";
import { parseMapping } from "../map/map-file.ts";
import { loadProfile } from "../profile/shipped.ts";

const profile = loadProfile("environmental");

function problemsOf(map: object): string[] {
  try {
    parseMapping(JSON.stringify(map), "map.json", [profile]);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message
      .split("\n")
      .map((line) => line.replace(/^map\.json:\d+:\d+: timestamp\.?/, ""));
  }
}
const timeProblems = (timestamp: object) => problemsOf({ timestamp });

test("a format is a name, a pattern, or a list; what is none is refused with what was probably meant", () => {
  for (const format of ["iso", "unix", "unix_ns", "%d.%m.%Y", ["iso", "%d.%m.%Y", "unix_s"]])
    expect([format, timeProblems({ format })]).toEqual([format, []]);
  const known =
    "must be one of iso, YYYY-MM-DD HH:MM:SS, unix, unix_s, unix_ms, unix_us, unix_ns, julian_day, excel_day, " +
    "or a pattern such as %d/%m/%Y %H:%M:%S, not";
  expect(timeProblems({ format: "dd.MM.yyyy HH:mm" })).toEqual([
    `format: ${known} "dd.MM.yyyy HH:mm"; did you mean %d.%m.%Y %H:%M?`,
  ]);
  expect(timeProblems({ format: ["iso", "unix-ms", "%H:%M"] })).toEqual([
    `format[1]: ${known} "unix-ms"; did you mean unix_ms?`,
    'format[2]: has no whole date: %Y, %m, %d are missing; where the date is in another field, "from" names both',
  ]);
  expect(timeProblems({ format: [] })).toEqual(["format: must be a list of 1 to 20, not a list of 0"]);
});

test("names of zones are for %Z, and have offsets", () => {
  expect(timeProblems({ format: "%y%m%d%H%M%S%Z", zones: { S: "+02:00", W: "+0100", X: "UTC" } })).toEqual([]);
  expect(timeProblems({ format: "%d.%m.%Y", zones: { S: "+02:00" } })).toEqual([
    "zones: has names, and no format reads one: %Z is the name of a zone",
  ]);
  expect(timeProblems({ format: "%F %T %Z", zones: { "1": "+02:00", S: "CET" } })).toEqual([
    "zones.1: must be a name of letters, as timestamps have it",
    'zones.S: must be an offset from UTC such as +02:00, not "CET"',
  ]);
});

test("fields of a timestamp are named once, and their texts are joined", () => {
  expect(problemsOf({ timestamp: { from: ["Date", "Time"] }, only: "mapped", constants: { sensor_id: "a" } })).toEqual(
    [],
  );
  expect(
    problemsOf({
      fields: { ts: "timestamp", Time: "location" },
      timestamp: { format: "unix_s", from: ["Date", "Time", "Date"], missing: "now" },
      drop: ["Date"],
    }),
  ).toEqual([
    'map.json:1:17: fields.ts: leads to "timestamp", and so does timestamp.from',
    "format: is of numbers, and the texts of several fields are joined by a blank",
    'from: has "Date" twice',
    "from[0]: is in drop as well",
    "from[1]: is in fields as well",
    "from[2]: is in drop as well",
    'missing: must be one of arrival, not "now"',
  ]);
  expect(problemsOf({ timestamp: { missing: "arrival" }, only: "mapped", constants: { sensor_id: "a" } })).toEqual([]);
});
