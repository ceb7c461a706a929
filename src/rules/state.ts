/**
 * What a rule remembers between readings: a fixed number of doubles for each subject (a sensor, or a group of them).
 * Judging moves it at once; what a block touched is kept aside until `keep` (the block was committed), and `rollBack` puts
 * it back. Saved by the names of the subjects, so that it outlives a catalogue, a process, and a reload of other rules.
 */

/** Names of what has a state, as small integers: by name, not by handle, because a sensor outlives its firmware. */
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

export class RuleState {
  readonly width: number;
  /** The doubles of a subject begin at what `touch` returned; replaced as it grows, so take it anew after each `touch`. */
  values: Float64Array;
  readonly #fresh: Float64Array;
  readonly #subjects: Subjects;
  /** Subject to row in `values`, and back. */
  #rowOf = new Int32Array(64).fill(NONE);
  readonly #subjectOf: number[] = [];
  #kept = 0;
  /** Per row: the block that touched it last. */
  #touchedIn = new Uint32Array(64);
  #block = 1;
  readonly #undo: { readonly row: number; readonly before: Float64Array }[] = [];

  /** `fresh`: what is remembered of a subject that was never seen. */
  constructor(subjects: Subjects, fresh: readonly number[]) {
    this.#subjects = subjects;
    this.width = fresh.length;
    this.#fresh = Float64Array.from(fresh);
    this.values = new Float64Array(64 * this.width);
  }

  /** Subjects that have a state. */
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
      if (row < this.#kept) this.#undo.push({ row, before: this.values.slice(at, at + this.width) });
    }
    return at;
  }

  /** What was touched stays. */
  keep(): void {
    this.#undo.length = 0;
    this.#kept = this.#subjectOf.length;
    this.#block++;
  }

  /** As if nothing had been touched since the last `keep`. */
  rollBack(): void {
    for (const { row, before } of this.#undo) this.values.set(before, row * this.width);
    this.#undo.length = 0;
    for (const subject of this.#subjectOf.splice(this.#kept)) this.#rowOf[subject] = NONE;
    this.#block++;
  }

  /** All that was kept, as bytes: a line of JSON with the names, then the doubles. */
  save(): Uint8Array {
    const names = this.#subjectOf.slice(0, this.#kept).map((subject) => this.#subjects.names[subject]);
    const head = Buffer.from(`${JSON.stringify({ v: 1, width: this.width, names })}\n`);
    const body = this.values.slice(0, this.#kept * this.width);
    return Buffer.concat([head, new Uint8Array(body.buffer)]);
  }

  /** Takes over what `save` made. False, and nothing taken, where it is of another shape. */
  load(saved: Uint8Array): boolean {
    const end = saved.indexOf(10);
    const head = parsedHead(saved.subarray(0, Math.max(0, end)));
    if (head === null || head.width !== this.width) return false;
    const bytes = new Uint8Array(saved.subarray(end + 1));
    if (bytes.length !== head.names.length * this.width * 8) return false;
    const doubles = new Float64Array(bytes.buffer);
    head.names.forEach((name, i) => {
      const at = this.touch(this.#subjects.of(name));
      this.values.set(doubles.subarray(i * this.width, (i + 1) * this.width), at);
    });
    this.keep();
    return true;
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

function grown(array: Int32Array<ArrayBuffer>, atLeast: number, fill: number): Int32Array<ArrayBuffer> {
  const made = new Int32Array(Math.max(atLeast, array.length * 2)).fill(fill);
  made.set(array);
  return made;
}

function parsedHead(bytes: Uint8Array): { width: number; names: readonly string[] } | null {
  try {
    const head = JSON.parse(Buffer.from(bytes).toString()) as { v: number; width: number; names: string[] };
    return head.v === 1 ? head : null;
  } catch {
    return null;
  }
}
