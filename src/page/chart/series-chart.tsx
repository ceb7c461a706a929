/** A chart of one series: its name and last value, the line, and the same as text for those who do not see it. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { RuleLimit, SeriesPart } from "../../dashboard/wire.ts";
import { formatValue, zone } from "../shell/format.ts";
import { drawQueue } from "./frame.ts";
import { onInksChanged } from "./inks.ts";
import { type PlotCursor, type PlotInput, SeriesPlot } from "./plot.ts";
import { lastValue, type TimeSpan } from "./shape.ts";
import { chartText, type SeriesName, timeWithin } from "./words.ts";

export type SeriesChartProps = SeriesName & {
  /** Another object when its points have changed; its arrays may be the same. */
  readonly part: SeriesPart;
  readonly limits: readonly RuleLimit[];
  readonly span: TimeSpan;
  /** Where its name links to. */
  readonly href?: string | undefined;
  readonly isLarge?: boolean;
  /** Without the sensor in its head, where the page says it once for several charts. */
  readonly isOfOneSensor?: boolean;
  /** Beside the name: a badge. */
  readonly children?: ComponentChildren;
};

export function SeriesChart(props: SeriesChartProps) {
  const cursor = useSignal<PlotCursor | null>(null);
  const host = usePlot(props, (at) => {
    cursor.value = at;
  });
  const last = lastValue(props.part);
  const at = cursor.value;
  const shown = at === null ? last : at;
  const name = props.isOfOneSensor ? props.measure : `${props.sensorId} · ${props.measure}`;
  return (
    <figure class={props.isLarge ? "chart chart-large" : "chart"}>
      <figcaption>
        <span class="chart-name" title={name}>
          {props.href === undefined ? name : <a href={props.href}>{name}</a>}
        </span>
        {props.children}
        <span class="chart-value">
          {at !== null && <span class="chart-time">{timeWithin(at.atMs, props.span)}</span>}
          {shown === null || shown.value === null ? "–" : formatValue(shown.value)}
          <span class="chart-unit">{props.unit ?? ""}</span>
        </span>
      </figcaption>
      <div class="chart-plot" role="img" aria-label={chartText(props, props.part, props.span, props.limits)} ref={host}>
        {last === null && <p class="chart-empty">No values yet</p>}
        {at !== null && at.note !== null && (
          <p class={at.left > 0.5 ? "chart-note" : "chart-note chart-note-right"}>{at.note}</p>
        )}
      </div>
    </figure>
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
  const { part, limits, span, unit } = input;
  const zoneNow = zone.value;
  useEffect(() => {
    if (plot.current !== null) drawQueue.ask(plot, () => plot.current?.update(newest.current));
  }, [part, limits, span.fromMs, span.toMs, unit, zoneNow]);
  return host;
}
