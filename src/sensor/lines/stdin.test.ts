import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { TransientError } from "../../core/errors.ts";
import type { Profile } from "../../core/profile.ts";
import { BLOCK_TEXT_LENGTH, MALFORMED_KEPT_BYTES, ReadingBlock } from "../../core/reading.ts";
import { LIMITS, SensorCatalogue } from "../../core/sensor.ts";
import { cases, testWith } from "../../testing/needs.ts";
import { loadMapping } from "../map/map-file.ts";
import { loadProfile } from "../profile/shipped.ts";
import { NO_MAPPING } from "../row/fields.ts";
import { LINE_BYTES, Normalizer } from "../row/normalize.ts";
import { StdinSource } from "./stdin.ts";

const longTest = testWith("time");

const PROFILE: Profile = {
  name: "environmental",
  description: "",
  measures: [{ name: "temperature", unit: "°C", plausible: [-20, 60] }],
};
const TIME = "2026-11-23T08:00:00.000Z";
const good = `{"sensor_id":"a","timestamp":"${TIME}","temperature":21.5}`;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function* chunksOf(chunks: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

type Drained = { readonly block: ReadingBlock; readonly catalogue: SensorCatalogue };

async function drain(
  stream: AsyncIterable<Uint8Array>,
  options: { profile?: Profile; maxLineBytes?: number; catalogue?: SensorCatalogue; mapping?: typeof NO_MAPPING } = {},
): Promise<Drained> {
  const catalogue = options.catalogue ?? new SensorCatalogue();
  const normalizer = new Normalizer({ profile: PROFILE, mapping: NO_MAPPING, ...options, catalogue });
  const source = new StdinSource({ stream, normalizer });
  const block = new ReadingBlock(20_000);
  while (source.take(block, 1).state !== "ended") await turn();
  await source.close();
  return { block, catalogue };
}

async function reasonsOf(lines: readonly (string | Uint8Array)[]): Promise<(string | undefined)[]> {
  const { block } = await drain(chunksOf(lines.flatMap((line) => [line, "\n"])));
  return Array.from({ length: block.count }, (_, row) => block.malformed.get(row)?.reason);
}

test("lines end in LF or CRLF, blank lines are skipped, the last line needs no end, and a byte-order mark is skipped", async () => {
  const { block } = await drain(chunksOf(["\ufeff", good, "\r\n\r\n  \t\n", good, "\n\n", good]));
  expect(block.count).toBe(3);
  expect(block.malformed.size).toBe(0);
  expect([...block.measures[0]!.subarray(0, 3)]).toEqual([21.5, 21.5, 21.5]);
  expect(block.time[0]).toBe(Date.parse(TIME));
});

test("every line that is not a reading is kept as received, with its reason", async () => {
  const row = (more: string): string => good.replace("}", `,${more}}`);
  const cases: [string | Uint8Array, string | undefined][] = [
    [good, undefined],
    ["hello", "not_json"],
    [good.slice(0, -1), "not_json"],
    [`${good} `.replace("a", "a\u0000"), "not_json"],
    [good.replace("21.5", "NaN"), "not_finite"],
    [good.replace("21.5", "-Infinity"), "not_finite"],
    [good.replace("21.5", "1e999"), "not_finite"],
    [good.replace("21.5", '"21.5"'), "wrong_type"],
    [good.replace("21.5", "true"), "wrong_type"],
    [good.replace("21.5", "[21.5]"), "wrong_type"],
    [good.replace("21.5", "null"), undefined],
    ["[1,2]", "not_an_object"],
    ["null", "not_an_object"],
    ["7", "not_an_object"],
    ["[".repeat(6_000), "not_json"],
    [`{"a":${"[".repeat(3_000)}${"]".repeat(3_000)}}`, "any"],
    [Buffer.from([0x7b, 0xff, 0x7d]), "invalid_utf8"],
    [good.replace('"sensor_id":"a",', ""), "missing_field"],
    [good.replace('"a"', '""'), "missing_field"],
    [good.replace('"a"', "7"), "wrong_type"],
    [good.replace(`"${TIME}"`, "null"), "missing_field"],
    [good.replace(TIME, "yesterday"), "bad_timestamp"],
    [good.replace(`"${TIME}"`, "1700000000"), "wrong_type"],
    [good.replace('"a"', `"${"x".repeat(LIMITS.textLength + 1)}"`), "text_too_long"],
    [good.replace('"a"', '"a\\u0000"'), "wrong_type"],
    [row('"status_code":1.5'), undefined],
    [row('"anomaly_flag":2'), undefined],
    [row('"anomaly_flag":true,"anomaly_type":"spike","status_code":null'), undefined],
    [row('"latitude":"50"'), undefined],
    [row(`"note":"${"x".repeat(LINE_BYTES)}"`), "line_too_long"],
    [row('"note":{"deep":[1,2]},"__proto__":1,"constructor":2'), undefined],
  ];
  await expectReasons(cases);
});

longTest(
  "the same is true of lines that are hard to parse: nested as deep as a line is long, or longer if they were written again",
  async () => {
    await expectReasons([
      ["[".repeat(600_000), "not_json"],
      [`{"a":${"[".repeat(300_000)}${"]".repeat(300_000)}}`, "any"],
      // Written again it would be longer than the limit.
      [good.replace("}", `,"note":[${"1e20,".repeat(150_000)}1]}`), undefined],
    ]);
  },
);

/** `undefined`: a reading. */
async function expectReasons(lines: readonly [line: string | Uint8Array, reason: string | undefined][]): Promise<void> {
  const reasons = await reasonsOf(lines.map(([line]) => line));
  expect(reasons).toHaveLength(lines.length);
  lines.forEach(([line, reason], i) => {
    if (reason !== "any") expect([line.slice(0, 60), reasons[i]]).toEqual([line.slice(0, 60), reason]);
  });
}

test("a malformed row says in a sentence what was wrong and keeps the line; bytes that are not text are kept as Base64", async () => {
  const wrong = good.replace("21.5", '"21.5"');
  const { block } = await drain(chunksOf([wrong, "\r\n", Buffer.from([0x7b, 0xff, 0x7d])]));
  expect(block.malformed.get(0)).toEqual({
    reason: "wrong_type",
    detail: 'temperature is text "21.5", a number was expected',
    received: wrong,
    encoding: "utf8",
    bytes: wrong.length,
  });
  expect(block.malformed.get(1)).toMatchObject({ received: "e/99", encoding: "base64", bytes: 3 });
  const utf16 = await drain(chunksOf([Buffer.from(`\ufeff${good}\n`, "utf16le")]));
  expect(utf16.block.malformed.get(0)?.detail).toBe("the line is not UTF-8, it begins as UTF-16 does");
});

test("unknown fields are kept as JSON text, to the letter, also by the fast path", async () => {
  const written = [
    '"gw":2882429806056571124',
    '"gw":2882429806056571125',
    '"rssi":-60.50,"zero":-0,"huge":1e400,"small":1E-400,"exact":0.1000000000000000055511151231257827',
    '"__proto__":{"x":1},"note":"\\u00e9 é\\n\\/","deep":{ "id" : [9007199254740993, -0.0, 1e400] }',
    '"none":null,"yes":true,"list":[]',
  ];
  const lines = written.flatMap((fields) => Array(3).fill(`${good.replace("}", `,${fields}}`)}\n`));
  const { block } = await drain(chunksOf(lines));
  expect([...block.extra.values()]).toEqual(written.flatMap((fields) => Array(3).fill(`{${fields}}`)));
});

test("a word that JSON does not have costs its field only, and nothing where the field is unknown", async () => {
  const words = [
    "nan",
    "-nan",
    "NaN",
    "NAN",
    "inf",
    "-inf",
    "Infinity",
    "-Infinity",
    "+inf",
    "nan(ind)",
    "-1.#IND",
    "1.#INF",
  ];
  const profile = loadProfile("environmental");
  const lines = words.map(
    (word) => `${good.replace("}", `,"humidity": ${word} ,"energy":${word},"deep":[${word},1]}`)}\n`,
  );
  const { block } = await drain(chunksOf(lines), { profile });
  expect([block.count, block.malformed.size]).toEqual([words.length, 0]);
  for (const [row, word] of words.entries()) {
    expect(JSON.parse(block.extra.get(row)!)).toEqual({
      energy: word,
      deep: [word, 1],
      bad_fields: { humidity: { reason: "not_finite", received: word } },
    });
    expect([block.measures[0]![row], block.measures[1]?.[row] ?? Number.NaN]).toEqual([21.5, Number.NaN]);
  }
  expect([...block.flaws.values()]).toEqual([
    {
      reason: "not_finite",
      field: "humidity",
      detail: "humidity is NaN, a finite number was expected",
      count: words.length,
    },
  ]);
});

test("a line with other words is not JSON", async () => {
  const lines = [",nan:1", ',"x":nanx', ',"x":nan nan', ',"x":infinit', ',"x":None', ',"x":-', ',"nan"', ",nan"];
  const reasons = await reasonsOf(lines.map((end) => good.replace("}", `${end}}`)));
  expect(reasons).toEqual(lines.map(() => "not_json"));
  expect(await reasonsOf(["nan", "[nan]"])).toEqual(["not_json", "not_an_object"]);
});

test("a loss of power leaves NULs in a file: they cost no reading, in any chunks, and are counted", async () => {
  const nuls = (n: number) => "\u0000".repeat(n);
  const parts = [
    [good, nuls(10), "\n", nuls(4096), good, "\r\n", good, "\r", nuls(3), "\n"],
    [good.slice(0, 20), nuls(70_000), good, "\n", nuls(500), "\n"],
    ["\ufeff", nuls(1), good, nuls(1), good, "\n\ufeff", good, nuls(2_000_000), "\n"],
    [good.slice(0, 30), nuls(2_000_000), good, "\n", nuls(2_000_000)],
  ];
  const expected = [
    [3, 0, 3],
    [2, 1, 2],
    [3, 0, 3],
    [2, 1, 2],
  ];
  for (const [i, part] of parts.entries()) {
    const bytes = Buffer.from(part.join(""));
    for (const size of [bytes.length, 65_536, 997]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, (at + 1) * size),
      );
      const { block } = await drain(chunksOf(chunks), { maxLineBytes: 100_000 });
      const { count } = [...block.flaws.values()].find(({ reason }) => reason === "nul_padding")!;
      expect([i, size, block.count, block.malformed.size, count]).toEqual([i, size, ...expected[i]!]);
    }
  }
});

test("everything within the limit of a line is kept whole: a malformed line, and unknown fields of any length", async () => {
  const filler = "é".repeat(450_000);
  const long = good.replace("}", `,"note":"${filler}"}`);
  const bytes = Buffer.from(`${long.slice(0, -1)}\u0001`);
  bytes[0] = 0xff;
  for (const size of [2_000_000, 60_000]) {
    const text = Buffer.concat([Buffer.from(`${long}\n${long.slice(1)}\n`), bytes]);
    const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
      text.subarray(i * size, (i + 1) * size),
    );
    const { block } = await drain(chunksOf(chunks));
    expect([block.count, [...block.malformed.keys()]]).toEqual([3, [1, 2]]);
    expect(block.extra.get(0) === `{"note":"${filler}"}`).toBe(true);
    expect(block.malformed.get(1)!.received === long.slice(1)).toBe(true);
    const { received, encoding } = block.malformed.get(2)!;
    expect([encoding, Buffer.from(received, "base64").equals(bytes)]).toEqual(["base64", true]);
  }
});

longTest("a block with much text is full before its rows are, and no row is skipped", async () => {
  const [garbage, noted] = ["x".repeat(900_000), good.replace("}", `,"note":"${"y".repeat(900_000)}"}`)];
  const normalizer = new Normalizer({ catalogue: new SensorCatalogue(), profile: PROFILE });
  const lines = Array.from({ length: 60 }, (_, i) => `${i % 2 === 0 ? garbage : noted}\n`);
  const source = new StdinSource({ stream: chunksOf(lines), normalizer });
  const block = new ReadingBlock(1_000);
  let rows = 0;
  for (let state = ""; state !== "ended"; await turn()) {
    ({ state } = source.take(block, 0));
    expect(block.textLength).toBeLessThan(BLOCK_TEXT_LENGTH + 1_000_000);
    if (!block.full && state !== "ended") continue;
    rows += block.count;
    block.clear();
  }
  expect(rows).toBe(60);
});

test("a line of 10 MB is one malformed row of known length, and the next line is a reading", async () => {
  const huge = Buffer.alloc(10 * 1024 * 1024, "é");
  async function* stream(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < huge.length; at += 65_521) yield huge.subarray(at, at + 65_521);
    yield Buffer.from(`\n${good}\n`);
    yield Buffer.concat([huge, Buffer.from(`\n${good}`)]);
  }
  const { block } = await drain(stream());
  expect([...block.malformed.keys()]).toEqual([0, 2]);
  expect(block.count).toBe(4);
  for (const row of [0, 2]) {
    const { reason, bytes, received, encoding } = block.malformed.get(row)!;
    expect([reason, bytes, encoding]).toEqual(["line_too_long", huge.length, "utf8"]);
    expect(Buffer.byteLength(received)).toBe(MALFORMED_KEPT_BYTES);
  }
});

test("a line at the limit is read and one byte more is not, in one chunk or in many", async () => {
  for (const size of [1, 7, 1_000]) {
    const text = Buffer.from(`${good}\r\n${good}x\r\n${good}`);
    const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
      text.subarray(i * size, (i + 1) * size),
    );
    const { block } = await drain(chunksOf(chunks), { maxLineBytes: good.length });
    expect([size, block.count, block.malformed.get(1)?.reason]).toEqual([size, 3, "line_too_long"]);
  }
});

test("a flood of made-up sensors or labels is malformed, and known ones still give readings", async () => {
  const catalogue = new SensorCatalogue();
  for (let i = 0; i < LIMITS.labels; i++)
    catalogue.internLabel({ statusCode: i, anomalyFlag: null, anomalyType: null });
  const status = (code: number): string => `${good.replace("}", `,"status_code":${code}}`)}\n`;
  const { block } = await drain(chunksOf([status(1), status(2), status(-1), status(3)]), { catalogue });
  expect([...block.malformed].map(([row, { reason }]) => [row, reason])).toEqual([[2, "too_many_kinds"]]);
});

test("any bytes in any chunks give one row for every line that is not blank, and never an exception", async () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .constantFrom(
        good,
        "\n",
        "\r\n",
        "{",
        "}",
        '"',
        "\ufeff",
        "\0",
        "\0\0{",
        "null",
        " ",
        `${good}\n`,
        '{"sensor_id":',
      )
      .map((text) => Buffer.from(text)),
  );
  const stream = fc.tuple(
    fc.array(piece, { maxLength: 30 }),
    fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
  );
  await fc.assert(
    fc.asyncProperty(stream, async ([pieces, sizes]) => {
      const bytes = Buffer.concat(pieces);
      const chunks: Uint8Array[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = sizes[i % sizes.length]!;
        chunks.push(bytes.subarray(at, at + size));
        at += size;
      }
      // Latin-1 keeps every byte a character of its own.
      const lines = bytes
        .toString("latin1")
        .split("\n")
        .flatMap((line) =>
          line
            .replace(/^\0+/, "")
            .replace(/\r$/, "")
            .replace(/^\u00ef\u00bb\u00bf/, "")
            .split(/\0+(?=\{)|\0+$/),
        );
      const filled = lines.filter((line) => !/^[ \t\r]*$/.test(line));
      const { block } = await drain(chunksOf(chunks), { maxLineBytes: 150 });
      expect(block.count).toBe(filled.length);
      for (const [, { detail }] of block.malformed) expect(detail.length).toBeLessThan(200);
    }),
    { numRuns: cases(300) },
  );
});

test("the sender waits while the queue is full, and continues when there is room", async () => {
  let sent = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (; sent < 1_000; sent++) yield Buffer.from(`${good}\n`.repeat(100));
  }
  const normalizer = new Normalizer({ catalogue: new SensorCatalogue(), profile: PROFILE });
  const source = new StdinSource({ stream: endless(), normalizer, queueBytes: 20_000 });
  for (let i = 0; i < 50; i++) await turn();
  const before = sent;
  expect(before).toBeLessThan(10);
  let called = 0;
  source.onReady = () => called++;
  const block = new ReadingBlock(2_000);
  source.take(block, 0);
  await turn();
  expect(sent).toBeGreaterThan(before);
  expect(called).toBeGreaterThan(0);
  source.close();
});

test("a stream that breaks is reported once, after everything that came before it", async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(`${good}\n${good.slice(0, 10)}`);
    throw new Error("EIO");
  }
  const normalizer = new Normalizer({ catalogue: new SensorCatalogue(), profile: PROFILE });
  const source = new StdinSource({ stream: broken(), normalizer });
  for (let i = 0; i < 5; i++) await turn();
  const block = new ReadingBlock(10);
  expect(source.take(block, 0).state).toBe("more");
  expect([block.count, block.malformed.size]).toEqual([2, 1]);
  block.clear();
  expect(() => source.take(block, 0)).toThrow(TransientError);
  expect(source.take(block, 0).state).toBe("ended");
});

test("a ReadableStream, such as stdin itself, is a stream too", async () => {
  const { block } = await drain(new Blob([`${good}\n${good}\n`]).stream());
  expect(block.count).toBe(2);
});

test("the occupancy example: the readings of a real room come in through its profile and its mapping", async () => {
  const at = join(import.meta.dir, "../../../docs/examples/occupancy");
  const profile = loadProfile("profile.json", at);
  const mapping = loadMapping("map.json", [profile], at);
  const lines = Bun.gunzipSync(readFileSync(join(at, "readings.ndjson.gz")));
  const { block, catalogue } = await drain(chunksOf([lines]), { profile, mapping });
  expect([block.count, block.malformed.size, block.extra.size]).toEqual([500, 0, 0]);
  const sensor = catalogue.sensors[block.sensor[0]!]!;
  expect(sensor.identity.filter((value) => value !== null)).toEqual([
    "office-1",
    "Mons, Belgium",
    "Europe/Brussels",
    "room",
  ]);
  expect(new Date(block.time[1]!).toISOString()).toBe("2015-02-04T16:51:59.000Z");
  expect(sensor.slots.map((slot) => block.measures[slot]![0])).toEqual([
    23.18, 27.272, 426, 721.25, 0.00479298817650529, 1,
  ]);
});
