import { expect, test } from "bun:test";
import fc from "fast-check";
import { cases } from "../../testing/needs.ts";
import {
  AT_START,
  chooseColumns,
  type Mark,
  markOf,
  type Position,
  readCursor,
  START,
  timeColumnsOf,
  withMarks,
  writeCursor,
} from "./position.ts";

/** As an older agent wrote it, whose marks had one hash. */
const at = (rowid: bigint, marks: readonly bigint[]): Position => ({
  ...AT_START,
  rowid,
  generation: 3,
  file: 7,
  schema: 5,
  columns: ["sensor_id", "timestamp"],
  marks: marks.map((marked): Mark => ({ rowid: marked, whole: `f${marked}`, time: null, rest: null })),
});
const MARK: Mark = { rowid: 0n, whole: "0123456789ab", time: "1z141z3", rest: "1z141z3" };

test("a mark has a hash of time and sensor and one of the rest; without a timestamp it has one hash", () => {
  const names = { sensorId: "id", timestamp: "ts", measures: ["t", "h"] };
  const chosen = chooseColumns(names, new Set(["h", "ts", "x", "id", "t"]));
  expect(chosen).toEqual({ columns: ["id", "ts", "t", "h"], timeColumns: 2 });
  expect(chooseColumns(names, new Set(["id", "t"]))).toEqual({ columns: ["id", "t"], timeColumns: 0 });
  expect(timeColumnsOf(["ts", "t"], names)).toBe(1);
  const mark = markOf(1n, ["a", 5, 20.5, null], 2);
  const other = (values: readonly unknown[]) => {
    const { whole, time, rest } = markOf(1n, values, 2);
    return [whole === mark.whole, time === mark.time, rest === mark.rest];
  };
  expect(other(["a", 5, 20.5, null])).toEqual([true, true, true]);
  expect(other(["a", 5, 20.6, null])).toEqual([false, true, false]);
  expect(other(["b", 5, 20.5, null])).toEqual([false, false, true]);
  expect(other([new Uint8Array([1]), 6, 20.5, 0])).toEqual([false, false, false]);
  expect(markOf(1n, ["a", 20.5], 0)).toMatchObject({ time: null, rest: null });
  // What is in cursors must never change.
  expect(mark).toEqual({ rowid: 1n, whole: "228f6c1d35c0", time: "1pm3w3h", rest: "1vit09v" });
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
          (_, i): Mark => ({ ...MARK, rowid: head - BigInt(i) * step }),
        );
        for (let distance = 16; distance < rows; distance *= 2)
          fresh.push({ ...MARK, rowid: head - BigInt(distance) * step });
        marks = withMarks(marks, fresh);
      }
      const rowids = marks.map(({ rowid: marked }) => marked);
      expect(rowids).toEqual(rowids.toSorted((a, b) => (a > b ? -1 : 1)));
      expect(new Set(rowids).size).toBe(rowids.length);
      expect(rowids[0]).toBe(rowid);
      // However long ago it was, a mark is at most four times as far away as it could be.
      const oldest = (rowid - rowids.at(-1)!) / step;
      expect(oldest * 4n + 64n).toBeGreaterThanOrEqual((rowid - first) / step - BigInt(takes[0]!));
      const columns = Array.from({ length: 8 }, () => "c".repeat(64));
      const most = 2 ** 31;
      const counts = { edited: most, rolledBack: most, doubtful: most };
      expect(writeCursor({ ...AT_START, rowid, columns, timeColumns: 2, marks, counts }).length).toBeLessThan(4_096);
    }),
    { numRuns: cases(100) },
  );
});

test("a cursor is read back as it was written, and other text is not read as a cursor", () => {
  const position = at(100n, [100n, 99n, 50n]);
  const whole = {
    ...position,
    timeColumns: 1,
    marks: position.marks.map((mark, i) => ({ ...mark, time: "1abc", rest: i === 1 ? null : "0" })),
    counts: { edited: 3, rolledBack: 1, doubtful: 0 },
  };
  for (const each of [position, whole]) expect(readCursor(writeCursor(each))).toEqual(each);
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
