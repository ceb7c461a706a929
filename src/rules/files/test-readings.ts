/** The readings of a rule's tests: single ones, and sequences in which some are repeated. */
import { about, either, made, named, nullable } from "../../core/outside/composed-shapes.ts";
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import { NO_LIMIT, number, shortText, text } from "../../core/outside/scalar-shapes.ts";
import {
  isObject,
  type JsonProblem,
  join,
  list,
  mustBe,
  object,
  refuse,
  report,
  type Shape,
} from "../../core/outside/shape.ts";
import { IDENTITY_COLUMNS, LIMITS, NUMERIC_IDENTITY } from "../../core/sensor.ts";
import { MEASURE_NAME } from "../field-names.ts";

/** The value of a field of a test's reading; a field that is not named is null. */
export type TestValue = string | number | null;
export type TestReading = ReadonlyMap<string, TestValue>;

/** In one test, with repetitions written out. */
export const SEQUENCE_MOST = 10_000;

const MEASURE_VALUE = nullable(number({ min: -NO_LIMIT, max: NO_LIMIT }));
const FLAG_EXPECTED = "0, 1 or null";

const FLAG: Shape<TestValue> = {
  expects: FLAG_EXPECTED,
  schema: { enum: [0, 1, null] },
  read: (value, path, problems) =>
    value === 0 || value === 1 || value === null ? value : refuse(problems, path, mustBe(FLAG_EXPECTED, value)),
};

const TIME_EXPECTED = 'a time in ISO 8601, such as "2026-11-23T08:00:00Z"';

const KNOWN: ReadonlyMap<string, Shape<TestValue>> = new Map<string, Shape<TestValue>>([
  ...IDENTITY_COLUMNS.map(
    (column) =>
      [column, NUMERIC_IDENTITY.has(column) ? MEASURE_VALUE : nullable(shortText(LIMITS.textLength))] as const,
  ),
  ["status_code", nullable(number({ min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER, whole: true }))],
  ["anomaly_flag", FLAG],
  ["anomaly_type", nullable(shortText(LIMITS.textLength))],
  [
    "timestamp",
    nullable(text(/^/, TIME_EXPECTED, (time) => (Number.isNaN(Date.parse(time)) ? mustBe(TIME_EXPECTED, time) : null))),
  ],
]);

/** The fields of a reading by name: those that every reading may have, and measures. */
const READING: Shape<TestReading> = named("reading", {
  expects: "an object",
  schema: {
    type: "object",
    description: "The fields that matter; a field that is not named is absent, and matches applies_to",
    propertyNames: { pattern: MEASURE_NAME.source },
    properties: Object.fromEntries(Array.from(KNOWN, ([name, { schema }]) => [name, schema])),
    additionalProperties: MEASURE_VALUE.schema,
  },
  read: (value, path, problems) => {
    if (!isObject(value)) return refuse(problems, path, mustBe("an object", value));
    const reading = new Map<string, TestValue>();
    for (const [name, each] of Object.entries(value)) {
      const read = readField(name, each, { path: join(path, name), problems });
      if (read !== undefined) reading.set(name, read);
    }
    return reading;
  },
});

type Place = { readonly path: string; readonly problems: JsonProblem[] };

function readField(name: string, value: unknown, { path, problems }: Place): TestValue | undefined {
  const known = KNOWN.get(name);
  if (known !== undefined) return known.read(value, path, problems);
  if (!MEASURE_NAME.test(name)) {
    report(problems, { path, what: "cannot be a field of a reading", of: "key" });
    return undefined;
  }
  if (value === null || typeof value === "number") return value;
  const hint = didYouMean(name, KNOWN.keys()) || "; a measure is a number";
  return refuse(problems, path, `${mustBe(MEASURE_VALUE.expects, value)}${hint}`);
}

/** Readings that come `times` times in a row. */
type Part = { readonly times: number; readonly readings: readonly TestReading[] };
/** Repetitions are written out only while a test runs: a short file can describe millions of readings. */
export type Sequence = { readonly parts: readonly Part[]; readonly count: number };

export function* readingsOf({ parts }: Sequence): Generator<TestReading> {
  for (const { times, readings } of parts) for (let time = 0; time < times; time++) yield* readings;
}

const once = made(READING, (reading): Part => ({ times: 1, readings: [reading] }));

/** `{"repeat": 30, "readings": [{"temperature": 20}]}` in the place of a reading. */
const REPETITION: Shape<Part> = named(
  "repetition",
  about(
    made(
      object({
        repeat: number({ min: 1, max: SEQUENCE_MOST, whole: true }),
        readings: list(READING, { least: 1, most: SEQUENCE_MOST }),
      }),
      ({ repeat, readings }): Part => ({ times: repeat, readings }),
    ),
    "Readings that come this many times",
  ),
);

const isRepetition = (value: unknown): boolean => isObject(value) && Object.values(value).some(Array.isArray);

export const ONE_READING: Shape<Sequence> = made(once, (part) => ({ parts: [part], count: 1 }));

export const SEQUENCE: Shape<Sequence> = made(
  list(either<Part, Part>(isRepetition, REPETITION, once), { least: 1, most: SEQUENCE_MOST }),
  (parts, { path, problems }) => {
    const count = parts.reduce((sum, { times, readings }) => sum + times * readings.length, 0);
    if (count <= SEQUENCE_MOST) return { parts, count };
    return refuse(problems, path, `has ${count} readings, at most ${SEQUENCE_MOST} are allowed`);
  },
);
