import { expect, test } from "bun:test";
import fc from "fast-check";
import { cases } from "../../testing/needs.ts";
import {
  type Mark,
  type Position,
  readCursor,
  resumeAt,
  resumeByRowid,
  START,
  type TableState,
  withMarks,
  writeCursor,
} from "./position.ts";

const at = (rowid: bigint, marks: readonly bigint[]): Position => ({
  rowid,
  generation: 3,
  file: 7,
  schema: 5,
  columns: ["sensor_id", "timestamp"],
  marks: marks.map((marked): Mark => [marked, `f${marked}`]),
});
const position = at(100n, [100n, 99n, 90n, 50n]);
const nothing: TableState = {
  lowest: 1n,
  highest: 200n,
  headExists: false,
  intact: null,
  neverReused: false,
  moved: null,
};
const resumed = (seen: Partial<TableState>): [bigint, number] => {
  const { rowid, generation } = resumeAt(position, { ...nothing, ...seen });
  return [rowid, generation];
};

test("an empty table is read from its start, whatever it held before", () => {
  expect(resumed({ lowest: null, highest: null })).toEqual([START, 4]);
  expect(resumed({ lowest: null, highest: null, neverReused: true })).toEqual([START, 4]);
});

test("a retention job that deleted everything up to the last row, or more, changes nothing", () => {
  expect(resumed({ lowest: 101n })).toEqual([100n, 3]);
  expect(resumed({ lowest: 150n, highest: 160n })).toEqual([100n, 3]);
});

test("with AUTOINCREMENT the last row may be deleted, and no row is read again", () => {
  expect(resumed({ neverReused: true, highest: 60n })).toEqual([100n, 3]);
  expect(resumed({ neverReused: true, headExists: true, intact: 99n })).toEqual([100n, 3]);
});

test("another row in place of the last one, and no mark intact: another table, read from the start", () => {
  expect(resumed({ headExists: true })).toEqual([START, 4]);
  expect(resumed({ headExists: true, neverReused: true })).toEqual([START, 4]);
  expect(resumed({ highest: 40n })).toEqual([START, 4]);
});

test("rows deleted one by one, also the last one taken: reading continues after it", () => {
  expect(resumed({ intact: 99n })).toEqual([100n, 3]);
});

test("the newest rows deleted or rolled back: reading continues after the newest unchanged row", () => {
  expect(resumed({ intact: 90n, highest: 95n })).toEqual([90n, 3]);
  expect(resumed({ intact: 90n, headExists: true })).toEqual([90n, 3]);
  expect(resumeAt(position, { ...nothing, intact: 90n, highest: 95n }).marks.map(([rowid]) => rowid)).toEqual([
    90n,
    50n,
  ]);
});

test("rows that VACUUM renumbered are found again", () => {
  expect(resumed({ moved: 60n, highest: 60n, intact: 50n })).toEqual([60n, 3]);
});

test("without the columns of its fingerprint a position is only a rowid", () => {
  expect(resumeByRowid(position, 99n)).toMatchObject({ rowid: START, generation: 4 });
  expect(resumeByRowid(position, null)).toMatchObject({ rowid: START, generation: 4 });
  expect(resumeByRowid(position, 100n)).toMatchObject({ rowid: 100n, generation: 3, marks: [] });
});

test("marks are the newest 16 rows and ever fewer older ones, back to the first, in a cursor of less than 4 KiB", () => {
  const rows = fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 300 });
  // Keys that are counted up, and keys of nanoseconds, one a second.
  const keys = fc.constantFrom({ first: 2n ** 50n, step: 1n }, { first: 1_795_568_400_000_000_001n, step: 10n ** 9n });
  fc.assert(
    fc.property(rows, keys, (takes, { first, step }) => {
      let marks: readonly Mark[] = [];
      let rowid = first;
      for (const rows of takes) {
        rowid += BigInt(rows) * step;
        const head = rowid;
        const fresh = Array.from(
          { length: Math.min(rows, 16) },
          (_, i): Mark => [head - BigInt(i) * step, "0123456789ab"],
        );
        marks = withMarks(marks, fresh);
      }
      const rowids = marks.map(([marked]) => marked);
      expect(rowids).toEqual(rowids.toSorted((a, b) => (a > b ? -1 : 1)));
      expect(new Set(rowids).size).toBe(rowids.length);
      expect(rowids[0]).toBe(rowid);
      // However long ago it was, a mark is at most four times as far away as it could be.
      const oldest = (rowid - rowids.at(-1)!) / step;
      expect(oldest * 4n + 64n).toBeGreaterThanOrEqual((rowid - first) / step - BigInt(takes[0]!));
      const columns = Array.from({ length: 8 }, () => "c".repeat(64));
      expect(writeCursor({ ...position, rowid, columns, marks }).length).toBeLessThan(4_096);
    }),
    { numRuns: cases(100) },
  );
});

test("a cursor is read back as it was written, and other text is not read as a cursor", () => {
  expect(readCursor(writeCursor(position))).toEqual(position);
  for (const text of ["", "7", "null", '{"v":3}', "{"]) expect(readCursor(text)).toBeNull();
});

test("a cursor holds any rowid; one whose rowids are numbers is written as it always was", () => {
  const rowid = fc.oneof(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.bigInt(2n ** 53n - 5n, 2n ** 53n + 5n));
  fc.assert(
    fc.property(fc.oneof(rowid, fc.constant(START), fc.constant(-(2n ** 53n) + 1n)), fc.array(rowid), (head, marks) => {
      const wide = at(head, marks);
      expect(readCursor(writeCursor(wide))).toEqual(wide);
    }),
  );
  expect(writeCursor(at(7n, [7n, -2n]))).toBe(
    '{"v":1,"rowid":7,"generation":3,"file":7,"schema":5,"columns":["sensor_id","timestamp"],"marks":[[7,"f7"],[-2,"f-2"]]}',
  );
  expect(writeCursor(at(START, []))).toContain('{"v":1,"rowid":-9007199254740991,');
  expect(JSON.parse(writeCursor(at(2n ** 53n, [])))).toMatchObject({ v: 2, rowid: "9007199254740992" });
});
