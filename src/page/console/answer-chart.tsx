/** A chart of an answer that has a column of times: a line for each column of numbers, or for each value of a column of text. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { inksOf, onInksChanged } from "../chart/inks.ts";
import { tickText } from "../chart/words.ts";
import { formatDateTime, formatNumber, formatValue, zone } from "../shell/format.ts";
import { type AnswerRows, type ChartLines, chartLines, numberColumns, timeColumn } from "./answer-shape.ts";

const HEIGHT = 260;
/** Told apart also by those who see few colours, on light and on dark. */
const LINES = ["#2f81f7", "#d98e04", "#1a9e77", "#b655c9", "#d1495b", "#6b7a90", "#8a6d3b", "#009db8"];

export function AnswerChart(props: { readonly answer: AnswerRows }) {
  const { answer } = props;
  const columns = numberColumns(answer, timeColumn(answer));
  const [value, choose] = useState<string | null>(columns.length > 4 ? (columns[0]?.name ?? null) : null);
  const lines = useMemo(() => chartLines(answer, value), [answer.rows, value]);
  if (lines === null) return null;
  return (
    <figure class="answer-chart">
      <figcaption class="toolbar">
        {columns.length < 2 ? null : (
          <label>
            Draw{" "}
            <select value={value ?? ""} onChange={({ currentTarget }) => choose(currentTarget.value || null)}>
              <option value="">all columns of numbers</option>
              {columns.map(({ name }) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        )}
        <span class="legend">
          {lines.lines.map(({ name }, at) => (
            <span key={name}>
              <svg width="14" height="8" aria-hidden="true">
                <line x1="0" y1="4" x2="14" y2="4" stroke={LINES[at]} stroke-width="2.5" />
              </svg>{" "}
              {name}
            </span>
          ))}
        </span>
        {lines.leftOut === 0 ? null : <span class="quiet">{formatNumber(lines.leftOut)} more lines are not drawn</span>}
      </figcaption>
      <Canvas lines={lines} />
    </figure>
  );
}

function Canvas(props: { readonly lines: ChartLines }) {
  const host = useRef<HTMLDivElement>(null);
  const [under, point] = useState<number | null>(null);
  const { lines } = props;
  const inZone = zone.value;
  useEffect(() => {
    const place = host.current;
    if (place === null) return;
    let plot: uPlot | null = null;
    const draw = () => {
      plot?.destroy();
      plot = new uPlot(
        optionsOf(place, lines, point),
        [[...lines.seconds], ...lines.lines.map(({ values }) => [...values])],
        place,
      );
    };
    draw();
    const resized = new ResizeObserver(() => {
      if (plot !== null && plot.width !== place.clientWidth && place.clientWidth > 0)
        plot.setSize({ width: place.clientWidth, height: HEIGHT });
    });
    resized.observe(place);
    const stop = onInksChanged(draw);
    return () => {
      stop();
      resized.disconnect();
      plot?.destroy();
    };
  }, [lines, inZone]);
  const names = lines.lines.map(({ name }) => name).join(", ");
  return (
    <>
      <div ref={host} class="answer-canvas" role="img" aria-label={`Chart over time of ${names}`} />
      <p class="chart-readout">{under === null ? "" : readout(lines, under)}</p>
    </>
  );
}

/** The values under the pointer. */
function readout({ seconds, lines }: ChartLines, at: number): string {
  const values = lines.map(({ name, values: of }) => {
    const value = of[at] ?? null;
    return value === null ? null : `${name} ${formatValue(value)}`;
  });
  return `${formatDateTime((seconds[at] ?? 0) * 1_000)}: ${values.filter((text) => text !== null).join(", ")}`;
}

function optionsOf(
  place: HTMLElement,
  { lines, seconds }: ChartLines,
  point: (at: number | null) => void,
): uPlot.Options {
  const inks = inksOf(place);
  const axis = { stroke: inks.text, grid: { stroke: inks.grid, width: 1 }, ticks: { stroke: inks.grid, width: 1 } };
  const span = { fromMs: (seconds[0] ?? 0) * 1_000, toMs: (seconds.at(-1) ?? 0) * 1_000 };
  return {
    width: Math.max(100, place.clientWidth),
    height: HEIGHT,
    legend: { show: false },
    cursor: { points: { size: 6 }, y: false, drag: { x: false, y: false } },
    hooks: { setCursor: [({ cursor }) => point(cursor.idx ?? null)] },
    axes: [
      { ...axis, space: 90, values: (_, ticks) => ticks.map((tick) => tickText(tick * 1_000, span)) },
      { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => formatValue(tick)) },
    ],
    series: [
      {},
      ...lines.map(
        ({ name }, at): uPlot.Series => ({
          label: name,
          stroke: LINES[at] ?? inks.line,
          width: 1.5,
          spanGaps: true,
          points: { show: seconds.length < 60 },
        }),
      ),
    ],
  };
}
