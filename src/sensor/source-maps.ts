/** The map of each source: the file of its `map` parameter, else that of `--map`. A file is read once, however many name it. */
import { UsageError } from "../core/errors.ts";
import type { Profile } from "../core/profile.ts";
import { loadMapping } from "./map/map-file.ts";
import { MappedNames } from "./map/mapped-names.ts";
import type { Mapping } from "./row/fields.ts";
import { mapFileOf } from "./uri-parameters.ts";

/** What rows are read by; `names`: which of the map's names they have. */
export type ReadingMap = { readonly mapping: Mapping; readonly names: MappedNames };

export class SourceMaps {
  /** Of the files that were read so far; each lists every problem of one file. */
  readonly problems: UsageError[] = [];
  readonly #usual: string | null;
  readonly #profiles: readonly Profile[] | null;
  readonly #cwd: string;
  readonly #report: (line: string) => void;
  readonly #read = new Map<string, ReadingMap | null>();

  /** `file`: that of `--map`. `profiles`: those that rows may have; null: they are not known. */
  constructor(options: {
    readonly file: string | null;
    readonly profiles: readonly Profile[] | null;
    readonly cwd: string;
    /** Gets a sentence where no row has a name of a map. */
    readonly report?: (line: string) => void;
  }) {
    this.#usual = options.file;
    this.#profiles = options.profiles;
    this.#cwd = options.cwd;
    this.#report = options.report ?? (() => {});
  }

  /** Of the source with this URI; null where it has none, or where its file has problems. */
  of(uri: string): ReadingMap | null {
    const file = mapFileOf(uri) ?? this.#usual;
    return file === null ? null : this.read(file);
  }

  read(file: string): ReadingMap | null {
    const known = this.#read.get(file);
    if (known !== undefined) return known;
    const made = this.#load(file);
    this.#read.set(file, made);
    return made;
  }

  #load(file: string): ReadingMap | null {
    try {
      const mapping = loadMapping(file, this.#profiles, this.#cwd);
      return { mapping, names: new MappedNames(mapping, this.#report, file === this.#usual ? null : file) };
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      this.problems.push(error);
      return null;
    }
  }
}
