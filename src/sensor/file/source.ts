/**
 * `file:GLOB`: files that other programs write, followed like `tail -F`, each line once, over restarts. Files are read oldest first, by
 * the time of their last change, then by name. What was read of each is in the buffer, in the transaction of its readings.
 */
import { TransientError, UsageError } from "../../core/errors.ts";
import type { Problem } from "../../core/problem.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { shellWord } from "../../core/shell-word.ts";
import type { MakeFormat } from "../format.ts";
import type { SourceNormalizers } from "../normalizers.ts";
import type { FormatSpec } from "../open-format.ts";
import type { FileHolder, FileHolders } from "../shared-files.ts";
import type { Source, Taken } from "../source.ts";
import type { FormatFor } from "./followed-file.ts";
import { Following } from "./following.ts";
import { FileMemory } from "./memory.ts";
import { cursorOf, folderIn, leftNotice, problemsOf } from "./report.ts";
import type { FileUri } from "./uri.ts";

const POLL_MS = 1_000;
/** One take reads about so much: others have their turn. */
const TAKE_BYTES = 1024 * 1024;
/** One take meets new files for about so long. */
const MEET_MS = 20;

export type FileSourceOptions = {
  readonly uri: string;
  readonly at: FileUri;
  readonly normalizers: SourceNormalizers;
  /** All that was kept of its files. */
  readonly state: ReadonlyMap<string, string>;
  readonly formats: ReadonlyMap<FormatSpec, MakeFormat>;
  readonly cwd: string;
  readonly once?: boolean;
  readonly pollMs?: number;
  readonly holders: FileHolders;
  readonly notice: (line: string) => void;
};

export class FileSource implements Source, FileHolder {
  readonly uri: string;
  onReady: (() => void) | null = null;
  readonly #options: FileSourceOptions;
  readonly #memory: FileMemory;
  readonly #files: Following;
  readonly #formatFor: FormatFor;
  readonly #pollMs: number;
  #lookedMs = Number.NaN;
  #ended = false;
  /** With `once`: that it ended without some of the files was said. */
  #wasRefused = false;

  /** Throws a UsageError where, with `once`, no file is there and none ever was. */
  constructor(options: FileSourceOptions) {
    const { uri, at, normalizers, formats, once = false } = options;
    this.uri = uri;
    this.#options = options;
    this.#pollMs = at.pollMs ?? options.pollMs ?? POLL_MS;
    this.#memory = new FileMemory(options.state);
    this.#formatFor = (path, start) => {
      const make = formats.get(at.formatOf(path));
      if (make === undefined) throw new Error(`the format of "${path}" was not loaded`);
      return make(normalizers, start);
    };
    this.#files = new Following({
      at,
      once,
      cwd: options.cwd,
      memory: this.#memory,
      pollMs: this.#pollMs,
      formatFor: this.#formatFor,
      ready: () => this.onReady?.(),
      left: (path) => options.notice(leftNotice(path)),
      holderOf: ({ key, mark }) => options.holders.other(this, key, mark),
      shared: (path, other) =>
        options.notice(`"${path}" is matched by "${other}" and by "${uri}": only the first of them takes it`),
    });
    if (once && this.#memory.size === 0 && this.#files.isNothingThere(Date.now())) {
      throw new UsageError(`Cannot read "${uri}": no file is there that matches "${at.glob}"`, {
        tryHint: `ls -l ${shellWord(folderIn(at.glob))}`,
      });
    }
    options.holders.add(this);
  }

  take(block: ReadingBlock, nowMs: number): Taken {
    if (this.#ended) return { state: "ended" };
    if (block.full) return { state: "more" };
    const files = this.#files;
    // A clock that was set back must not stop it from looking.
    if (!(nowMs - this.#lookedMs < this.#pollMs && nowMs >= this.#lookedMs)) {
      this.#lookedMs = nowMs;
      files.look(nowMs);
    }
    if (!files.meet(MEET_MS)) return { state: "more" };
    const before = block.count;
    const taken = this.#takeFrom(block, nowMs);
    this.#options.normalizers.typed.names?.took(block.count - before, taken.state === "ended");
    return taken;
  }

  #takeFrom(block: ReadingBlock, nowMs: number): Taken {
    const taken = block.count;
    let left = TAKE_BYTES;
    for (let file = this.#files.next(); file !== null; file = this.#files.next()) {
      const before = file.position;
      const isDone = this.#files.read(file, block, nowMs);
      left -= Math.max(0, file.position - before);
      if (block.full) return { state: "more" };
      if (!isDone) return { state: "idle", wakeAtMs: this.#lookedMs + this.#pollMs };
      if (left <= 0) return { state: "more" };
    }
    if (this.#options.once !== true) return { state: "idle", wakeAtMs: this.#lookedMs + this.#pollMs };
    // What was written, or rotated, while it was read: whatever was there at the start is read under its new name.
    if (!this.#files.isComplete(nowMs)) return { state: "more" };
    return this.#end(block.count > taken);
  }

  #end(hasTaken: boolean): Taken {
    const troubles = this.#files.troubles();
    const [first] = troubles;
    if (first === undefined || this.#wasRefused) {
      this.#ended = true;
      return { state: "ended" };
    }
    // A take that fails appends nothing.
    if (hasTaken) return { state: "more" };
    this.#wasRefused = true;
    const more = troubles.length > 1 ? `, and ${troubles.length - 1} more` : "";
    throw new TransientError(`Not all files were read: "${first.path}": ${first.reason}${more}`, {
      tryHint: first.try,
      isFinal: true,
    });
  }

  holds(key: string, mark: string): boolean {
    const { files, newcomers } = this.#files;
    return files.has(key) || newcomers.has(key) || this.#memory.of(key)?.whole === mark;
  }

  cursor(): string {
    return cursorOf(this.#files);
  }

  changes(): ReadonlyMap<string, string | null> {
    this.#files.remember();
    return this.#memory.changes;
  }

  changeAll(): void {
    this.#files.remember();
    this.#memory.changeAll();
  }

  committed(): void {
    this.#memory.committed();
    this.#files.committed();
  }

  get hasMoved(): boolean {
    return this.#files.hasMoved || this.#memory.changes.size > 0;
  }

  otherTime(timeMs: number): string | null {
    return this.#options.normalizers.typed.timestamps.otherMeaning(timeMs);
  }

  problems(): readonly Problem[] {
    const names = this.#options.normalizers.typed.names?.problems() ?? [];
    return [
      ...problemsOf(
        this.uri,
        { at: this.#options.at, wereThere: this.#memory.size > 0, once: this.#options.once === true },
        this.#files,
      ),
      ...names,
    ];
  }

  close(): void {
    for (const file of this.#files.files.values()) file.close();
  }
}
