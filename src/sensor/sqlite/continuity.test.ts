import { expect, test } from "bun:test";
import { continueAt, continueByRowid, type MarkState, type SeenTable, stateOf } from "./continuity.ts";
import { AT_START, type Mark, type Position, START } from "./position.ts";

const markAt = (rowid: bigint): Mark => ({ rowid, whole: `w${rowid}`, time: `t${rowid}`, rest: `r${rowid}` });
const position: Position = {
  ...AT_START,
  rowid: 100n,
  generation: 3,
  file: 7,
  schema: 5,
  columns: ["sensor_id", "timestamp", "temperature"],
  timeColumns: 2,
  marks: [100n, 99n, 90n, 50n].map(markAt),
};
const LETTERS: Readonly<Record<string, MarkState>> = {
  s: "same",
  e: "edited",
  t: "retimed",
  o: "other",
  ".": "gone",
};

/** `states`: a letter for each of the marks at 100, 99, 90 and 50. */
function seen(states: string, more: Partial<SeenTable> = {}): SeenTable {
  return {
    states: [...states].map((letter) => LETTERS[letter] ?? "gone"),
    lowest: 1n,
    highest: 200n,
    sameFile: true,
    sameSchema: true,
    keepsRowids: true,
    neverReused: false,
    moved: null,
    ...more,
  };
}

function continued(states: string, more: Partial<SeenTable> = {}): unknown[] {
  const { position: at, event, doubtful } = continueAt(position, seen(states, more));
  return [at.rowid, at.generation, event, doubtful];
}

const STAYS = [100n, 3, "none", null];

test("a mark says what happened to its row", () => {
  const mark = markAt(1n);
  const now = (of: Partial<Mark>) => stateOf(mark, { ...mark, whole: "?", ...of });
  expect([stateOf(mark, null), stateOf(mark, mark)]).toEqual(["gone", "same"]);
  expect([now({ rest: "?" }), now({ time: "?" }), now({ time: "?", rest: "?" })]).toEqual([
    "edited",
    "retimed",
    "other",
  ]);
  const old = { ...mark, time: null, rest: null };
  expect([stateOf(old, mark), stateOf(old, { ...mark, whole: "?" })]).toEqual(["same", "other"]);
  expect(stateOf({ ...mark, rest: null }, { ...mark, whole: "?", time: "?" })).toBe("other");
});

test("the last row is there, edited or not: reading continues after it, whatever became of older ones", () => {
  for (const states of ["ssss", "sooo", "s...", "eeee", "e.to"]) expect(continued(states)).toEqual(STAYS);
});

test("the tail waits while a table is empty; rows that are written into it are new", () => {
  const { position: at, event } = continueAt(position, seen("....", { lowest: null, highest: null }));
  expect([at.rowid, event, at.marks.map(({ rest }) => rest)]).toEqual([100n, "none", [null, null, null, null]]);
  const filled = continueAt(at, seen("oo.."));
  expect([filled.position.rowid, filled.event]).toEqual([START, "none"]);
  // The deletion was rolled back.
  expect(continueAt(at, seen("ssss")).position.rowid).toBe(100n);
});

test("a table with all timestamps edited is the same table; with one value in all rows it may be another", () => {
  expect(continued("tttt")).toEqual(STAYS);
  expect(continued("t.tt")).toEqual(STAYS);
  for (const other of [{ sameSchema: false }, { sameFile: false }]) expect(continued("tttt", other)[2]).toBe("another");
  const constant = { ...position, marks: position.marks.map((mark) => ({ ...mark, rest: "r" })) };
  expect(continueAt(constant, seen("tttt")).event).toBe("another");
});

test("a retention job that deleted everything up to the last row, or more, changes nothing", () => {
  expect(continued("....", { lowest: 101n })).toEqual(STAYS);
  expect(continued("....", { lowest: 150n, highest: 160n })).toEqual(STAYS);
});

test("with AUTOINCREMENT the newest rows may be deleted, and no row is read again; used again, they are", () => {
  expect(continued("....", { neverReused: true, highest: 60n })).toEqual(STAYS);
  expect(continued("..ss", { neverReused: true })).toEqual(STAYS);
  expect(continued("..ss", { neverReused: true, sameSchema: false })).toEqual(STAYS);
  expect(continued("ooss", { neverReused: true })).toEqual([90n, 3, "changed", [90n, 99n]]);
  expect(continued(".oss", { neverReused: true })).toEqual([90n, 3, "changed", [90n, 99n]]);
});

test("the newest rows deleted or rolled back: reading continues after the newest row that is the same", () => {
  expect(continued("..ss", { highest: 95n })).toEqual([90n, 3, "changed", [90n, 101n]]);
  expect(continued("..es", { highest: 95n })).toEqual([90n, 3, "changed", [90n, 101n]]);
  expect(continued("o..s")).toEqual([50n, 3, "changed", [50n, 100n]]);
  // Times that differ and values that do not may be an edit: all of them may be old.
  expect(continued("ttss")).toEqual([90n, 3, "changed", [90n, 101n]]);
  expect(continued("otts")).toEqual([50n, 3, "changed", [50n, 100n]]);
  expect(continued("ooss", { sameFile: false })).toEqual([90n, 3, "changed", [90n, 99n]]);
  const { marks } = continueAt(position, seen("..ss", { highest: 95n })).position;
  expect(marks.map(({ rowid }) => rowid)).toEqual([90n, 50n]);
});

test("rows deleted one by one, also the last one taken, are not reported where no row is doubtful", () => {
  expect(continued(".sss")).toEqual([99n, 3, "deleted", [99n, 101n]]);
});

test("other rows in place of all that are marked: another table, read from the start", () => {
  expect(continued("oo.o")).toEqual([START, 4, "another", [START, 50n]]);
  expect(continued("oooo", { sameSchema: false })).toEqual([START, 4, "another", [START, 50n]]);
  // An UPDATE of all times and values looks like this, too.
  expect(continued("oooo")).toEqual([START, 4, "another", [START, 101n]]);
  expect(continued("oooo", { neverReused: true })).toEqual([START, 4, "another", [START, 101n]]);
  expect(continued("....", { highest: 40n })).toEqual([START, 4, "another", [START, 101n]]);
});

test("in another file, old times with other values are other rows, unless a row is wholly the same", () => {
  expect(continued("eeee", { sameFile: false })).toEqual([START, 4, "another", [START, 101n]]);
  expect(continued("eees", { sameFile: false })).toEqual(STAYS);
});

test("rows that VACUUM renumbered are found again", () => {
  const vacuumed = { keepsRowids: false, sameSchema: false };
  expect(continued("....", { ...vacuumed, moved: { mark: 0, rowid: 60n } })).toEqual([60n, 3, "none", null]);
  expect(continued("oo..", { ...vacuumed, moved: { mark: 2, rowid: 60n } })).toEqual([60n, 3, "changed", [60n, null]]);
  expect(continued("oooo", vacuumed)).toEqual([START, 4, "another", [START, null]]);
});

test("without the columns of its marks a position is only a rowid", () => {
  expect(continueByRowid(position, 99n)).toMatchObject({ rowid: START, generation: 4 });
  expect(continueByRowid(position, null)).toMatchObject({ rowid: START, generation: 4 });
  expect(continueByRowid(position, 100n)).toMatchObject({ rowid: 100n, generation: 3, marks: [] });
});
