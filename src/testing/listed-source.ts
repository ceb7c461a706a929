/** A source for tests: readings made from their number alone, so that any of them can be made again afterwards. */
import { hashAt, unit } from "../core/random.ts";
import type { ReadingBlock } from "../core/reading.ts";
import { IDENTITY_COLUMNS, type SensorCatalogue } from "../core/sensor.ts";
import type { CursorOf, Source, StateOf, Taken } from "../sensor/source.ts";

const MEASURES = ["temperature", "humidity", "pressure", "vibration", "voltage"];
export const FIRST_EVENT_MS = Date.UTC(2026, 10, 23, 8);

export type ListedOptions = {
  readonly uri?: string;
  readonly count: number;
  readonly sensors?: number;
  /** Each reading is of a sensor that none before it was of. */
  readonly everNew?: boolean;
  /** Event time between two readings. */
  readonly stepMs?: number;
  /** How much earlier than in order the event of reading `n` was, ms. */
  readonly lateMs?: (n: number) => number;
  /** All of them are. */
  readonly malformed?: boolean;
  /** Each odd reading came without a time. */
  readonly arrivals?: boolean;
  /** Of `count`, how many there are now; the rest comes with `release`. */
  readonly now?: number;
  /** It cannot call: it is looked at again after a while. */
  readonly polls?: boolean;
  readonly cursor: string | null;
  /** What it kept beside its cursor: of the same commit. */
  readonly state?: ReadonlyMap<string, string>;
};

const POLL_MS = 250;

/** Reading `n` (from 1) says its number in `extra`; one in 50 is malformed, about one in 20 breaks a shipped rule. */
export class ListedSource implements Source {
  readonly uri: string;
  onReady: (() => void) | null = null;
  #next: number;
  #available: number;
  /** Acknowledged: what a real source would have acknowledged. */
  acknowledged = 0;
  readonly #options: ListedOptions;
  readonly #sensors: number[] = [];
  readonly #catalogue: SensorCatalogue;
  readonly #slots: number[];
  readonly #labels: number[];

  /** Continues where the buffer says. */
  static resumed(
    catalogue: SensorCatalogue,
    { cursor, stateOf }: { readonly cursor: CursorOf; readonly stateOf: StateOf },
    options: Omit<ListedOptions, "cursor" | "state">,
  ): ListedSource {
    return new ListedSource(catalogue, { ...options, cursor: cursor("listed:"), state: stateOf("listed:") });
  }

  constructor(catalogue: SensorCatalogue, options: ListedOptions) {
    this.#options = options;
    this.#catalogue = catalogue;
    this.uri = options.uri ?? "listed:";
    this.#next = Number(options.cursor ?? "0") + 1;
    const at = options.state?.get("at");
    if (options.state !== undefined && options.cursor !== null && at !== options.cursor)
      throw new Error(`the cursor is ${options.cursor}, and the state beside it ${at}`);
    this.#available = options.now ?? options.count;
    this.#slots = MEASURES.map((name) => catalogue.slotOf(name));
    const kinds = [
      { statusCode: 0, anomalyFlag: 0, anomalyType: null },
      { statusCode: 0, anomalyFlag: 1, anomalyType: "spike" },
    ] as const;
    const isArrival = true;
    const labels = options.arrivals ? [...kinds, ...kinds.map((kind) => ({ ...kind, isArrival }) as const)] : kinds;
    this.#labels = labels.map((label) => catalogue.internLabel(label));
    const sensors = options.everNew === true ? 0 : (options.sensors ?? 4);
    for (let i = 0; i < sensors; i++) this.#sensors.push(this.#sensor(i));
  }

  #sensor(n: number): number {
    const identity = IDENTITY_COLUMNS.map((name) =>
      name === "sensor_id" ? `s${n}` : name === "sensor_type" ? "environmental" : null,
    );
    return this.#catalogue.internSensor(identity, MEASURES);
  }

  get taken(): number {
    return this.#next - 1;
  }

  release(count: number): void {
    this.#available = Math.min(this.#options.count, this.#available + count);
    if (this.#options.polls !== true) this.onReady?.();
  }

  take(block: ReadingBlock, nowMs: number): Taken {
    while (!block.full && this.#next <= this.#available) this.#add(block, this.#next++);
    if (this.#next > this.#options.count) return { state: "ended" };
    return this.#next <= this.#available
      ? { state: "more" }
      : { state: "idle", wakeAtMs: this.#options.polls === true ? nowMs + POLL_MS : null };
  }

  cursor(): string {
    return String(this.#next - 1);
  }

  changes(): ReadonlyMap<string, string> {
    return new Map([["at", this.cursor()]]);
  }

  committed(): void {
    this.acknowledged = this.#next - 1;
  }

  close(): void {}

  #add(block: ReadingBlock, n: number): void {
    const chance = hashAt(7, n);
    const { stepMs = 1_000, lateMs = () => 0 } = this.#options;
    const time = FIRST_EVENT_MS + n * stepMs - lateMs(n);
    if (n % 50 === 0 || this.#options.malformed === true) {
      const received = `{"n":${n}`;
      block.addMalformed(time, {
        reason: "not_json",
        detail: "cut",
        received,
        encoding: "utf8",
        bytes: received.length,
      });
      return;
    }
    const isOdd = unit(chance) < 0.05;
    const sensor = this.#options.everNew === true ? this.#sensor(n) : this.#sensors[n % this.#sensors.length]!;
    const isArrival = this.#options.arrivals === true && n % 2 === 1;
    const row = block.add(sensor, time, this.#labels[(isArrival ? 2 : 0) + (isOdd ? 1 : 0)]!);
    this.#slots.forEach((slot, i) => {
      block.column(slot)[row] = [20, 50, 1_000, 2, 23][i]! + (n % 100) / 100;
    });
    if (n % 7 === 0) block.extra.set(row, `{"n":${n}}`);
  }
}
