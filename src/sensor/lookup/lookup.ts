/**
 * Metadata by id: some of our fields out of a small table. It is read at the start and again when the file changes, looked at no
 * more than once a second. A file that becomes bad is a problem in status, and the last good table stays in use.
 */
import { resolve } from "node:path";
import { messageOf } from "../../core/errors.ts";
import type { ValueOf } from "../../core/outside/shape.ts";
import type { Problem } from "../../core/problem.ts";
import { type Path, pathOf } from "../map/path.ts";
import { type FieldMaker, Unreadable } from "../map/record-shape.ts";
import type { Meant, Readable } from "../map/where.ts";
import { shortened } from "../row/row-problem.ts";
import { numberInText } from "../row/text-number.ts";
import type { LOOKUP, TablePlace } from "./lookup-key.ts";
import { type Columns, type LookupTable, readTable, signatureOf } from "./table.ts";

export type LookupKey = ValueOf<typeof LOOKUP>[number];

const LOOK_EVERY_MS = 1_000;

export class Lookup implements FieldMaker {
  readonly makes: readonly string[];
  readonly asks: readonly Path[];
  readonly needs: readonly Path[];
  readonly #by: Path;
  readonly #place: TablePlace;
  readonly #path: string;
  readonly #columns: Columns;
  readonly #fields: readonly (readonly [column: string, to: string])[];
  readonly #isNumber: (to: string) => boolean;
  #table: LookupTable;
  #signature: string;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #problem: string | null = null;

  /** `folder`: from which its path is seen. Throws an Error with the reason where the table cannot be read. */
  constructor({ by, from, key, fields }: LookupKey, folder: string, isNumber: (to: string) => boolean) {
    this.#by = pathOf(by);
    this.asks = [this.#by];
    this.needs = [this.#by];
    this.#place = from;
    this.#path = resolve(folder, from.path);
    this.#fields = [...fields];
    this.makes = [...fields.values()];
    this.#isNumber = isNumber;
    this.#columns = { key: key ?? by, wanted: [...fields.keys()] };
    this.#signature = signatureOf(from, this.#path);
    this.#table = readTable(from, this.#path, this.#columns);
  }

  make(view: Readable, meant: Meant): readonly (readonly [to: string, value: unknown])[] {
    const value = view.valueOf(this.#by);
    const id = meant(value) === undefined ? null : view.textAt(this.#by)?.trim();
    if (id === null || id === undefined || id === "") return [];
    const row = this.#table.get(id);
    if (row === undefined) return this.#notThere(id);
    return this.#fields.map(([column, to]) => [to, this.#valueFor(to, row[column])]);
  }

  refresh(nowMs: number): void {
    if (Math.abs(nowMs - this.#lookedAtMs) < LOOK_EVERY_MS) return;
    this.#lookedAtMs = nowMs;
    const signature = signatureOf(this.#place, this.#path);
    if (signature === this.#signature) return;
    this.#signature = signature;
    try {
      this.#table = readTable(this.#place, this.#path, this.#columns);
      this.#problem = null;
    } catch (error) {
      this.#problem = messageOf(error);
    }
  }

  problems(): readonly Problem[] {
    if (this.#problem === null) return [];
    const message = `Cannot read lookup "${this.#place.text}" of the map: ${this.#problem}. The table that was read before is used`;
    return [{ code: "lookup_unreadable", message, try: "agent config check" }];
  }

  /** One flaw for a reading, not one for each column; without a sensor_id it is not a reading. */
  #notThere(id: string): readonly (readonly [to: string, value: unknown])[] {
    const first = this.makes.includes("sensor_id") ? "sensor_id" : this.makes[0];
    if (first === undefined) return [];
    const detail = `${shortened(this.#by.text)} ${JSON.stringify(shortened(id))} is not in ${shortened(this.#place.text)}`;
    return [[first, new Unreadable({ reason: "not_in_lookup", detail }, JSON.stringify(id))]];
  }

  #valueFor(to: string, value: unknown): unknown {
    if (typeof value === "bigint") return String(value);
    if (typeof value !== "string") return value ?? undefined;
    const read = this.#isNumber(to) ? numberInText(value, null) : null;
    return read !== null && read.unit === "" ? read.number : value;
  }
}
