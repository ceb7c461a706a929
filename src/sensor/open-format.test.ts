/** Every format stops after any record, and a later one continues there; what a stream is, its name or its first line says. */
import { expect, test } from "bun:test";
import { ReadingBlock } from "../core/reading.ts";
import { SensorCatalogue } from "../core/sensor.ts";
import { readingsOf } from "../testing/block-readings.ts";
import type { MakeFormat } from "./format.ts";
import { parseMapping } from "./map/map-file.ts";
import { SourceNormalizers } from "./normalizers.ts";
import { loadFileFormats, loadFormat, readFormatSpec } from "./open-format.ts";
import { loadProfile } from "./profile/shipped.ts";

const fail = (why: string): never => {
  throw new Error(why);
};
const specOf = (query: string) => readFormatSpec(new URLSearchParams(query), "auto", fail);

type Reading = { readonly capacity: number; readonly chunk: number; readonly resume: boolean };

function rowsOf(make: MakeFormat, file: Buffer, { capacity, chunk, resume }: Reading, map: object = {}) {
  const catalogue = new SensorCatalogue();
  const mapping = parseMapping(JSON.stringify(map), "map.json", null);
  const normalizers = new SourceNormalizers({ catalogue, profile: loadProfile("environmental"), mapping });
  const rows: ReturnType<typeof readingsOf>[number][] = [];
  let format = make(normalizers, null);
  let at = 0;
  for (;;) {
    const block = new ReadingBlock(capacity);
    format.read(block, 0);
    rows.push(...readingsOf(block, catalogue));
    if (format.done) return rows;
    if (resume && block.count > 0) {
      const { position, state } = format;
      expect((state ?? "").length).toBeLessThan(1_024);
      format = make(normalizers, { position, state, bytes: (from, to) => file.subarray(from, to) });
      at = position;
    } else if (block.full) continue;
    format.push(Buffer.from(file.subarray(at, at + chunk)));
    at += chunk;
    if (at >= file.length) format.end();
  }
}

const WHOLE: Reading = { capacity: 100, chunk: 1_000_000, resume: false };
const record = (i: number) => ({
  sensor_id: `s${i % 2}`,
  timestamp: `2026-01-01T00:00:0${i}Z`,
  temperature: i,
  note: `n${i}`,
});
const RECORDS = Array.from({ length: 9 }, (_, i) => record(i));
const csv = (delimiter: string) =>
  [Object.keys(record(0)), ...RECORDS.map((each) => Object.values(each))]
    .map((cells) => cells.join(delimiter))
    .join("\n");

const STREAMS = {
  ndjson: RECORDS.map((each) => JSON.stringify(each)).join("\n"),
  array: JSON.stringify(RECORDS),
  "array over many lines": `\ufeff\n${JSON.stringify(RECORDS, null, 2)}\n`,
  "objects over many lines": RECORDS.map((each) => JSON.stringify(each, null, 1)).join("\n"),
  "comma-separated": csv(","),
  "semicolons behind a comment": `# from a logger\n${csv(";")}\r\n`,
  "UTF-16": Buffer.from(`\ufeff${csv("\t")}`, "utf16le"),
  "tabs, with a mark": `\ufeff${csv("\t")}\n\n`,
};

test("each format gives the same rows, whatever the chunks and blocks, also where a later one continues", async () => {
  const make = await loadFormat(specOf(""));
  const expected = rowsOf(make, Buffer.from(STREAMS.ndjson), WHOLE);
  expect(expected.map(({ time }) => time)).toEqual(RECORDS.map(({ timestamp }) => Date.parse(timestamp)));
  for (const [name, text] of Object.entries(STREAMS)) {
    const file = Buffer.from(text);
    for (const capacity of [1, 4, 100]) {
      for (const chunk of [1, 50, 10_000]) {
        for (const resume of [false, true]) {
          const reading = { capacity, chunk, resume };
          expect([name, reading, rowsOf(make, file, reading)]).toEqual([name, reading, expected]);
        }
      }
    }
  }
});

test("a file's extension says its format, also behind .gz; any other file is judged by its first line", async () => {
  const formatOf = await loadFileFormats(specOf(""));
  const as = (name: string, text: string) =>
    rowsOf(formatOf(name), Buffer.from(text), WHOLE).map(({ malformed }) => malformed?.reason);
  for (const name of ["a.csv", "A.CSV.gz", "b.log", "c", "d.txt.gz"])
    expect([name, as(name, csv(","))]).toEqual([name, RECORDS.map(() => undefined)]);
  expect(as("a.tsv", csv("\t"))).toEqual(RECORDS.map(() => undefined));
  expect(as("a.json", STREAMS["array over many lines"])).toEqual(RECORDS.map(() => undefined));
  expect(as("a.ndjson", csv(","))[0]).toBe("not_json");
  expect(as("a.jsonl.gz", csv(","))[0]).toBe("not_json");
  const onlyCsv = await loadFileFormats(specOf("format=csv&delimiter=;"));
  expect(rowsOf(onlyCsv("a.json"), Buffer.from(csv(";")), WHOLE)).toHaveLength(RECORDS.length);
});

test("a map may read the whole array, and one bad item costs no other", async () => {
  const make = await loadFormat(specOf("format=json"));
  const text = Buffer.from(`[${JSON.stringify(record(1))}, 5, {"x":}, ${JSON.stringify(record(2))}]`);
  const reasons = rowsOf(make, text, WHOLE).map(({ malformed }) => malformed?.reason);
  expect(reasons).toEqual([undefined, "not_an_object", "not_json", undefined]);
  expect(rowsOf(make, Buffer.from(STREAMS.array), WHOLE, { each: "[]" })).toHaveLength(RECORDS.length);
});

test("JSON that is too long for memory is one malformed row, with what to use", async () => {
  const make = await loadFormat(specOf("format=json"));
  const rows = rowsOf(make, Buffer.from(`[${"1,".repeat(9_000_000)}1]`), {
    capacity: 10,
    chunk: 4_000_000,
    resume: false,
  });
  expect(rows.map(({ malformed }) => malformed?.detail)).toEqual([
    "the JSON has 18000003 bytes, at most 16777216 are read; records on lines of their own (format=ndjson) have no such limit",
  ]);
});

test("parameters of CSV are checked, and only for CSV", () => {
  const why = (query: string): string => {
    try {
      specOf(query);
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(why("format=csv&delimiter=;&decimal=,&quote='&comment=%&skip=3&columns=a,b&encoding=latin1")).toBe("");
  expect(why("format=xml")).toStartWith('there is no format "xml" (known: ');
  expect(why("format=cvs")).toEndWith("; did you mean csv?");
  expect(why("format=ndjson&delimiter=;")).toBe("delimiter is for format=csv, and the format is ndjson");
  expect(why("format=csv&delimiter=x")).toBe('delimiter must be one of , ; | tab auto, not "x"');
  expect(why("format=csv&skip=x")).toBe('skip must be a whole number from 0 to 10000, not "x"');
  expect(why("format=csv&header=none")).toBe('header "none" needs the names of the columns: columns');
  expect(why("format=csv&delimiter=,&decimal=,")).toBe("the decimal mark and the delimiter cannot both be a comma");
});
