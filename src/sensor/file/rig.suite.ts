/** A source of files with a folder of its own and a buffer that is a list: for tests. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { openSource } from "../open-source.ts";
import { loadProfile, shippedProfiles } from "../profile/shipped.ts";
import { FileHolders } from "../shared-files.ts";
import type { Source } from "../source.ts";
import { SourceMaps } from "../source-maps.ts";

const POLL_MS = 1_000;
const TURNS = 5_000;

export type RigOptions = {
  readonly once?: boolean;
  readonly map?: object;
  readonly capacity?: number;
  /** Of another source. */
  readonly scheme?: "sqlite" | "stdin";
  readonly stdin?: () => AsyncIterable<Uint8Array>;
  /** Of a run with other sources of files. */
  readonly holders?: FileHolders;
  /** The folder of another rig. */
  readonly dir?: string;
};

export class FileRig {
  readonly dir: string;
  readonly notices: string[] = [];
  readonly uri: string;
  readonly options: RigOptions;
  readonly catalogue = new SensorCatalogue();
  /** Committed: the sensor and the number of each line, and malformed ones as received. */
  rows: string[] = [];
  state = new Map<string, string>();
  cursor: string | null = null;
  nowMs = Date.now();
  #source: Source | null = null;
  readonly #block: ReadingBlock;

  constructor(glob: string, options: RigOptions = {}) {
    const { scheme = "file" } = options;
    this.dir = options.dir ?? mkdtempSync(join(tmpdir(), "file-source-"));
    this.uri = scheme === "sqlite" ? `sqlite:${this.path(glob)}` : `${scheme}:${glob}`;
    this.options = options;
    this.#block = new ReadingBlock(options.capacity ?? 100);
    if (options.map !== undefined) this.write("map.json", JSON.stringify(options.map));
  }

  write(path: string, text: string | Uint8Array): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), text);
  }

  append(path: string, text: string): void {
    appendFileSync(this.path(path), text);
  }

  path(path: string): string {
    return join(this.dir, path);
  }

  async source(): Promise<Source> {
    if (this.#source !== null) return this.#source;
    const profile = loadProfile("environmental");
    this.#source = await openSource(this.uri, {
      catalogue: this.catalogue,
      profile,
      otherProfiles: [],
      maps: new SourceMaps({
        file: this.options.map === undefined ? null : "map.json",
        profiles: shippedProfiles(),
        cwd: this.dir,
      }),
      cursor: () => this.cursor,
      stateOf: () => new Map(this.state),
      lastTimesOf: () => [],
      nodeId: "n",
      mqttLogin: { user: null, password: null, passwordFile: null },
      http: { token: null, maxBodyBytes: 1_000 },
      once: this.options.once ?? false,
      stdin: this.options.stdin ?? (() => new Blob([]).stream()),
      now: () => this.nowMs,
      maxLineBytes: 100_000,
      pollMs: POLL_MS,
      cwd: this.dir,
      fileHolders: this.options.holders ?? new FileHolders(),
      notice: (line) => this.notices.push(line),
    });
    return this.#source;
  }

  /** Everything that was taken is committed. */
  commit(source: Source): void {
    const block = this.#block;
    for (let row = 0; row < block.count; row++) {
      const malformed = block.malformed.get(row);
      const id = this.catalogue.sensors[block.sensor[row] ?? 0]?.identity[0];
      const slot = this.catalogue.slotOf("temperature");
      this.rows.push(malformed === undefined ? `${id}:${block.measures[slot]?.[row]}` : `bad:${malformed.received}`);
    }
    block.clear();
    for (const [key, value] of source.changes?.() ?? []) {
      if (value === null) this.state.delete(key);
      else this.state.set(key, value);
    }
    this.cursor = source.cursor();
    source.committed();
  }

  /** Takes until nothing is new, a second later; commits all of it, or, where it `crashes`, only what filled a block. */
  async take(how: { crashes?: boolean; ms?: number } = {}): Promise<string[]> {
    const source = await this.source();
    const before = this.rows.length;
    this.nowMs += how.ms ?? POLL_MS;
    let idle = 0;
    for (let turn = 0; turn < TURNS; turn++) {
      const { state } = source.take(this.#block, this.nowMs);
      if (this.#block.full) this.commit(source);
      if (state === "ended") break;
      if (state === "idle" && ++idle > 1 && !this.#isUnpacking()) break;
      if (state === "idle") await new Promise(setImmediate);
    }
    if (how.crashes === true) this.crash();
    else this.commit(source);
    return this.rows.slice(before);
  }

  /** Looks so often, a second apart. */
  async looks(count: number): Promise<string[]> {
    const rows: string[] = [];
    for (let i = 0; i < count; i++) rows.push(...(await this.take()));
    return rows;
  }

  /** What was not committed is gone; the next take opens it again. */
  crash(): void {
    this.#block.clear();
    this.#source?.close();
    this.#source = null;
  }

  async problems(): Promise<string[]> {
    return ((await this.source()).problems?.() ?? []).map(({ code, message }) => `${code}: ${message}`);
  }

  end(): void {
    this.crash();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Something is unpacked at this moment: it calls when it has more. */
  #isUnpacking(): boolean {
    if (this.options.scheme !== undefined) return false;
    return JSON.parse(this.#source?.cursor() ?? "{}").unread > 0;
  }
}

const AT = Date.UTC(2026, 10, 30);

/** Lines `from` to `to` of a sensor. */
export function lines(from: number, to: number, id = "a"): string {
  let text = "";
  for (let n = from; n <= to; n++) {
    const timestamp = new Date(AT + n * 1_000).toISOString();
    text += `${JSON.stringify({ sensor_id: id, timestamp, temperature: n })}\n`;
  }
  return text;
}

export function rowsOf(from: number, to: number, id = "a"): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `${id}:${from + i}`);
}
