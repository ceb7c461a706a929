/**
 * Names in a map that no row has: misspelt, of another case, or a path that leads nowhere. Rows of all sources that read by the map
 * count together, for one map may serve sources of different kinds: a name is reported when each of them has had enough rows.
 */
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import type { Problem } from "../../core/problem.ts";
import type { Mapping } from "../row/fields.ts";
import type { Path } from "./path.ts";

/** A source has shown its names after so many rows; fewer when it ends. */
const ENOUGH_ROWS = 100;
/** Names of rows that are remembered, to say which was probably meant. */
const NAMES_MOST = 500;
const NAMES_SHOWN = 5;
/** Levels of objects whose names are remembered. */
const DEPTH_MOST = 4;

export class MappedNames {
  /** Mapped names that no row has had. */
  readonly unseen: Set<string>;
  /** Names that are looked for in whole records, by their text. */
  readonly paths = new Map<string, Path>();
  /** Names beside those of `fields` that records should have. */
  readonly #needed = new Set<string>();
  readonly #mapping: Mapping;
  readonly #report: (line: string) => void;
  readonly #file: string | null;
  /** Names of rows that the map does not name, and whether their value is an object. */
  readonly #others = new Map<string, boolean>();
  readonly #sources: SourceNames[] = [];
  #isReported = false;

  /** `report` gets the problem once, as a sentence. `file`: where there are several maps, which one this is. */
  constructor(mapping: Mapping, report: (line: string) => void = () => {}, file: string | null = null) {
    this.#mapping = mapping;
    this.#report = report;
    this.#file = file;
    // A field that is dropped may well be absent; only where a name is near was another one meant.
    this.unseen = new Set([...mapping.fields.keys(), ...mapping.time.from, ...mapping.drop]);
    for (const { unitFrom, unit } of mapping.fields.values()) {
      if (unitFrom === null || unit !== null) continue;
      this.#needed.add(unitFrom);
      this.unseen.add(unitFrom);
    }
    const { shape } = mapping;
    if (shape === null) return;
    for (const path of [...shape.paths, ...shape.drop]) this.paths.set(path.text, path);
    const asked = [
      ...shape.extract.map(({ from }) => from),
      ...shape.where.flatMap(({ paths, needsThem }) => (needsThem ? paths : [])),
      ...shape.compose.flatMap(({ parts }) => [...parts.values()]),
      ...shape.makers.flatMap(({ needs }) => needs),
    ];
    for (const path of asked) {
      this.paths.set(path.text, path);
      this.#needed.add(path.text);
    }
    for (const { text } of shape.each) this.#needed.add(text);
    for (const name of this.#needed) this.unseen.add(name);
    // Known by the source, not by its records.
    for (const { text, context } of this.paths.values()) if (context !== null) this.unseen.delete(text);
  }

  /** Names that are taken out of texts: only rows show whether these fit. */
  get extracted(): readonly string[] {
    return this.#mapping.shape?.extract.flatMap(({ patterns }) => patterns.flatMap(({ names }) => names)) ?? [];
  }

  /** For one more source that reads by this map. */
  ofSource(source = new SourceNames(this)): SourceNames {
    this.#sources.push(source);
    return source;
  }

  /** A name that rows have; `value` is one of its values. */
  see(name: string, value: unknown): void {
    this.unseen.delete(name);
    const { fields, drop, time } = this.#mapping;
    const isObject = typeof value === "object" && value !== null;
    if (isObject) this.#seeWithin(name, value, 1);
    if (fields.has(name) || drop.has(name) || time.from.includes(name) || this.#others.size >= NAMES_MOST) return;
    if (!this.#others.get(name)) this.#others.set(name, isObject);
  }

  /** The paths to what is in an object or array. */
  #seeWithin(path: string, value: object, depth: number): void {
    for (const [name, inner] of Object.entries(value)) {
      if (this.#others.size >= NAMES_MOST) return;
      const text = Array.isArray(value) ? `${path}[${name}]` : `${path}.${name.replaceAll(/[\\.[]/g, "\\$&")}`;
      const isObject = typeof inner === "object" && inner !== null;
      if (!this.#mapping.fields.has(text) && !this.#others.get(text)) this.#others.set(text, isObject);
      if (isObject && depth < DEPTH_MOST && !(Array.isArray(value) && name !== "0"))
        this.#seeWithin(text, inner, depth + 1);
    }
  }

  /** Called when a source is ready. */
  judge(): void {
    const problem = this.problem();
    if (problem === null || this.#isReported) return;
    this.#isReported = true;
    this.#report(problem.message);
  }

  problem(): Problem | null {
    if (this.unseen.size === 0 || this.#sources.some(({ isReady }) => !isReady)) return null;
    const { fields, drop, time } = this.#mapping;
    // No row had any name: the map may still be right.
    const all = new Set([...fields.keys(), ...time.from, ...drop, ...this.#needed]);
    if (this.#others.size === 0 && this.unseen.size === all.size) return null;
    const hints = [...this.unseen].flatMap((name) => {
      if (this.#isOneOfSeveral(name) && didYouMean(name, this.#others.keys()) === "") return [];
      const hint = this.#hint(name);
      return hint === "" && !this.#isNeeded(name) ? [] : [`"${name}"${hint}`];
    });
    if (hints.length === 0) return null;
    const more = hints.length > NAMES_SHOWN ? `, and ${hints.length - NAMES_SHOWN} more` : "";
    const which = this.#file === null ? "" : ` "${this.#file}"`;
    const message = `No row has these names of the map${which}: ${hints.slice(0, NAMES_SHOWN).join(", ")}${more}`;
    return { code: "map_names_unseen", message, try: "agent tail --json" };
  }

  problemsOfTables(): readonly Problem[] {
    return this.#mapping.shape?.makers.flatMap((maker) => maker.problems()) ?? [];
  }

  /** Of several names for one of our fields, rows have another one. */
  #isOneOfSeveral(name: string): boolean {
    const { fields } = this.#mapping;
    const to = fields.get(name)?.to;
    return to !== undefined && fields.entries().some(([other, said]) => said.to === to && !this.unseen.has(other));
  }

  /** A field to drop may be absent, and so may a time where that of the arrival takes its place. */
  #isNeeded(name: string): boolean {
    const { fields, time } = this.#mapping;
    const isTime = time.from.includes(name) || fields.get(name)?.to === "timestamp";
    return isTime ? !time.orArrival : fields.has(name) || this.#needed.has(name);
  }

  /** What was probably meant, of the names that rows have. */
  #hint(name: string): string {
    const extraction = this.#mapping.shape?.extract.find(({ patterns }) =>
      patterns.some(({ names }) => names.includes(name)),
    );
    if (extraction !== undefined) {
      const all = extraction.patterns.map(({ text }) => `"${text}"`).join(" or ");
      return ` (no text of "${extraction.from.text}" fits ${all})`;
    }
    const { fields } = this.#mapping;
    // What is asked of a record may be a field that is read as well.
    const others = this.#needed.has(name) ? [...fields.keys(), ...this.extracted] : [];
    const known = [...this.#others.keys(), ...others.filter((other) => !this.unseen.has(other))];
    if (/\[\]$|\*$/.test(name)) {
      const end = name.endsWith("[]") ? "[]" : ".*";
      known.push(...[...this.#others].flatMap(([other, isObject]) => (isObject ? [other + end] : [])));
    }
    const near = didYouMean(name, known);
    if (near !== "") return ` (${near.replace(/^; /, "")})`;
    const [first = ""] = name.split(/[.[]/, 1);
    if (first !== name && this.#others.get(first) === true) return ` (rows have "${first}", with other names in it)`;
    const to = this.#mapping.fields.get(name)?.to ?? "";
    return this.#others.has(to) ? ` (rows have "${to}" itself, which is not read while another name leads to it)` : "";
  }
}

/** What one source has shown of its names. */
export class SourceNames {
  readonly #names: MappedNames;
  isReady = false;
  #rows = 0;

  constructor(names: MappedNames) {
    this.#names = names;
  }

  /** The names of a row. Costs nothing when every mapped name has occurred. */
  see(row: Readonly<Record<string, unknown>>): void {
    const { unseen } = this.#names;
    if (unseen.size === 0) return;
    if (!this.isReady) for (const name in row) this.#names.see(name, row[name]);
    else for (const name of unseen) if (Object.hasOwn(row, name)) unseen.delete(name);
  }

  /** A path of `each` that a record has. */
  found(path: string): void {
    this.#names.unseen.delete(path);
  }

  /** `has`: whether a record has a value there. */
  seePaths(has: (path: Path) => boolean): void {
    const { unseen, paths } = this.#names;
    if (unseen.size === 0) return;
    for (const name of unseen) {
      const path = paths.get(name);
      if (path !== undefined && has(path)) unseen.delete(name);
    }
  }

  /** All names that rows can have, where a table says so. */
  seeAll(names: readonly string[]): void {
    for (const name of names) this.#names.see(name, null);
    for (const name of this.#names.extracted) this.#names.unseen.delete(name);
    this.#ready();
  }

  /** Rows were taken; `ended`: no more will come. */
  took(rows: number, ended: boolean): void {
    if (this.isReady) return;
    this.#rows += rows;
    if (this.#rows >= ENOUGH_ROWS || ended) this.#ready();
  }

  problems(): readonly Problem[] {
    const problem = this.#names.problem();
    return [...(problem === null ? [] : [problem]), ...this.#names.problemsOfTables()];
  }

  #ready(): void {
    if (this.isReady) return;
    this.isReady = true;
    this.#names.judge();
  }
}
