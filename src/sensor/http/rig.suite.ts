/** A source that listens on a free port of loopback, and an agent's turns by hand: for tests. */
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { loadProfile } from "../profile/shipped.ts";
import { Normalizer } from "../row/normalize.ts";
import { HTTP_LIMITS, type HttpLimits } from "./limits.ts";
import { HttpSource, type HttpSourceOptions } from "./source.ts";
import { parseHttpUri } from "./uri.ts";

export type RigOptions = {
  readonly uri?: string;
  readonly token?: string | null;
  readonly limits?: Partial<HttpLimits>;
  readonly maxBodyBytes?: number;
  readonly capacity?: number;
};

export class HttpRig {
  readonly catalogue = new SensorCatalogue();
  readonly source: HttpSource;
  /** The rows of each commit. */
  readonly commits: number[] = [];
  /** While false, nothing is taken and nothing committed. */
  isRunning = true;
  block: ReadingBlock;
  /** Resolves at the next commit. */
  onCommit: () => void = () => undefined;

  constructor({
    uri = "http://:0/in",
    token = null,
    limits = {},
    maxBodyBytes = 1 << 20,
    capacity = 1_000,
  }: RigOptions = {}) {
    const normalizer = new Normalizer({ catalogue: this.catalogue, profile: loadProfile("environmental") });
    const options: HttpSourceOptions = {
      uri,
      at: parseHttpUri(uri, token !== null),
      normalizer,
      token,
      maxBodyBytes,
      now: () => Date.UTC(2026, 0, 1),
      limits: { ...HTTP_LIMITS, ...limits },
    };
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
    while (this.isRunning && this.source.take(this.block, 0).state === "more") this.#commit();
    if (this.isRunning && (this.block.count > 0 || this.source.hasMoved)) this.#commit();
  }

  #commit(): void {
    this.commits.push(this.block.count);
    this.block.clear();
    this.source.committed();
    this.onCommit();
  }
}
