/** How a map makes readings of a record that is no flat row: objects in objects, many readings in one, names made of texts. */
import type { Problem } from "../../core/problem.ts";
import type { RowProblem } from "../row/row-problem.ts";
import type { Path, Segment } from "./path.ts";
import type { Glob, Pattern } from "./pattern.ts";
import type { Condition, Meant, Readable } from "./where.ts";

/** New fields out of the text of one; the first pattern that fits. */
export type Extraction = { readonly from: Path; readonly patterns: readonly Pattern[] };

/** The text of an identity column, out of several fields. */
export type Composition = {
  readonly to: string;
  readonly pattern: Pattern;
  /** By the name in the pattern. */
  readonly parts: ReadonlyMap<string, Path>;
};

/** One or more steps from a record to values that are a reading each: `values[]`, `sensors.*`, `DS18B20-*`, `devices[].channels[]`. */
export type EachPath = {
  readonly text: string;
  readonly steps: readonly {
    /** From the value of the step before. */
    readonly segments: readonly Segment[];
    /** The members of an object that are objects, those whose name fits; null: the items of an array. */
    readonly members: Glob | null;
  }[];
};

/** Rows of one quantity each, of which readings of several are made. */
export type WideRule = {
  /** Of the field that says which quantity a row has, and of the one that has its value. */
  readonly name: Path;
  readonly value: Path;
  /** How far the times of one reading may be apart, in ms. */
  readonly withinMs: number;
  /** What follows nothing for so long is complete. */
  readonly waitMs: number;
};

/** In the order in which they apply. */
export type RecordShape = {
  /** Empty: the record is one reading. */
  readonly each: readonly EachPath[];
  /** The record is a pack by RFC 8428. */
  readonly isSenml: boolean;
  readonly extract: readonly Extraction[];
  readonly where: readonly Condition[];
  /** Names in `fields` that are not those of a flat row's fields. */
  readonly paths: readonly Path[];
  /** What is left out, within objects. */
  readonly drop: readonly Path[];
  readonly compose: readonly Composition[];
  readonly wide: WideRule | null;
  readonly makers: readonly FieldMaker[];
};

/** The record of such a map may be a whole array. */
export function takesArrays(shape: RecordShape | null): boolean {
  if (shape === null) return false;
  return (
    shape.isSenml || shape.each.some(({ steps: [first] }) => first?.members === null && first.segments.length === 0)
  );
}

/** Makes some of our fields out of values of the record. What it makes depends on them: no template of lines can have it. */
export interface FieldMaker {
  /** Our names. */
  readonly makes: readonly string[];
  /** The fields that it asks for. */
  readonly asks: readonly Path[];
  /** Those of them that some record should have: that none has one is a mistake. */
  readonly needs: readonly Path[];
  /** The value of each of `makes` that has one; an Unreadable, with why, where that cannot be known. */
  make(view: Readable, meant: Meant): readonly (readonly [to: string, value: unknown])[];
  /** Called before the readings of a record, with the time. */
  refresh(nowMs: number): void;
  /** What a person should repair. */
  problems(): readonly Problem[];
}

/** In place of a value: why there is none, and what was received, as JSON text. */
export class Unreadable extends Error {
  readonly problem: RowProblem;
  readonly received: string;

  constructor(problem: RowProblem, received: string) {
    super(problem.detail);
    this.problem = problem;
    this.received = received;
  }
}

/** Our fields that no field of a record is. */
export function madeFields({ compose, makers }: RecordShape): ReadonlySet<string> {
  return new Set([...compose.map(({ to }) => to), ...makers.flatMap(({ makes }) => makes)]);
}

/** Names that are taken out of texts; one of ours is then read like a field that the map names. */
export function extractedNames({ extract }: RecordShape): ReadonlySet<string> {
  return new Set(extract.flatMap(({ patterns }) => patterns.flatMap(({ names }) => names)));
}

/** What the map asks of a record beside the fields that it reads as they are. */
export function askedPaths({ where, extract, compose }: RecordShape): readonly Path[] {
  return [
    ...where.flatMap(({ paths }) => paths),
    ...extract.map(({ from }) => from),
    ...compose.flatMap(({ parts }) => [...parts.values()]),
  ];
}
