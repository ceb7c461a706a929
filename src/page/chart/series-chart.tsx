/** A chart of one series: its name and last value, the line, and the same as text for those who do not see it. */
import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { RuleLimit, SeriesPart } from "../../dashboard/wire.ts";
import { formatValue, visibleName, zone } from "../shell/format.ts";
import { drawQueue } from "./frame.ts";
import { onInksChanged } from "./inks.ts";
import { type PlotCursor, type PlotInput, SeriesPlot } from "./plot.ts";
import { lastValue, type TimeSpan } from "./shape.ts";
import { chartText, emptyText, type SeriesName, timeWithin } from "./words.ts";

export type SeriesChartProps = SeriesName & {
  /** Another object when its points have changed; its arrays may be the same. Null: nothing is drawn, only its place is kept. */
  readonly part: SeriesPart | null;
  readonly limits: readonly RuleLimit[];
  readonly span: TimeSpan;
  /** Where its name links to. */
  readonly href?: string | undefined;
  readonly isLarge?: boolean;
  /** Without the sensor in its head, where the page says it once for several charts. */
  readonly isOfOneSensor?: boolean;
  /** A time to point out. */
  readonly focus?: TimeSpan | null;
  /** What the chart does not show, in short: over the plot, so that nothing moves when it goes. */
  readonly note?: string | null;
  /** Points are on their way: it does not say that there are none. */
  readonly isLoading?: boolean;
  /** Of the newest reading of its sensor, which need not have this measure. */
  readonly newestAtMs?: number | null;
  /** Beside the name: a badge. */
  readonly children?: ComponentChildren;
};

export function SeriesChart(props: SeriesChartProps) {
  const cursor = useSignal<PlotCursor | null>(null);
  const { part } = props;
  const last = part === null ? null : lastValue(part);
  const empty = part === null || props.isLoading ? null : emptyText(part, props.span, props.newestAtMs ?? null);
  const at = cursor.value;
  const shown = at === null ? last : at;
  const name = (props.isOfOneSensor ? [props.measure] : [props.sensorId, props.measure]).map(visibleName).join(" · ");
  return (
    <figure class={props.isLarge ? "chart chart-large" : "chart"}>
      <figcaption>
        <span class="chart-name" title={name}>
          {props.href === undefined ? (
            <bdi>{name}</bdi>
          ) : (
            <a href={props.href}>
              <bdi>{name}</bdi>
            </a>
          )}
        </span>
        {props.children}
        <span class="chart-value" title={shown === null || shown.value === null ? undefined : String(shown.value)}>
          {at !== null && <span class="chart-time">{timeWithin(at.atMs, props.span)}</span>}
          {shown === null || shown.value === null ? "–" : formatValue(shown.value)}
          <span class="chart-unit">{props.unit ?? ""}</span>
        </span>
      </figcaption>
      {part === null ? (
        <div class="chart-plot" />
      ) : (
        <Plot
          input={{ part, limits: props.limits, span: props.span, unit: props.unit, focus: props.focus ?? null }}
          name={props}
          cursor={cursor}
        >
          {at === null && (props.note ?? null) !== null && (
            <p class="chart-note chart-note-right quiet">{props.note}</p>
          )}
          {empty !== null && <p class="chart-empty">{empty}</p>}
        </Plot>
      )}
    </figure>
  );
}

function Plot(props: {
  readonly input: PlotInput;
  readonly name: SeriesName;
  readonly cursor: Signal<PlotCursor | null>;
  readonly children: ComponentChildren;
}) {
  const { input, cursor } = props;
  const host = usePlot(input, (at) => {
    cursor.value = at;
  });
  const at = cursor.value;
  return (
    <div
      class="chart-plot"
      role="img"
      aria-label={chartText(props.name, input.part, input.span, input.limits)}
      ref={host}
    >
      {props.children}
      {at !== null && at.note !== null && (
        <p class={at.left > 0.5 ? "chart-note" : "chart-note chart-note-right"}>{at.note}</p>
      )}
    </div>
  );
}

/** Makes the plot, draws it when its input changes, and takes it down with the component. */
function usePlot(input: PlotInput, onCursor: (at: PlotCursor | null) => void) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<SeriesPlot | null>(null);
  const newest = useRef(input);
  newest.current = input;
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const owner = plot;
    drawQueue.ask(owner, () => {
      plot.current = new SeriesPlot(element, newest.current, onCursor);
    });
    const sizes = new ResizeObserver(() => plot.current?.resize());
    sizes.observe(element);
    const forgetInks = onInksChanged(() => plot.current?.repaint());
    return () => {
      drawQueue.forget(owner);
      sizes.disconnect();
      forgetInks();
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);
  const { part, limits, span, unit, focus } = input;
  const zoneNow = zone.value;
  useEffect(() => {
    if (plot.current !== null) drawQueue.ask(plot, () => plot.current?.update(newest.current));
  }, [part, limits, span.fromMs, span.toMs, unit, focus?.fromMs, focus?.toMs, zoneNow]);
  return host;
}
