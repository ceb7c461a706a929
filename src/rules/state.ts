/**
 * The memory of a rule between readings: a fixed number of doubles for each subject (a sensor, or a group of sensors).
 * Judging changes it at once; the doubles that a block touched are copied first, until `keep` (the block was committed), and
 * `rollBack` restores them. It is saved by the names of the subjects, so that it outlives a catalogue, a process, and a
 * reload of other rules.
 */

/** The names of subjects, as small integers: by name, not by handle, because a sensor outlives its firmware. */
export class Subjects {
  readonly names: string[] = [];
  readonly #byName = new Map<string, number>();

  of(name: string): number {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    this.#byName.set(name, this.names.length);
    return this.names.push(name) - 1;
  }
}

const NONE = -1;
const LINE_FEED = 10;
/** Few: a set may hold hundreds of wide memories, each of a few groups or sensors. */
const FIRST_ROWS = 4;

/** One `RuleState`, or several together, as the judge sees them. */
export interface Memory {
  /** Subjects that have a state. */
  readonly size: number;
  /** The memory that they take. */
  readonly bytes: number;
  /** The changes since the last `keep` stay. */
  keep(): void;
  /** Undoes the changes since the last `keep`. */
  rollBack(): void;
  /** Everything that it holds now as bytes, with the changes that are not kept yet. */
  save(): Uint8Array;
  /** Whether `load` would accept this: it is whole, and of the same shape. */
  fits(saved: Uint8Array): boolean;
  /** Restores what `save` returned, of the subjects that `keeps` accepts. False, and nothing is changed, where it does not fit. */
  load(saved: Uint8Array, keeps?: (subject: string) => boolean): boolean;
}

export class RuleState implements Memory {
  readonly width: number;
  /** The doubles of a subject begin where `touch` says. Replaced as it grows: read this field again after each `touch`. */
  values: Float64Array;
  readonly #fresh: Float64Array;
  readonly #subjects: Subjects;
  /** Subject to row in `values`, and back. */
  #rowOf = new Int32Array(64).fill(NONE);
  readonly #subjectOf: number[] = [];
  #kept = 0;
  /** Per row: the block that touched it last. */
  #touchedIn = new Uint32Array(FIRST_ROWS);
  #block = 1;
  /** The doubles that the touched rows held before this block, in the order of `#undoRows`: no allocation per row. */
  #undoRows = new Int32Array(FIRST_ROWS);
  #undoValues: Float64Array;
  #undoCount = 0;

  /** `fresh`: the doubles of a subject that was never seen. */
  constructor(subjects: Subjects, fresh: readonly number[]) {
    this.#subjects = subjects;
    this.width = fresh.length;
    this.#fresh = Float64Array.from(fresh);
    this.values = new Float64Array(FIRST_ROWS * this.width);
    this.#undoValues = new Float64Array(FIRST_ROWS * this.width);
  }

  get bytes(): number {
    return this.size * this.width * 8;
  }

  get size(): number {
    return this.#subjectOf.length;
  }

  /** Where the doubles of a subject begin in `values`, to be read and written until the next `touch`. */
  touch(subject: number): number {
    const known = subject < this.#rowOf.length ? this.#rowOf[subject]! : NONE;
    const row = known === NONE ? this.#add(subject) : known;
    const at = row * this.width;
    if (this.#touchedIn[row] !== this.#block) {
      this.#touchedIn[row] = this.#block;
      if (row < this.#kept) this.#remember(row, at);
    }
    return at;
  }

  keep(): void {
    this.#undoCount = 0;
    this.#kept = this.#subjectOf.length;
    this.#block++;
  }

  rollBack(): void {
    const { width } = this;
    for (let i = 0; i < this.#undoCount; i++) {
      this.values.set(this.#undoValues.subarray(i * width, (i + 1) * width), this.#undoRows[i]! * width);
    }
    this.#undoCount = 0;
    for (const subject of this.#subjectOf.splice(this.#kept)) this.#rowOf[subject] = NONE;
    this.#block++;
  }

  /** A line of JSON with the names of the subjects, then their doubles. */
  save(): Uint8Array {
    const names = this.#subjectOf.map((subject) => this.#subjects.names[subject]);
    const head = Buffer.from(`${JSON.stringify({ v: 1, width: this.width, names })}\n`);
    const body = this.values.slice(0, this.size * this.width);
    return Buffer.concat([head, new Uint8Array(body.buffer)]);
  }

  fits(saved: Uint8Array): boolean {
    return this.#decoded(saved) !== null;
  }

  load(saved: Uint8Array, keeps: (subject: string) => boolean = () => true): boolean {
    const decoded = this.#decoded(saved);
    if (decoded === null) return false;
    decoded.names.forEach((name, i) => {
      if (!keeps(name)) return;
      const at = this.touch(this.#subjects.of(name));
      this.values.set(decoded.doubles.subarray(i * this.width, (i + 1) * this.width), at);
    });
    this.keep();
    return true;
  }

  /** Each subject's name, and where its doubles begin in `values`. */
  *entries(): Generator<readonly [name: string, at: number]> {
    for (const [row, subject] of this.#subjectOf.entries()) {
      yield [this.#subjects.names[subject] ?? "", row * this.width];
    }
  }

  #decoded(saved: Uint8Array): { names: readonly string[]; doubles: Float64Array } | null {
    const end = saved.indexOf(LINE_FEED);
    const head = parsedHead(saved.subarray(0, Math.max(0, end)));
    if (head === null || head.width !== this.width) return null;
    const bytes = new Uint8Array(saved.subarray(end + 1));
    if (bytes.length !== head.names.length * this.width * 8) return null;
    return { names: head.names, doubles: new Float64Array(bytes.buffer) };
  }

  #remember(row: number, at: number): void {
    const { width } = this;
    const n = this.#undoCount++;
    if (n >= this.#undoRows.length) {
      this.#undoRows = grown(this.#undoRows, n + 1, 0);
      const values = new Float64Array(this.#undoRows.length * width);
      values.set(this.#undoValues);
      this.#undoValues = values;
    }
    this.#undoRows[n] = row;
    const to = n * width;
    // For a few doubles a loop is faster than the call that copies many.
    if (width > 24) this.#undoValues.set(this.values.subarray(at, at + width), to);
    else for (let i = 0; i < width; i++) this.#undoValues[to + i] = this.values[at + i]!;
  }

  #add(subject: number): number {
    const row = this.#subjectOf.push(subject) - 1;
    if (subject >= this.#rowOf.length) this.#rowOf = grown(this.#rowOf, subject + 1, NONE);
    this.#rowOf[subject] = row;
    if (row >= this.#touchedIn.length) {
      const touchedIn = new Uint32Array(row * 2);
      touchedIn.set(this.#touchedIn);
      this.#touchedIn = touchedIn;
      const values = new Float64Array(row * 2 * this.width);
      values.set(this.values);
      this.values = values;
    }
    this.values.set(this.#fresh, row * this.width);
    return row;
  }
}

/** Two memories of one rule: that of its condition, and that of its confirmation. */
export class JointMemory implements Memory {
  readonly #first: Memory;
  readonly #second: Memory;

  constructor(first: Memory, second: Memory) {
    this.#first = first;
    this.#second = second;
  }

  get size(): number {
    return Math.max(this.#first.size, this.#second.size);
  }

  get bytes(): number {
    return this.#first.bytes + this.#second.bytes;
  }

  keep(): void {
    this.#first.keep();
    this.#second.keep();
  }

  rollBack(): void {
    this.#first.rollBack();
    this.#second.rollBack();
  }

  /** The length of the first in decimal digits, a line feed, then both. */
  save(): Uint8Array {
    const first = this.#first.save();
    return Buffer.concat([Buffer.from(`${first.length}\n`), first, this.#second.save()]);
  }

  fits(saved: Uint8Array): boolean {
    const [first, second] = this.#parts(saved);
    return this.#first.fits(first) && this.#second.fits(second);
  }

  load(saved: Uint8Array, keeps?: (subject: string) => boolean): boolean {
    if (!this.fits(saved)) return false;
    const [first, second] = this.#parts(saved);
    return this.#first.load(first, keeps) && this.#second.load(second, keeps);
  }

  #parts(saved: Uint8Array): readonly [Uint8Array, Uint8Array] {
    const end = saved.indexOf(LINE_FEED);
    const length = Number(Buffer.from(saved.subarray(0, Math.max(0, end))).toString());
    const from = end + 1;
    return [saved.subarray(from, from + length), saved.subarray(from + length)];
  }
}

function grown(array: Int32Array<ArrayBuffer>, atLeast: number, fill: number): Int32Array<ArrayBuffer> {
  const made = new Int32Array(Math.max(atLeast, array.length * 2)).fill(fill);
  made.set(array);
  return made;
}

function parsedHead(bytes: Uint8Array): { width: number; names: readonly string[] } | null {
  try {
    const head: unknown = JSON.parse(Buffer.from(bytes).toString());
    if (typeof head !== "object" || head === null || !("v" in head) || head.v !== 1 || !("width" in head)) return null;
    // Written by `save`, and its length is compared with that of the doubles.
    return "names" in head && Array.isArray(head.names) ? { width: Number(head.width), names: head.names } : null;
  } catch {
    return null;
  }
}
