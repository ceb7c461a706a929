/** What is found in a job spec, by its place in the file, and how its parts are read: keys fold case, as Go's decoder does. */
import { didYouMean } from "../../core/outside/did-you-mean.ts";

/** `error`: Bacalhau refuses it, ignores it, or no node can run it. `warning`: it runs, and not as one would expect. */
export type Finding = { readonly level: "error" | "warning"; readonly path: string; readonly message: string };

export type Part = Readonly<Record<string, unknown>>;

export class Findings {
  readonly all: Finding[] = [];

  error(path: string, message: string): void {
    this.all.push({ level: "error", path, message });
  }

  warn(path: string, message: string): void {
    this.all.push({ level: "warning", path, message });
  }

  /** A map with no other keys than these, by their lower-case names; null: it is no map, or absent. */
  part(value: unknown, path: string, keys: readonly string[]): Part | null {
    const map = this.map(value, path);
    if (map === null) return null;
    const part: Record<string, unknown> = {};
    for (const [written, inner] of Object.entries(map)) {
      const key = keys.find((each) => each.toLowerCase() === written.toLowerCase());
      if (key === undefined) {
        this.error(
          at(path, written),
          `is no key that Bacalhau reads here, and it is ignored${didYouMean(written, keys)}`,
        );
      } else if (Object.hasOwn(part, key)) this.error(at(path, written), `is there twice: keys fold case`);
      else part[key] = inner;
    }
    return part;
  }

  map(value: unknown, path: string): Part | null {
    if (value === undefined || value === null) return null;
    if (typeof value === "object" && !Array.isArray(value)) return Object.fromEntries(Object.entries(value));
    this.error(path, `must be a map, and is ${shown(value)}`);
    return null;
  }

  list(value: unknown, path: string): readonly unknown[] {
    if (value === undefined || value === null) return [];
    if (Array.isArray(value)) return value;
    this.error(path, `must be a list, and is ${shown(value)}`);
    return [];
  }

  /** Null: it is absent, or no text. */
  text(value: unknown, path: string): string | null {
    if (value === undefined || value === null) return null;
    if (typeof value === "string") return value;
    this.error(path, `must be a text, and is ${shown(value)}: quote it`);
    return null;
  }

  neededText(value: unknown, path: string): string | null {
    const text = this.text(value, path);
    if (text?.trim() || (value !== undefined && value !== null && text === null)) return text;
    this.error(path, "is missing");
    return null;
  }

  texts(value: unknown, path: string): readonly string[] {
    return this.list(value, path).flatMap((each, index) => this.text(each, `${path}[${index}]`) ?? []);
  }

  integer(value: unknown, path: string, least = 0): number | null {
    if (value === undefined || value === null) return null;
    if (typeof value === "number" && Number.isInteger(value) && value >= least) return value;
    this.error(path, `must be a whole number from ${least}, and is ${shown(value)}`);
    return null;
  }

  /** Texts by name, such as labels. */
  textMap(value: unknown, path: string): Readonly<Record<string, string>> {
    const entries = Object.entries(this.map(value, path) ?? {});
    return Object.fromEntries(
      entries.flatMap(([name, inner]) => {
        const text = this.text(inner ?? undefined, at(path, name));
        if (inner === null) this.error(at(path, name), "has no value");
        return text === null ? [] : [[name, text]];
      }),
    );
  }

  oneOf(value: string | null, path: string, names: readonly string[]): string | null {
    if (value === null) return null;
    const found = names.find((name) => name.toLowerCase() === value.trim().toLowerCase());
    if (found === undefined) this.error(path, `"${value}" is none of ${names.join(", ")}${didYouMean(value, names)}`);
    return found ?? null;
  }

  unique(values: readonly (string | null)[], path: (index: number) => string): void {
    const seen = new Set<string>();
    for (const [index, value] of values.entries()) {
      if (value !== null && seen.has(value)) this.error(path(index), `"${value}" is there twice`);
      if (value !== null) seen.add(value);
    }
  }
}

export const at = (path: string, key: string) => (path === "" ? key : `${path}.${key}`);

function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "a map" : JSON.stringify(value);
}
