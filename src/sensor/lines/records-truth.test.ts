/** Whatever a map makes of records, a line gives the same rows and counts whether a template or JSON.parse reads it. */
import { expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../core/errors.ts";
import type { Profile } from "../../core/profile.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { readingsOf } from "../../testing/block-readings.ts";
import { cases } from "../../testing/needs.ts";
import type { RecordContext } from "../context.ts";
import { parseMapping } from "../map/map-file.ts";
import { Normalizer } from "../row/normalize.ts";
import { LineDecoder } from "./decoder.ts";
import { LineSplitter } from "./splitter.ts";
import { LineTemplate } from "./template.ts";
import { LineTemplates } from "./templates.ts";

const measure = (name: string, unit: string) => ({ name, unit, plausible: [0, 1] as const });
const PROFILE: Profile = {
  name: "environmental",
  description: "",
  measures: [measure("temperature", "°C"), measure("humidity", "%RH"), measure("voltage", "V")],
};
const TURBINE: Profile = { name: "wind-turbine", description: "", measures: [measure("rpm", "rpm")] };

type Sent = { readonly line: string; readonly context: RecordContext };

/** Many maps contradict themselves. */
function isTaken(map: unknown): boolean {
  try {
    parseMapping(JSON.stringify(map), "map.json", [PROFILE, TURBINE]);
    return true;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}

/** All that a block says of the lines; `fast`: by templates where they match. */
function resultOf(sent: readonly Sent[], map: unknown, fast: boolean): unknown {
  const catalogue = new SensorCatalogue();
  const mapping = parseMapping(JSON.stringify(map), "map.json", [PROFILE, TURBINE]);
  const normalizer = new Normalizer({ catalogue, profile: PROFILE, profiles: [TURBINE], mapping });
  const splitter = new LineSplitter(1 << 20);
  const block = new ReadingBlock(sent.length);
  const decoder = new LineDecoder(normalizer);
  const spy = fast ? null : spyOn(LineTemplates.prototype, "mayLearn").mockReturnValue(false);
  for (const { line, context } of sent) {
    splitter.push(Buffer.from(`${line}\n`));
    while (splitter.next()) {
      decoder.context = context;
      block.makeRoom(1);
      decoder.decode(block, splitter, Date.UTC(2026, 0, 1));
    }
  }
  spy?.mockRestore();
  const flaws = [...block.flaws.values()].map(({ reason, field, detail, count }) => ({ reason, field, detail, count }));
  return { rows: readingsOf(block, catalogue), flaws, textLength: block.textLength };
}

/** Lines that a template read, by what their maps do. */
const matched = new Map<string, number>();

function expectSame(sent: readonly Sent[], map: object): void {
  if (!isTaken(map)) return;
  const match = LineTemplate.prototype.match;
  const spy = spyOn(LineTemplate.prototype, "match").mockImplementation(function (this: LineTemplate, ...args) {
    const found = match.apply(this, args);
    if (found) for (const key of Object.keys(map)) matched.set(key, (matched.get(key) ?? 0) + 1);
    return found;
  });
  try {
    const fast = resultOf(sent, map, true);
    spy.mockRestore();
    expect(fast).toEqual(resultOf(sent, map, false));
  } finally {
    spy.mockRestore();
  }
}

const one = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const NUMBER = one("0", "-0", "21.5", "-999", "1e2", "1.10", "1e400", "9007199254740993", "null", "40");
const TEXT = one('"a"', '"b"', '"Plant.T"', '"Plant.H"', '"ö"', '"\\u0061"', '""', '"NA"', "7", "null");
const TIME = one(
  ...['"2026-11-23T08:00:00Z"', '"2026-11-23T08:00:05.123456Z"', '"2026-10-25 02:30:00"', '"x"', "null"],
  ...["1700000000", "1700000000123", "1700000000.1234567", "5", '"1700000000"'],
);
const FLAG = one("true", "false", "0", "1", "null", '"ON"', '"OFF"');
const UNIT = one('"°C"', '"°F"', '"Cel"', '"K"', '"V"', "null");
const ANY = one("[]", "{}", '{"v":1}', "[1,2]", '"x"', "3", "nan", "x");
/** Mostly what it is for: `good` is what a device sends nearly always. */
const slot = (good: fc.Arbitrary<string>, odd: fc.Arbitrary<string>) =>
  fc.oneof({ weight: 40, arbitrary: good }, { weight: 2, arbitrary: odd }, { weight: 1, arbitrary: ANY });
const SLOTS = {
  N: slot(one("1", "2.5", "-3.75", "21.0"), NUMBER),
  S: slot(one('"a"', '"a"', '"a"', '"b"'), TEXT),
  D: slot(one('"Plant.T"', '"Plant.H"'), TEXT),
  T: slot(one('"2026-11-23T08:00:00Z"', '"2026-11-23T08:00:01Z"'), TIME),
  U: slot(one("1700000000", "1700000060"), TIME),
  B: slot(one("true", "true", "false"), FLAG),
  C: slot(one('"°C"', '"Cel"'), UNIT),
} as const;

type Asking = { readonly field: string; readonly test: object };
type Device = {
  readonly forms: readonly string[];
  readonly each: readonly unknown[];
  /** What a map may ask for. */
  readonly paths: readonly string[];
  readonly time: string;
};

/** What devices send, a slot where a value is. Two forms are two lengths of an array, or two firmwares. */
const DEVICES: readonly Device[] = [
  {
    forms: [
      '{"id":<S>,"ts":<T>,"data":{"t":<N>,"h":<N>,"st":{"on":<B>,"code":<N>}},"note":<S>,"unit":<C>}',
      '{"id":<S>, "ts":<T>, "data":{ "t":<N>, "st":{"on":<B>}}, "ö":[<N>,{"a":<S>}]}',
    ],
    each: [undefined, "data.*", "data.st.*"],
    paths: ["data.t", "data.h", "data.st.code", "data.st.on", "data", "note", "id", "t", "ö[0]", "ö[1].a"],
    time: "ts",
  },
  {
    forms: [
      '{"Time":<T>,"AM2301":{"Temperature":<N>,"Humidity":<N>,"Id":<S>},"DS18B20-1":{"Id":<S>,"Temperature":<N>},"TempUnit":<C>}',
      '{"Time":<T>,"DS18B20-1":{"Temperature":<N>},"TempUnit":<C>,"7":<N>}',
    ],
    each: [undefined, "*", "AM*", "DS18B20-*"],
    paths: ["AM2301.Temperature", "AM2301.Humidity", "Temperature", "Humidity", "Id", "DS18B20-1.Temperature", "7"],
    time: "Time",
  },
  {
    forms: [
      '{"gw":<S>,"ts":<T>,"values":[{"id":<D>,"v":<N>,"q":<B>,"unit":<C>},{"id":<D>,"v":<N>,"q":<B>,"unit":<C>}],"rssi":<N>}',
      '{"gw":<S>,"ts":<T>,"values":[{"id":<D>,"v":<N>,"q":<B>}],"rssi":<N>}',
      '{"gw":<S>,"ts":<T>,"values":[{"id":<D>,"v":<N>,"ts":<T>},{"id":<D>,"v":null},<N>],"rssi":<N>,"id":<S>}',
    ],
    each: ["values[]", undefined],
    paths: ["id", "v", "q", "gw", "values[0].v", "values[1].v", "rssi", "values", "value"],
    time: "ts",
  },
  {
    forms: [
      '[{"id":<S>,"ts":<T>,"v":<N>},{"id":<S>,"ts":<T>,"v":<N>,"more":{"x":<N>}}]',
      '[{"id":<S>,"ts":<T>,"v":<N>}]',
      "[<N>,<N>]",
    ],
    each: ["[]"],
    paths: ["id", "v", "more.x", "more", "value"],
    time: "ts",
  },
  {
    forms: [
      '{"devices":[{"id":<S>,"channels":[{"n":<S>,"v":<N>},{"n":<S>,"v":<N>}],"x":{"y":<N>}},{"id":<S>,"channels":[{"n":<S>,"v":<N>}]}],"ts":<T>}',
      '{"devices":[{"id":<S>,"channels":[]}],"ts":<T>}',
    ],
    each: ["devices[].channels[]", "devices[]", ["devices[].channels[]", "devices[]"]],
    paths: ["id", "n", "v", "x.y", "x", "channels[0].v"],
    time: "ts",
  },
  {
    forms: [
      '[{"bn":<S>,"bt":<U>,"n":"t","u":<C>,"v":<N>},{"n":"h","u":"%RH","v":<N>},{"n":"on","vb":<B>,"x":<N>}]',
      '[{"bn":"a","n":"v","t":<U>,"v":<N>,"u":<C>}]',
      '[{"bn":"a","bt":<U>,"bv":<N>,"n":"v","v":<N>},{"n":"v","t":<N>,"v":<N>,"s":<N>}]',
    ],
    each: ["senml"],
    paths: ["v", "t_", "h", "on", "bn", "u", "u.v"],
    time: "t",
  },
];
const OURS = [
  "temperature",
  "humidity",
  "voltage",
  "rpm",
  "location",
  "status_code",
  "anomaly_flag",
  "latitude",
  "model",
] as const;
const CONTEXTS: readonly RecordContext[] = [{}, { "@topic": "tele/a/SENSOR" }, { "@topic": "tele/b/SENSOR" }];

/** Any map for a device that `parseMapping` takes; what contradicts itself is left out. */
const streamOf = (device: Device) => {
  const path = one<string>(...device.paths);
  const how = one(
    ...[
      {},
      {},
      {},
      { unit: "°F" },
      { scale: 2 },
      { words: { ON: 1, OFF: 0 } },
      { unit_from: "unit" },
      { absent: [-999] },
    ],
  );
  const condition: fc.Arbitrary<Asking> = fc.record({
    field: fc.oneof(path, one("@topic", "quantity", "@key")),
    test: one(
      { exists: true },
      { exists: true },
      { exists: false },
      { equals: true },
      { not_equals: "b" },
      { in: [1, 2.5] },
      { like: "P*" },
      { not_like: ["x", "y*"] },
    ),
  });
  const map = fc.record({
    each: one(...device.each),
    fields: fc.uniqueArray(fc.tuple(path, one(...OURS), how), { selector: ([name]) => name, maxLength: 4 }),
    where: fc.oneof(
      { weight: 2, arbitrary: fc.constant<Asking[]>([]) },
      fc.array(condition, { minLength: 1, maxLength: 2 }),
    ),
    extract: fc.subarray(["@topic", "id", "n"] as const, { maxLength: 1 }),
    id: one("constant", "{@topic[1]}", "{id}", "{@key}", "{n}-{id}", "{quantity}", "field", "context"),
    drop: fc.oneof(fc.subarray(["note", "x.y", "q", "data.st", "un*", "[0]"]), one("rest" as const)),
    only: fc.boolean(),
    absent: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.subarray(["NA", -999, "a", 1])),
    text_numbers: fc.boolean(),
    format: one<unknown>(undefined, undefined, "unix", ["iso", "unix_ms"]),
    zone: one(undefined, "Europe/Brussels"),
  });
  const made = map.map(({ each, fields, where, extract, id, drop, only, format, zone, ...rest }) => {
    const senml = each === "senml";
    const all: Record<string, unknown> = { [device.time]: "timestamp" };
    if (id === "field") all[senml ? "bn" : "id"] = "sensor_id";
    if (id === "context") all["@topic[1]"] = "sensor_id";
    for (const [name, to, conversion] of fields) {
      const isMeasure = ["temperature", "humidity", "voltage", "rpm"].includes(to);
      const fits = isMeasure && !(to !== "temperature" && "unit" in conversion);
      if (all[name] === undefined) all[name] = fits ? { to, ...conversion } : to;
    }
    const composed = id.startsWith("{") ? { compose: { sensor_id: id } } : {};
    const constants = id === "constant" ? { constants: { sensor_id: "room" } } : {};
    const hasId = id === "field" || id === "context" || id === "constant";
    return {
      fields: all,
      ...(each !== undefined && { each }),
      ...(where.length > 0 && { where: where.map(({ field, test }) => ({ field, ...test })) }),
      ...(extract.length > 0 && {
        extract: Object.fromEntries(
          extract.map((name) => [name, name === "@topic" ? "tele/{device}/SENSOR" : "{plant}.{quantity}"]),
        ),
      }),
      ...composed,
      ...constants,
      ...(drop.length > 0 && { drop: drop === "rest" ? drop : drop.filter((name) => all[name] === undefined) }),
      ...(only && hasId && { only: "mapped" }),
      timestamp: { format: senml ? "unix_s" : (format ?? "iso"), ...(zone !== undefined && { zone }) },
      ...rest,
    };
  });
  const filled = one<string>(...device.forms).chain((form) => {
    const parts = form.split(/<(.)>/);
    const values = parts.map((part, i) => (i % 2 === 0 ? fc.constant(part) : SLOTS[part as keyof typeof SLOTS]));
    return fc.tuple(...values).map((all) => all.join(""));
  });
  const sent = fc.record({
    line: filled,
    context: fc.oneof({ weight: 3, arbitrary: one(CONTEXTS[1] ?? {}) }, one(...CONTEXTS)),
  });
  return fc.tuple(made, fc.array(sent, { minLength: 2, maxLength: 14 }));
};

test("a record gives the same rows and the same counts by a template as by JSON.parse, under any map", () => {
  matched.clear();
  const stream = one(...DEVICES).chain(streamOf);
  fc.assert(
    fc.property(stream, ([map, sent]) => expectSame(sent, map)),
    { numRuns: cases(600, 120) },
  );
  const counts = ["each", "fields", "where", "extract", "compose", "constants"].map((key) => matched.get(key) ?? 0);
  expect(Math.min(...counts)).toBeGreaterThan(cases(600, 0) / 120 - 1);
}, 300_000);
