import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  type Mark,
  type Position,
  readCursor,
  resumeAt,
  resumeByRowid,
  type Seen,
  START,
  withMarks,
  writeCursor,
} from "./sqlite-position.ts";

const at = (rowid: number, marks: readonly number[]): Position => ({
  rowid,
  generation: 3,
  file: 7,
  schema: 5,
  columns: ["sensor_id", "timestamp"],
  marks: marks.map((marked): Mark => [marked, `f${marked}`]),
});
const position = at(100, [100, 99, 90, 50]);
const nothing: Seen = { lowest: 1, highest: 200, headExists: false, intact: null, neverReused: false, moved: null };
const resumed = (seen: Partial<Seen>): [number, number] => {
  const { rowid, generation } = resumeAt(position, { ...nothing, ...seen });
  return [rowid, generation];
};

test("an empty table is read from its start, whatever was there", () => {
  expect(resumed({ lowest: null, highest: null })).toEqual([START, 4]);
  expect(resumed({ lowest: null, highest: null, neverReused: true })).toEqual([START, 4]);
});

test("a retention job that took everything up to the last row and more changes nothing", () => {
  expect(resumed({ lowest: 101 })).toEqual([100, 3]);
  expect(resumed({ lowest: 150, highest: 160 })).toEqual([100, 3]);
});

test("with AUTOINCREMENT the last row may be deleted and nothing is read again", () => {
  expect(resumed({ neverReused: true, highest: 60 })).toEqual([100, 3]);
  expect(resumed({ neverReused: true, headExists: true, intact: 99 })).toEqual([100, 3]);
});

test("another row where the last one was, and no row as it was: another table, from the start", () => {
  expect(resumed({ headExists: true })).toEqual([START, 4]);
  expect(resumed({ headExists: true, neverReused: true })).toEqual([START, 4]);
  expect(resumed({ highest: 40 })).toEqual([START, 4]);
});

test("rows deleted one by one, the last one taken among them: on behind it", () => {
  expect(resumed({ intact: 99 })).toEqual([100, 3]);
});

test("the newest rows deleted or rolled back: on behind the newest row that is as it was", () => {
  expect(resumed({ intact: 90, highest: 95 })).toEqual([90, 3]);
  expect(resumed({ intact: 90, headExists: true })).toEqual([90, 3]);
  expect(resumeAt(position, { ...nothing, intact: 90, highest: 95 }).marks.map(([rowid]) => rowid)).toEqual([90, 50]);
});

test("rows that VACUUM numbered anew are found again", () => {
  expect(resumed({ moved: 60, highest: 60, intact: 50 })).toEqual([60, 3]);
});

test("without the columns of its fingerprint a position is only a rowid", () => {
  expect(resumeByRowid(position, 99)).toMatchObject({ rowid: START, generation: 4 });
  expect(resumeByRowid(position, null)).toMatchObject({ rowid: START, generation: 4 });
  expect(resumeByRowid(position, 100)).toMatchObject({ rowid: 100, generation: 3, marks: [] });
});

test("marks are the last 16 rows and ever fewer older ones, back to the first, in a cursor of less than 4 KiB", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 300 }), (takes) => {
      let marks: readonly Mark[] = [];
      let rowid = 2 ** 50;
      for (const rows of takes) {
        rowid += rows;
        const fresh = Array.from({ length: Math.min(rows, 16) }, (_, i): Mark => [rowid - i, "0123456789ab"]);
        marks = withMarks(marks, fresh);
      }
      const rowids = marks.map(([marked]) => marked);
      expect(rowids).toEqual([...rowids].sort((a, b) => b - a));
      expect(new Set(rowids).size).toBe(rowids.length);
      expect(rowids[0]).toBe(rowid);
      // However long ago it was, a mark is at most four times as far away as it could be.
      const oldest = rowid - rowids.at(-1)!;
      expect(oldest * 4 + 64).toBeGreaterThanOrEqual(rowid - 2 ** 50 - takes[0]!);
      const columns = Array.from({ length: 8 }, () => "c".repeat(64));
      expect(writeCursor({ ...position, rowid, columns, marks }).length).toBeLessThan(4_096);
    }),
    { numRuns: 100 },
  );
});

test("a cursor is read back as it was written, and nothing else is taken for one", () => {
  expect(readCursor(writeCursor(position))).toEqual(position);
  for (const text of ["", "7", "null", '{"v":2}', "{"]) expect(readCursor(text)).toBeNull();
});
