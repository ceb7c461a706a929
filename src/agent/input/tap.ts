/** A source as the pipeline sees it. */
import type { Flaw } from "../../core/reading.ts";
import type { SensorCatalogue } from "../../core/sensor.ts";
import type { Source } from "../../sensor/source.ts";
import { InputShare } from "./share.ts";
import type { SourceTrouble } from "./source-trouble.ts";
import { TimeWatch } from "./times.ts";
import { ValueWatch } from "./values.ts";
import { WantedWatch } from "./wanted.ts";

/** A source in the pipeline: its state, and its readings that wait for the next commit. */
export type Tap = {
  readonly source: Source;
  state: "open" | "ended";
  /** When an idle source wants the next call, in running time, which no set clock moves; null: it calls. */
  wakeAtMs: number | null;
  ready: boolean;
  trouble: SourceTrouble | null;
  /** It was taken from without trouble since the agent started. */
  hasWorked: boolean;
  readonly input: InputShare;
  readonly times: TimeWatch;
  readonly values: ValueWatch;
  readonly wanted: WantedWatch;
  /** Rows that wait for the commit; `refused`: those of them that are malformed. */
  accepted: number;
  refused: number;
  readonly flaws: Map<string, Flaw>;
  /** The reasons of flaws that were logged since the agent started. */
  readonly logged: Set<Flaw["reason"]>;
};

export function tapOf(source: Source, catalogue: SensorCatalogue, malformedMax: number): Tap {
  return {
    source,
    state: "open",
    wakeAtMs: null,
    ready: true,
    trouble: null,
    hasWorked: false,
    input: new InputShare(malformedMax),
    times: new TimeWatch(source),
    values: new ValueWatch(source.uri, catalogue, malformedMax),
    wanted: new WantedWatch(source.uri),
    accepted: 0,
    refused: 0,
    flaws: new Map(),
    logged: new Set(),
  };
}

/** Something of it waits for a commit. */
export function hasShare({ accepted, refused, flaws, source }: Tap): boolean {
  return accepted + refused + flaws.size > 0 || source.hasMoved === true;
}
