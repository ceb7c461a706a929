/** All files that were ever read, as the buffer keeps them: by what they are, by their paths, and what changed since the last commit. */
import { nullable } from "../../core/outside/composed-shapes.ts";
import { boolean, number, text } from "../../core/outside/scalar-shapes.ts";
import type { Shape, ValueOf } from "../../core/outside/shape.ts";
import { atLeast, storedJson, tuple } from "../../core/outside/stored-json.ts";
import { baseOf } from "./names.ts";
import type { Print } from "./records.ts";

const OFFSET = number({ min: 0, max: Number.MAX_SAFE_INTEGER, whole: true });
const TEXT = text(/^/, "text");
const PRINT: Shape<readonly [number, number, string]> = tuple(OFFSET, OFFSET, TEXT);

const STORED = atLeast({
  /** The last one. */
  path: TEXT,
  /** In the text that is packed, where it is packed. */
  position: OFFSET,
  state: nullable(TEXT),
  head: PRINT,
  tail: PRINT,
  /** Size and time of its last change when it was read to its end; null: there may be more. */
  whole: nullable(TEXT),
  /** When it was looked at last, ms since 1970. */
  seen: OFFSET,
  packed: boolean,
});

export type KnownFile = {
  /** `DEVICE:INODE`; of a file that is not there any more something that no file has. */
  readonly key: string;
  readonly path: string;
  readonly position: number;
  /** That of its format at the position. */
  readonly state: string | null;
  readonly head: Print;
  readonly tail: Print;
  /** How it was when nothing more was in it (`wholeMark`); null: it may have more. */
  readonly whole: string | null;
  readonly seenMs: number;
  readonly isPacked: boolean;
};

export function storedOf(file: KnownFile): string {
  const stored: ValueOf<typeof STORED> = {
    path: file.path,
    position: file.position,
    state: file.state,
    head: [file.head.end, file.head.length, file.head.hash],
    tail: [file.tail.end, file.tail.length, file.tail.hash],
    whole: file.whole,
    seen: file.seenMs,
    packed: file.isPacked,
  };
  return JSON.stringify(stored);
}

/** Null where it is not what this program wrote. */
export function knownFile(key: string, value: string): KnownFile | null {
  const stored = storedJson(STORED, value);
  if (stored === null) return null;
  const { path, position, state, head, tail, whole, seen: seenMs, packed: isPacked } = stored;
  return { key, path, position, state, head: printIn(head), tail: printIn(tail), whole, seenMs, isPacked };
}

function printIn([end, length, hash]: readonly [number, number, string]): Print {
  return { end, length, hash };
}

const GONE = "~";

/** It is not there any more, or has other content: only its content can be recognised, under a name of its own. */
export function goneKey({ path, head, tail }: Pick<KnownFile, "path" | "head" | "tail">): string {
  const base = Bun.hash.xxHash64(baseOf(path)).toString(36);
  return `${GONE}${base}.${head.hash}.${tail.hash}.${tail.end}`;
}

export function isGone({ key }: Pick<KnownFile, "key">): boolean {
  return key.startsWith(GONE);
}

/** Files that are not there any more: the ones that were seen last. */
export const GONE_MOST = 10_000;
/** Older ones of the same base are not compared with. */
const ALIKE_MOST = 256;

export class FileMemory {
  readonly #files = new Map<string, KnownFile>();
  readonly #byBase = new Map<string, Set<string>>();
  #changes = new Map<string, string | null>();

  constructor(state: ReadonlyMap<string, string>) {
    for (const [key, value] of state) {
      const file = knownFile(key, value);
      if (file === null) this.#changes.set(key, null);
      else this.#add(file);
    }
  }

  get size(): number {
    return this.#files.size;
  }

  of(key: string): KnownFile | undefined {
    return this.#files.get(key);
  }

  files(): IterableIterator<KnownFile> {
    return this.#files.values();
  }

  /** Those that a file with this path may be a copy of, or may continue: the ones that were read furthest first. */
  alike(path: string): readonly KnownFile[] {
    const keys = [...(this.#byBase.get(baseOf(path)) ?? [])];
    const files = keys.flatMap((key) => this.#files.get(key) ?? []);
    return files
      .sort((a, b) => b.seenMs - a.seenMs)
      .slice(0, ALIKE_MOST)
      .sort((a, b) => b.position - a.position);
  }

  keep(file: KnownFile): void {
    this.#remove(file.key);
    this.#add(file);
    this.#changes.set(file.key, storedOf(file));
  }

  /** There is no file any more that has this content: the content itself is remembered. */
  bury(key: string): void {
    const file = this.#files.get(key);
    if (file === undefined || isGone(file)) return;
    this.#remove(key);
    this.#changes.set(key, null);
    if (file.position > 0) this.keep({ ...file, key: goneKey(file) });
  }

  /** Forgets the files that were gone for longest. */
  prune(isThere: (key: string) => boolean): void {
    if (this.#files.size <= GONE_MOST) return;
    const gone = [...this.#files.values()].filter(({ key }) => isGone({ key }) || !isThere(key));
    if (gone.length <= GONE_MOST) return;
    for (const { key } of gone.sort((a, b) => a.seenMs - b.seenMs).slice(0, gone.length - GONE_MOST)) {
      this.#remove(key);
      this.#changes.set(key, null);
    }
  }

  get changes(): ReadonlyMap<string, string | null> {
    return this.#changes;
  }

  changeAll(): void {
    for (const file of this.#files.values()) this.#changes.set(file.key, storedOf(file));
  }

  committed(): void {
    if (this.#changes.size > 0) this.#changes = new Map();
  }

  #add(file: KnownFile): void {
    this.#files.set(file.key, file);
    const base = baseOf(file.path);
    const alike = this.#byBase.get(base) ?? new Set();
    this.#byBase.set(base, alike.add(file.key));
  }

  #remove(key: string): void {
    const file = this.#files.get(key);
    if (file === undefined) return;
    this.#files.delete(key);
    const base = baseOf(file.path);
    const alike = this.#byBase.get(base);
    alike?.delete(key);
    if (alike?.size === 0) this.#byBase.delete(base);
  }
}
