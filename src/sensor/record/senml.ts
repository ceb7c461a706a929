/**
 * A SenML pack (RFC 8428): base fields are resolved, and the entries of one base name and time become one reading, with a field for
 * each name. Values and times that nothing is added to keep their digits.
 */
import { RECORD_READINGS } from "../../core/reading.ts";
import type { RowProblem } from "../row/row-problem.ts";
import { type FannedOut, type RecordItem, TooManyItems } from "./fan-out.ts";
import { JsonText } from "./json-text.ts";
import { Layer } from "./layer.ts";

/** RFC 8428, 4.5.3: a smaller time is relative to now. */
export const ABSOLUTE_SINCE = 2 ** 28;
/** RFC 8428, 4.4: the newest version that is known. */
const VERSION = 10;
const KNOWN = new Set(["bn", "bt", "bu", "bv", "bs", "bver", "n", "u", "v", "vs", "vb", "vd", "s", "t", "ut"]);

type Entry = Readonly<Record<string, unknown>>;
type Base = { bn: string; bt: number; bu: string | null; bv: number; bs: number };
/** One reading: JSON text by name. */
type Group = {
  readonly fields: Map<string, string>;
  /** By what it is, and of which value. */
  readonly beside: Map<string, Map<string, string>>;
  readonly units: Map<string, string>;
  readonly isOfArrival: boolean;
};

/** One item for each base name and time, in the order of the pack; or why the record is not a pack. Throws TooManyItems. */
export function packItems(record: unknown, json: () => JsonText, nowMs: number): FannedOut | RowProblem {
  if (!Array.isArray(record) || !record.every(isEntry)) {
    return { reason: "wrong_type", detail: "the record is not a SenML pack, which is an array of objects" };
  }
  const pack = new Pack(json(), nowMs);
  for (const [i, entry] of record.entries()) {
    const problem = problemOf(entry);
    if (problem !== null) return { reason: "wrong_type", detail: `[${i}]: ${problem}` };
    pack.add(entry, i);
  }
  const items = pack.items();
  const whole = { place: "", layers: [Layer.of(record, json)], keys: [], unitOf: null };
  return { items, deadEnds: items.length === 0 ? [{ item: whole, isEmpty: record.length === 0 }] : [] };
}

/** Why an entry, and with it the pack, cannot be understood. */
function problemOf(entry: Entry): string | null {
  for (const key of ["bn", "bu", "n", "u"]) {
    if (entry[key] !== undefined && typeof entry[key] !== "string") return `${key} is not text`;
  }
  for (const key of ["bt", "bv", "bs", "t", "s", "ut"]) {
    if (entry[key] !== undefined && !Number.isFinite(entry[key])) return `${key} is not a number`;
  }
  const { bver } = entry;
  if (bver !== undefined && !(typeof bver === "number" && bver <= VERSION)) {
    return `bver is ${JSON.stringify(bver)}, at most version ${VERSION} of SenML is understood`;
  }
  const strange = Object.keys(entry).find((key) => key.endsWith("_"));
  return strange === undefined ? null : `${JSON.stringify(strange)} must be understood, and is not`;
}

class Pack {
  readonly #json: JsonText;
  readonly #nowMs: number;
  readonly #base: Base = { bn: "", bt: 0, bu: null, bv: 0, bs: 0 };
  readonly #groups: Group[] = [];
  /** The newest group of each base name and time. */
  readonly #newest = new Map<string, Group>();
  /** What unknown fields said of entries that have only base fields: the next reading gets them. */
  readonly #waiting = new Map<string, string>();

  constructor(json: JsonText, nowMs: number) {
    this.#json = json;
    this.#nowMs = nowMs;
  }

  add(entry: Entry, i: number): void {
    const base = this.#base;
    if (typeof entry["bn"] === "string") base.bn = entry["bn"];
    if (typeof entry["bu"] === "string") base.bu = entry["bu"];
    base.bt = numberOr(entry["bt"], base.bt);
    base.bv = numberOr(entry["bv"], base.bv);
    base.bs = numberOr(entry["bs"], base.bs);
    const others = Object.keys(entry).filter((key) => !KNOWN.has(key));
    if (!OWN.some((key) => Object.hasOwn(entry, key))) {
      for (const key of others) this.#waiting.set(key, this.#json.at([i, key]));
      return;
    }
    const name = nameOf(entry);
    const group = this.#groupFor(name, this.#timeOf(entry, i), this.#isAbsolute(entry));
    group.fields.set(name, this.#valueOf(entry, i));
    const unit = entry["u"] ?? base.bu;
    if (typeof unit === "string") {
      group.units.set(name, unit);
      addTo(group.beside, "u", name, JSON.stringify(unit));
    }
    if (entry["s"] !== undefined || base.bs !== 0) addTo(group.beside, "s", name, this.#plus(entry, i, "s"));
    for (const key of [...others, "ut"]) {
      if (entry[key] !== undefined) addTo(group.beside, key, name, this.#json.at([i, key]));
    }
  }

  items(): RecordItem[] {
    return this.#groups.map(({ fields, beside, units, isOfArrival }) => {
      const parts = Array.from(fields, ([name, text]) => `${JSON.stringify(name)}:${text}`);
      for (const [key, texts] of beside) {
        let name = key;
        while (fields.has(name)) name += "_";
        const inner = Array.from(texts, ([of, text]) => `${JSON.stringify(of)}:${text}`);
        parts.push(`${JSON.stringify(name)}:{${inner.join(",")}}`);
      }
      const text = `{${parts.join(",")}}`;
      return {
        place: "",
        layers: [new Layer(JSON.parse(text), () => new JsonText(text))],
        keys: [],
        unitOf: (name) => units.get(name),
        ...(isOfArrival && { arrivalField: "t" }),
      };
    });
  }

  /** A name that occurs twice at one time is in two readings. */
  #groupFor(name: string, time: string, isAbsolute: boolean): Group {
    const key = `${time} ${this.#base.bn}`;
    const known = this.#newest.get(key);
    if (known !== undefined && !known.fields.has(name)) return known;
    if (this.#groups.length >= RECORD_READINGS) throw new TooManyItems();
    const fields = new Map<string, string>();
    if (this.#base.bn !== "") fields.set("bn", JSON.stringify(this.#base.bn));
    fields.set("t", time);
    const group: Group = { fields, beside: new Map(), units: new Map(), isOfArrival: !isAbsolute };
    for (const [other, text] of this.#waiting) addTo(group.beside, other, "", text);
    this.#waiting.clear();
    this.#groups.push(group);
    this.#newest.set(key, group);
    return group;
  }

  #isAbsolute({ t }: Entry): boolean {
    return this.#base.bt + numberOr(t, 0) >= ABSOLUTE_SINCE;
  }

  /** Seconds since 1970, as JSON text. */
  #timeOf({ t }: Entry, i: number): string {
    const time = this.#base.bt + numberOr(t, 0);
    const isAbsolute = this.#isAbsolute({ t });
    if (isAbsolute && this.#base.bt === 0) return this.#json.at([i, "t"]);
    // The sum of two decimals has digits that neither of them had.
    return jsonOf(Number((isAbsolute ? time : this.#nowMs / 1_000 + time).toFixed(6)));
  }

  #valueOf(entry: Entry, i: number): string {
    const key = ["v", "vs", "vb", "vd"].find((each) => Object.hasOwn(entry, each));
    if (key !== undefined && key !== "v") return this.#json.at([i, key]);
    return key === "v" || this.#base.bv !== 0 ? this.#plus(entry, i, "v") : "null";
  }

  /** The value or sum, with its base. */
  #plus(entry: Entry, i: number, key: "v" | "s"): string {
    const base = key === "v" ? this.#base.bv : this.#base.bs;
    const own = entry[key];
    if (own !== undefined && (base === 0 || !Number.isFinite(own))) return this.#json.at([i, key]);
    return jsonOf(Number((base + numberOr(own, 0)).toPrecision(15)));
  }
}

/** An entry with none of these only sets what is true of those that follow. */
const OWN = ["n", "v", "vs", "vb", "vd", "s", "t", "u", "ut"] as const;

/** The time and the base name have their names already. */
function nameOf({ n }: Entry): string {
  if (typeof n !== "string" || n === "") return "value";
  return n === "t" || n === "bn" ? `${n}_` : n;
}

/** Two numbers that JSON has may have a sum that it has not. */
function jsonOf(sum: number): string {
  return Number.isFinite(sum) ? String(sum) : `${sum < 0 ? "-" : ""}1e999`;
}

function numberOr(value: unknown, other: number): number {
  return typeof value === "number" ? value : other;
}

function addTo(all: Map<string, Map<string, string>>, key: string, name: string, text: string): void {
  const texts = all.get(key) ?? new Map<string, string>();
  all.set(key, texts.set(name, text));
}

function isEntry(value: unknown): value is Entry {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
