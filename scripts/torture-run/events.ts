/** Events that time a death: writes into the buffer, and files of objects that come and go, counted as they happen. */
import { existsSync, type FSWatcher, mkdirSync, readdirSync, watch } from "node:fs";
import { join } from "node:path";

export type EventKind = "commit" | "put";

export class Events {
  readonly #counts: Record<EventKind, number> = { commit: 0, put: 0 };
  readonly #watched = new Map<string, FSWatcher>();
  readonly #lake: string | null;
  /** Called at each event. */
  onEvent: () => void = () => undefined;

  /** `lake`: the folder of a `dir:` store; null where the store itself reports them (`happened`). */
  constructor(dataDir: string, lake: string | null) {
    this.#lake = lake;
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    this.#watch(dataDir, "commit", (name) => name === "buffer.db-wal");
    this.look();
  }

  count(kind: EventKind): number {
    return this.#counts[kind];
  }

  happened(kind: EventKind): void {
    this.#counts[kind]++;
    this.onEvent();
  }

  /** Buckets that appeared since the last look are watched too. */
  look(): void {
    if (this.#lake === null || !existsSync(this.#lake)) return;
    for (const bucket of readdirSync(this.#lake)) {
      const incoming = join(this.#lake, bucket, ".incoming");
      if (existsSync(incoming)) this.#watch(incoming, "put", () => true);
    }
  }

  close(): void {
    for (const watcher of this.#watched.values()) watcher.close();
  }

  #watch(folder: string, kind: EventKind, counts: (name: string) => boolean): void {
    if (this.#watched.has(folder)) return;
    const watcher = watch(folder, (_, name) => {
      if (name !== null && counts(name)) this.happened(kind);
    });
    watcher.on("error", () => undefined);
    this.#watched.set(folder, watcher);
  }
}
