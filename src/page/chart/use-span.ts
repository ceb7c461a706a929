/** The points of series in a time that is over, or that grows in steps: asked for once for each time. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { SeriesAnswer, SeriesPart, WireProblem } from "../../dashboard/wire.ts";
import { problemOf, readLines } from "../shell/api.ts";
import { NO_POINTS, SeriesRing } from "./ring.ts";
import { agentNowMs } from "./series-book.ts";
import type { TimeSpan } from "./shape.ts";

const PIXELS = 1_400;

export type SpanPoints = {
  readonly parts: ReadonlyMap<string, SeriesPart>;
  readonly isWhole: boolean;
  readonly problem: WireProblem | null;
};

/** While another time is read, what was read before is shown. */
export function useSpan(keys: readonly string[], span: TimeSpan): SpanPoints {
  const found = useSignal<SpanPoints>({ parts: new Map(), isWhole: false, problem: null });
  const text = keys.join("\n");
  useEffect(() => {
    if (keys.length === 0) return;
    const abort = new AbortController();
    void read(keys, span, abort.signal, (points) => {
      found.value = points;
    });
    return () => abort.abort();
  }, [text, span.fromMs, span.toMs]);
  return found.value;
}

async function read(
  keys: readonly string[],
  { fromMs, toMs }: TimeSpan,
  signal: AbortSignal,
  show: (points: SpanPoints) => void,
): Promise<void> {
  const rings = new Map(keys.map((key) => [key, new SeriesRing(Number.POSITIVE_INFINITY)]));
  const parts = () => new Map([...rings].map(([key, ring]) => [key, ring.size === 0 ? NO_POINTS : ring.part]));
  try {
    const query = { series: keys, from: fromMs, to: toMs, pixels: PIXELS };
    for await (const answer of readLines<SeriesAnswer>("/api/series", query, signal)) {
      for (const [key, ring] of rings) {
        const part = answer.series[key];
        if (part !== undefined) ring.addHistory(part, answer, agentNowMs());
      }
      show({ parts: parts(), isWhole: answer.isWhole, problem: null });
    }
  } catch (error) {
    if (!signal.aborted) show({ parts: parts(), isWhole: true, problem: problemOf(error) });
  }
}
