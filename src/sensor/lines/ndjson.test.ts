/** A format of lines can stop after any record, and a later one continues there. */
import { expect, test } from "bun:test";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { readingsOf } from "../../testing/block-readings.ts";
import { loadProfile } from "../profile/shipped.ts";
import { Normalizer } from "../row/normalize.ts";
import { NdjsonFormat } from "./ndjson.ts";

const line = (i: number) =>
  `{"sensor_id":"s${i % 3}","timestamp":"2026-01-01T00:00:${String(i).padStart(2, "0")}Z","temperature":${i}}`;
const LINES = Array.from({ length: 20 }, (_, i) => line(i));
/** With a mark at its start, a blank line, an `\r`, padding between lines and within one, and no newline at its end. */
const STREAM = Buffer.from(
  `\ufeff${LINES.slice(0, 5).join("\n")}\n\n${line(5)}\r\n\0\0\0${line(6)}\n${LINES.slice(7, 15).join("\n")}\n{"sens\0\0${LINES.slice(15).join("\n")}`,
);

/** All rows; after each block the format is dropped, and a new one continues at its position. */
function rowsOf(options: { readonly capacity: number; readonly chunk: number; readonly resume: boolean }): unknown[] {
  const catalogue = new SensorCatalogue();
  const normalizer = new Normalizer({ catalogue, profile: loadProfile("environmental") });
  const bytes = (from: number, to: number) => STREAM.subarray(from, to);
  const rows: unknown[] = [];
  let format = new NdjsonFormat(normalizer);
  let at = 0;
  for (;;) {
    const block = new ReadingBlock(options.capacity);
    format.read(block, 0);
    rows.push(...readingsOf(block, catalogue));
    if (format.done) return rows;
    if (options.resume) {
      at = format.position;
      format = new NdjsonFormat(normalizer, { position: at, state: format.state, bytes });
    }
    if (block.full && !options.resume) continue;
    format.push(STREAM.subarray(at, at + options.chunk + (options.resume ? 200 : 0)));
    at += options.chunk + (options.resume ? 200 : 0);
    if (at >= STREAM.length) format.end();
  }
}

test("whatever the chunks and the blocks are, a format that continues at a position gives the same rows", () => {
  const whole = rowsOf({ capacity: 100, chunk: 10_000, resume: false });
  expect(whole).toHaveLength(LINES.length + 1);
  for (const capacity of [1, 2, 7, 100]) {
    for (const chunk of [1, 13, 64, 333, 10_000]) {
      expect(rowsOf({ capacity, chunk, resume: false })).toEqual(whole);
      expect(rowsOf({ capacity, chunk, resume: true })).toEqual(whole);
    }
  }
});
