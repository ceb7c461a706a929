/** Whatever a map says, a row gives the same reading whether a template or the slow path reads it. */
import { expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import { cases } from "../../testing/needs.ts";
import { parseMapping } from "../map/map-file.ts";
import { shippedProfiles } from "../profile/shipped.ts";
import { readCsv } from "./read-csv.suite.ts";
import { CsvTemplates } from "./templates.ts";

const PROFILES = shippedProfiles();
const one = <T>(...values: readonly T[]) => fc.constantFrom(...values);

const NUMBERS = one(
  ...[
    "0",
    "-0",
    "1",
    "21.5",
    "21,5",
    "-999",
    "-999.0",
    "1e2",
    "1E+2",
    "0.1e-7",
    "1.10",
    "1e400",
    "1.234,5",
    "007",
    "+5",
  ],
  ...[
    ".5",
    "5.",
    "",
    " 1",
    "1 ",
    "NaN",
    "nan",
    "-inf",
    "NA",
    "n/a",
    "1 013",
    "9007199254740993",
    "0.30000000000000004",
  ],
  ...["21.5 °C", "200", '"3.5"', '"3,5"', '""', '" 4"', "1700000000", "--1", "1-2", "1,", "1.234", "-12,75"],
);
const TEXTS = one(
  ...[
    "",
    "x",
    "NA",
    "a b",
    " a",
    "spike",
    '"x"',
    '"a;b"',
    '"a""b"',
    '"a\nb"',
    'a"b',
    "größer",
    "back\\slash",
    "tab\tx",
  ],
  ...["#x", "'q'", "x".repeat(257), "1", "null", "\u0001"],
);
const TIMES = one(
  ...[
    "2026-11-23T08:00:00.000Z",
    "2026-11-23 08:00:00",
    '"2026-11-23T08:00:01Z"',
    "2026-10-25T02:30:00",
    "23.11.2026 08:00",
  ],
  ...[
    "2026-11-23T08:00:00.123456Z",
    " 2026-11-23 08:00:00",
    "2026-02-30T08:00:00Z",
    "1700000000",
    "1700000000.5",
    "1700000000,5",
  ],
  ...["1700000000123456789", "1970-01-01T00:00:00Z", "0", "", "NA", "2016-12-31T23:59:60Z", "2026-11-23"],
  ...["1970-01-01T00:00:10", "2026-11-23 24:00:00"],
);
const USUAL = {
  sensor_id: one("a", "b", "ü", '"c"', "7", ""),
  timestamp: TIMES,
  temperature: NUMBERS,
  humidity: NUMBERS,
  location: one("Hall", "Roof", "NA"),
  latitude: one("1.5", "1,5", ""),
  status_code: one("0", "200", "", "-0", "1.5", "x", "-999"),
  anomaly_flag: one("0", "1", "", "true", "2"),
  anomaly_type: TEXTS,
  note: TEXTS,
  more: TEXTS,
  rssi: NUMBERS,
} as const;
type Name = keyof typeof USUAL;
/** What most rows have. */
const GOOD: Record<Name, fc.Arbitrary<string>> = {
  sensor_id: one("a", "b"),
  timestamp: one("2026-11-23T08:00:00Z", "2026-11-23T08:00:05Z"),
  temperature: one("1", "25", "", "-999", "2"),
  humidity: one("40", "41", "200"),
  location: one("Hall"),
  latitude: one("1.5"),
  status_code: one("0", "200"),
  anomaly_flag: one("0", "1", ""),
  anomaly_type: one("", "spike"),
  note: one("x", "", "y z", "18.00", "25/10/2026"),
  more: one("", "z", "10/03/2004", "02:30:00.123456"),
  rssi: one("-70", "-71"),
};

/** What contradicts itself is no map. */
function isMap(map: object): boolean {
  try {
    parseMapping(JSON.stringify(map), "map.json", PROFILES);
    return true;
  } catch {
    return false;
  }
}

const anyMap = fc
  .record(
    {
      fields: one(
        {},
        { T: "temperature" },
        { temperature: { to: "temperature", unit: "°F" } },
        { temperature: { to: "temperature", scale: 1.8, offset: 32 }, rssi: "pressure" },
        {
          temperature: { to: "temperature", absent: [1, "x"] },
          humidity: { to: "humidity", words: { x: 5, "200": null } },
        },
        { rssi: { to: "pressure", decimal: "," } },
        { "@file": "sensor_id" },
        { "@head.Site": "location", "a.b": "humidity" },
      ),
      timestamp: one(
        {},
        {},
        {},
        { zone: "Europe/Brussels" },
        { format: "unix_s" },
        { from: ["more", "note"], format: ["%d/%m/%Y %H.%M", "iso"], missing: "arrival" },
        { from: ["timestamp", "more"] },
        { from: ["note", "more"], format: "%d/%m/%Y %H:%M:%S.%f", zone: "Europe/Brussels" },
        { format: ["iso", "unix", "%d.%m.%Y %H:%M"] },
        { format: "unix_ns" },
      ),
      constants: one({}, { location: "roof" }, { sensor_id: "room" }),
      drop: one<string[] | "rest">([], ["note"], ["note", "more", "latitude"], ["m*"], "rest"),
      absent: one<(string | number)[]>([], ["NA", -999, "nan"], [200, "spike", "1970-01-01T00:00:00Z"], ["21,5", 0]),
      decimal: one(".", ","),
      slow: one<object>(
        {},
        {},
        {},
        {},
        {},
        { where: { field: "note", exists: true } },
        { where: { field: "humidity", in: ["40", "41"] } },
        { compute: { pressure: "double(humidity) * 2.0" } },
      ),
      compose: one<object>(
        {},
        {},
        { sensor_id: "{@file}-{location}" },
        { location: "{@head.Site}/{note}" },
        { sensor_type: "{note}" },
      ),
      extract: one<object>({}, {}, { "@file": "{location}_{rest}" }, { note: "{serial_number} {b}" }),
    },
    { requiredKeys: [] },
  )
  .map(({ slow, ...map }) => ({ ...map, ...slow }))
  .filter((map) => isMap(map));

/** One of which most rows have a template. */
const plainMap = fc
  .record(
    {
      absent: one<(string | number)[]>([], ["NA", -999, "nan"], [200, "spike", "1970-01-01T00:00:00Z"]),
      drop: one<string[] | "rest">([], ["note"], "rest"),
      fields: one({}, { temperature: { to: "temperature", unit: "°F" } }, { "@file": "location" }),
      timestamp: one({}, { zone: "Europe/Brussels" }, { format: ["iso", "unix", "%d.%m.%Y %H:%M"] }),
    },
    { requiredKeys: [] },
  )
  .filter((map) => isMap(map));

const file = fc.subarray(Object.keys(USUAL) as Name[], { minLength: 5 }).chain((some) => {
  const names = [...new Set<Name>(["sensor_id", "timestamp", "temperature", ...some])];
  const good = fc.tuple(...names.map((name) => GOOD[name]));
  // One cell at a time is unusual: a row of many odd cells says nothing of each.
  const cells = fc
    .tuple(good, fc.nat(names.length * 2), fc.tuple(...names.map((name) => USUAL[name])))
    .map(([usual, odd, unusual]) => usual.map((value, at) => (at === odd ? (unusual[at] ?? value) : value)));
  const row = fc.tuple(cells, fc.nat(30)).map(([cells, cut]) => {
    return (cut === 1 ? cells.slice(1) : cut === 2 ? [...cells, ""] : cells).join(";");
  });
  const rows = fc.array(
    fc.oneof({ weight: 20, arbitrary: row }, { weight: 1, arbitrary: one("# a;b", "", names.join(";")) }),
    {
      minLength: 4,
      maxLength: 20,
    },
  );
  return fc
    .tuple(one("", "# Site: x\n"), rows)
    .map(([head, lines]) => `${head}${[names.join(";"), ...lines].join("\n")}\n`);
});

test("a row gives the same reading by a template as by the slow path, under any map", () => {
  let matched = 0;
  const read = CsvTemplates.prototype.read;
  const expectSame = (text: string, map: object, chunk: number) => {
    const context = { "@file": "site_7" } as const;
    const options = { map, chunk, context, capacity: 50, csv: { delimiter: ";" } };
    const counting = spyOn(CsvTemplates.prototype, "read").mockImplementation(function (this: CsvTemplates, ...args) {
      const isRead = read.apply(this, args);
      if (isRead) matched++;
      return isRead;
    });
    const fast = readCsv(text, options);
    counting.mockRestore();
    const slow = spyOn(CsvTemplates.prototype, "read").mockReturnValue(false);
    try {
      expect(fast.rows).toEqual([...readCsv(text, options).rows]);
    } finally {
      slow.mockRestore();
    }
  };
  fc.assert(fc.property(file, fc.oneof(plainMap, anyMap), one(7, 64, 10_000), expectSame), { numRuns: cases(500) });
  expect(matched).toBeGreaterThan(cases(500));
}, 300_000);
