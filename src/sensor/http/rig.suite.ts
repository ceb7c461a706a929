/** A source that listens on a free port of loopback, and an agent's turns by hand: for tests. */
import { TransientError } from "../../core/errors.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { type BlockReading, readingsOf } from "../../testing/block-readings.ts";
import { SourceNormalizers } from "../normalizers.ts";
import { loadProfile } from "../profile/shipped.ts";
import { type Mapping, NO_MAPPING } from "../row/fields.ts";
import { HTTP_LIMITS, type HttpLimits } from "./limits.ts";
import { HttpSource, type HttpSourceOptions } from "./source.ts";
import { parseHttpUri } from "./uri.ts";

/** When all readings are taken. */
export const NOW = Date.UTC(2026, 0, 1);

export type RigOptions = {
  readonly uri?: string;
  readonly token?: string | null;
  readonly limits?: Partial<HttpLimits>;
  readonly maxBodyBytes?: number;
  readonly capacity?: number;
  readonly mapping?: Mapping;
  readonly running?: () => number;
  /** What an earlier source had committed. */
  readonly state?: ReadonlyMap<string, string>;
};

export class HttpRig {
  readonly catalogue = new SensorCatalogue();
  readonly source: HttpSource;
  /** The rows of each commit. */
  readonly commits: number[] = [];
  /** What the source keeps, as it was committed. */
  readonly state: Map<string, string>;
  readonly readings: BlockReading[] = [];
  trouble: TransientError | null = null;
  /** While false, nothing is taken and nothing committed. */
  isRunning = true;
  block: ReadingBlock;
  /** Resolves at the next commit. */
  onCommit: () => void = () => undefined;

  constructor(given: RigOptions = {}) {
    const { uri = "http://:0/in", token = null, limits = {}, maxBodyBytes = 1 << 20, capacity = 1_000 } = given;
    const { mapping = NO_MAPPING, state = new Map<string, string>() } = given;
    const profile = loadProfile("environmental");
    const normalizers = new SourceNormalizers({ catalogue: this.catalogue, profile, mapping });
    const options: HttpSourceOptions = {
      uri,
      at: parseHttpUri(uri, token !== null),
      normalizers,
      state,
      token,
      maxBodyBytes,
      now: () => NOW,
      limits: { ...HTTP_LIMITS, ...limits },
      ...(given.running && { running: given.running }),
    };
    this.state = new Map(state);
    this.block = new ReadingBlock(capacity);
    this.source = new HttpSource(options);
    this.source.onReady = () => this.turn();
  }

  /** Listens; the URL. */
  async listen(): Promise<string> {
    for (this.turn(); this.source.url === null; ) await new Promise(setImmediate);
    return this.source.url;
  }

  turn(): void {
    this.trouble = null;
    try {
      while (this.isRunning && this.source.take(this.block, NOW).state === "more") this.#commit();
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      this.trouble = error;
    }
    if (this.isRunning && (this.block.count > 0 || this.source.hasMoved)) this.#commit();
  }

  #commit(): void {
    this.commits.push(this.block.count);
    for (const [key, value] of this.source.changes()) {
      if (value === null) this.state.delete(key);
      else this.state.set(key, value);
    }
    this.readings.push(...readingsOf(this.block, this.catalogue));
    this.block.clear();
    this.source.committed();
    this.onCommit();
  }
}
