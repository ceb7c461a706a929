/** `where`: which records are readings. Every condition must hold; the others are left out, and counted. */
import type { Path } from "./path.ts";
import { Glob } from "./pattern.ts";

type Scalar = string | number | boolean | null;

/** What a map says of one field; each key that is given must hold. */
export type FieldTest = {
  readonly equals?: Scalar | undefined;
  readonly not_equals?: Scalar | undefined;
  readonly in?: readonly Scalar[] | undefined;
  readonly not_in?: readonly Scalar[] | undefined;
  readonly like?: readonly string[] | undefined;
  readonly not_like?: readonly string[] | undefined;
  readonly exists?: boolean | undefined;
};

/** What a condition sees of a reading that may be. */
export interface Readable {
  /** Undefined where there is no such field. */
  valueOf(path: Path): unknown;
  /** The text of a value that has one: of a number, its digits as they were received. Null where there is none. */
  textAt(path: Path): string | null;
}

/** A value as an expression has it: undefined where it means "no value", a number where text may be one. */
export type Meant = (value: unknown) => unknown;

export type Condition = {
  /** The fields that it asks for. */
  readonly paths: readonly Path[];
  /** It holds for no record without one of them: that no record has it is a mistake. */
  readonly needsThem: boolean;
  /** It only asks whether they are null. */
  readonly isPresence: boolean;
  /** Throws an Unreadable where it cannot be known. */
  readonly holds: (view: Readable, meant: Meant) => boolean;
};

export function fieldCondition(path: Path, test: FieldTest): Condition {
  const tests = testsOf(test);
  // Undefined is not equal to anything, and like nothing.
  const needsThem = !tests.every((holds) => holds(undefined));
  const isPresence = Object.entries(test).every(([key, wanted]) => key === "exists" || wanted === undefined);
  return { paths: [path], needsThem, isPresence, holds: (view) => tests.every((holds) => holds(view.valueOf(path))) };
}

type Holds = (value: unknown) => boolean;

function testsOf(test: FieldTest): Holds[] {
  const tests: Holds[] = [];
  const { equals, in: among, like, exists } = test;
  if (equals !== undefined) tests.push((value) => isSame(value, equals));
  if (test.not_equals !== undefined) tests.push((value) => !isSame(value, test.not_equals ?? null));
  if (among !== undefined) tests.push((value) => among.some((one) => isSame(value, one)));
  if (test.not_in !== undefined) tests.push((value) => !test.not_in?.some((one) => isSame(value, one)));
  if (like !== undefined) tests.push(isLike(like));
  if (test.not_like !== undefined) {
    const unwanted = isLike(test.not_like);
    tests.push((value) => !unwanted(value));
  }
  if (exists !== undefined) tests.push((value) => ((value ?? null) !== null) === exists);
  return tests;
}

/** A number and its text are the same, for in CSV all is text; so are `true` and `"TRUE"`. Null is also a field that is not there. */
function isSame(value: unknown, wanted: Scalar): boolean {
  if (wanted === null) return (value ?? null) === null;
  if (value === wanted) return true;
  if (typeof wanted === "number") return typeof value === "string" && value.trim() !== "" && Number(value) === wanted;
  if (typeof wanted === "boolean") return typeof value === "string" && value.trim().toLowerCase() === String(wanted);
  return typeof value === "number" && String(value) === wanted;
}

function isLike(globs: readonly string[]): Holds {
  const all = globs.map((glob) => new Glob(glob));
  return (value) => {
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return false;
    const text = String(value);
    return all.some((glob) => glob.fits(text));
  };
}
