/** A chart in the grid or of a sensor: live while it is on screen, still while the viewer has paused. */
import { useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { RuleLimit, SeriesPart, WireSensor } from "../../dashboard/wire.ts";
import { SeriesBook, type SeriesState } from "../chart/series-book.ts";
import { SeriesChart } from "../chart/series-chart.tsx";
import type { TimeSpan } from "../chart/shape.ts";
import { formatDuration, formatShare } from "../shell/format.ts";
import { state } from "../shell/live.ts";
import { Badge } from "../shell/parts.tsx";
import { linkTo } from "../shell/place.ts";
import { pausedAtMs, type Range, range } from "./asked.ts";
import { type OnScreen, useObserved } from "./on-screen.ts";
import type { ShownSeries } from "./search.ts";

const PIXELS = { small: 480, large: 1_400 } as const;
/** What a chart of all that is kept shows until it knows how much that is. */
const ALL_AT_FIRST_MS = 3_600_000;

/** The series of a view, for the time that the viewer chose; those on screen are live. */
export function useBook(screen: OnScreen, size: keyof typeof PIXELS): SeriesBook {
  const { ms } = range.value;
  const book = useMemo(() => new SeriesBook(ms, PIXELS[size]), [ms, size]);
  useEffect(() => {
    book.show([...screen.keys.peek()]);
    return () => book.close();
  }, [book]);
  useSignalEffect(() => book.show([...screen.keys.value]));
  return book;
}

/** The time of all charts of a view, which ends now, or when the viewer paused. */
export function spanNow(book: SeriesBook, keys: Iterable<string>, { ms }: Range): TimeSpan {
  const toMs = pausedAtMs.value ?? state.value?.nowMs ?? Date.now();
  if (ms !== null) return { fromMs: toMs - ms, toMs };
  let fromMs = toMs - ALL_AT_FIRST_MS;
  let isKnown = false;
  for (const key of keys) {
    const first = book.stateOf(key).value.part.atMs[0];
    if (first === undefined) continue;
    fromMs = isKnown ? Math.min(fromMs, first) : first;
    isKnown = true;
  }
  return { fromMs: Math.min(fromMs, toMs - 60_000), toMs };
}

export function SeriesTile(props: {
  readonly series: ShownSeries;
  readonly book: SeriesBook;
  readonly screen: OnScreen;
  readonly limits: readonly RuleLimit[];
  readonly span: TimeSpan;
  readonly isLarge?: boolean;
  readonly children?: ComponentChildren;
}) {
  const { series, screen, isLarge = false } = props;
  const { sensor, measure, unit, key } = series;
  const element = useObserved<HTMLElement>(screen, key);
  const isShown = screen.keys.value.has(key);
  return (
    <article class="card tile" ref={element}>
      {isShown ? (
        <LiveChart {...props} />
      ) : (
        <SeriesChart
          sensorId={sensor.sensorId}
          measure={measure}
          unit={unit}
          part={null}
          limits={props.limits}
          span={props.span}
          isLarge={isLarge}
          isOfOneSensor={isLarge}
        />
      )}
      {props.children}
    </article>
  );
}

function LiveChart(props: Parameters<typeof SeriesTile>[0]) {
  const { series, book, isLarge = false } = props;
  const { sensor, measure, unit } = series;
  const known = useStill(book.stateOf(series.key).value, book);
  return (
    <SeriesChart
      sensorId={sensor.sensorId}
      measure={measure}
      unit={unit}
      part={known.part}
      limits={props.limits}
      span={props.span}
      href={isLarge ? undefined : linkTo("sensors", sensor.sensorId)}
      isLarge={isLarge}
      isOfOneSensor={isLarge}
      isLoading={!known.isWhole && known.problem === null}
      newestAtMs={sensor.lastAtMs}
      note={unseen(known)}
    >
      {isLarge ? null : <SensorBadges sensor={sensor} />}
    </SeriesChart>
  );
}

/** What is wrong with the sensor itself. */
export function SensorBadges({ sensor }: { readonly sensor: WireSensor }) {
  const { isSilent, aheadMs } = sensor;
  return (
    <>
      {isSilent ? <Badge tone="warning">silent</Badge> : null}
      {aheadMs === null ? null : <Badge tone="warning">clock ahead by {formatDuration(aheadMs)}</Badge>}
    </>
  );
}

/** What the chart does not show; null where it shows all. */
function unseen({ problem, isWhole, doneShare, isMarkedInPart }: SeriesState): string | null {
  if (problem !== null) return `without its history: ${problem}`;
  if (!isWhole && doneShare > 0) return `reading history: ${formatShare(doneShare)}`;
  return isMarkedInPart ? "older anomalies are not marked" : null;
}

/** The same as when the viewer paused, while it is paused. What comes is collected all the same. */
function useStill(now: SeriesState, book: SeriesBook): SeriesState {
  const still = useRef<{ readonly of: SeriesBook; readonly state: SeriesState } | null>(null);
  if (pausedAtMs.value === null) {
    still.current = null;
    return now;
  }
  // History that comes after the pause is shown: it is of the time before.
  if (still.current === null || still.current.of !== book || !still.current.state.isWhole) {
    still.current = { of: book, state: { ...now, part: copyOf(now.part) } };
  }
  return still.current.state;
}

function copyOf({ atMs, values, anomalies }: SeriesPart): SeriesPart {
  return { atMs: [...atMs], values: [...values], anomalies };
}
