/** One series on a canvas, by uPlot: the line, its gaps, marks of anomalies, limits of rules, windows of rules that remember. */
import uPlot from "uplot";
import type { RuleLimit, SeriesPart } from "../../dashboard/wire.ts";
import { formatValue } from "../shell/format.ts";
import { type Inks, inksOf } from "./inks.ts";
import {
  brokenWindows,
  drawn,
  type LimitLine,
  limitLines,
  type Marks,
  marksWithin,
  scaled,
  scaleOf,
  type TimeSpan,
  unscaled,
  usualStepMs,
  type ValueRange,
  valueRange,
} from "./shape.ts";
import { limitText, tickText, withUnit, zoneName } from "./words.ts";

export type PlotInput = {
  readonly part: SeriesPart;
  readonly limits: readonly RuleLimit[];
  readonly span: TimeSpan;
  readonly unit: string | null;
  /** A time to point out. */
  readonly focus: TimeSpan | null;
};

/** Where the pointer is. `note`: the reason of the anomaly, or the limit with its rule, that is under it. `left`: of the plot, 0 to 1. */
export type PlotCursor = {
  readonly atMs: number;
  readonly value: number | null;
  readonly note: string | null;
  readonly left: number;
};

const FONT = "11px system-ui, sans-serif";
/** Many marks are small ones, so that the line is seen between them. */
const MARK_RADIUS = { few: 3.5, many: 2.25 } as const;
const MANY_MARKS = 40;
const TICK_HEIGHT = 4;
const SECOND_MS = 1_000;
const [MINUTE_MS, HOUR_MS, DAY_MS] = [60 * SECOND_MS, 3_600 * SECOND_MS, 86_400 * SECOND_MS];
/** How far apart the ticks of time may be. */
const TICKS_MS = [
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * SECOND_MS),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 4, 6, 12].map((hours) => hours * HOUR_MS),
  ...[1, 2, 5, 10, 30, 90, 365].map((days) => days * DAY_MS),
];
/** How near the pointer must be to a mark or a limit, in CSS pixels. */
const NEAR = 7;
const NOTHING: ValueRange = { min: 0, max: 1 };

export class SeriesPlot {
  readonly #plot: uPlot;
  readonly #host: HTMLElement;
  readonly #onCursor: (cursor: PlotCursor | null) => void;
  #inks: Inks;
  #given: PlotInput;
  /** What is drawn: in `#scale`. */
  #input: PlotInput;
  #scale = 1;
  #lines: readonly LimitLine[] = [];
  #marks: Marks = { own: [], others: [] };
  #range: ValueRange = NOTHING;

  constructor(host: HTMLElement, input: PlotInput, onCursor: (cursor: PlotCursor | null) => void) {
    this.#host = host;
    this.#given = input;
    this.#input = input;
    this.#onCursor = onCursor;
    this.#inks = inksOf(host);
    this.#plot = new uPlot(this.#options(), [[], []], host);
    this.update(input);
  }

  update(given: PlotInput): void {
    this.#scale = scaleOf(given.part);
    const input = scaled(given, this.#scale);
    this.#given = given;
    this.#input = input;
    const { part, span } = input;
    const { atMs, values } = drawn(part, span, Math.max(50, this.#plot.width));
    this.#marks = marksWithin(part.anomalies, input.limits, span);
    this.#lines = limitLines(input.limits);
    this.#range =
      valueRange(
        values,
        this.#marks.own,
        this.#lines.map(({ value }) => value),
      ) ?? NOTHING;
    this.#plot.setData([atMs, values], true);
  }

  /** After the size of its place has changed. */
  resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#host;
    if (width === 0 || height === 0 || (width === this.#plot.width && height === this.#plot.height)) return;
    this.#plot.setSize({ width, height });
    this.update(this.#given);
  }

  /** After the colours have changed. */
  repaint(): void {
    this.#inks = inksOf(this.#host);
    this.#plot.redraw(false, true);
  }

  destroy(): void {
    this.#plot.destroy();
  }

  #options(): uPlot.Options {
    const { clientWidth, clientHeight } = this.#host;
    const isTall = clientHeight > 150;
    const text = () => this.#inks.text;
    return {
      width: Math.max(1, clientWidth),
      height: Math.max(1, clientHeight),
      padding: [6, 6, 0, 0],
      ms: 1,
      tzDate: inZone,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: { size: 7 } },
      scales: {
        x: { time: true, range: () => [this.#input.span.fromMs, this.#input.span.toMs] },
        y: { range: () => [this.#range.min, this.#range.max] },
      },
      axes: [
        {
          stroke: text,
          font: FONT,
          size: 18,
          gap: 4,
          space: isTall ? 90 : 64,
          incrs: TICKS_MS,
          grid: { show: false },
          ticks: { show: false },
          values: (_plot, splits) => splits.map((at) => tickText(at, this.#input.span)),
        },
        {
          stroke: text,
          font: FONT,
          size: isTall ? 64 : 46,
          gap: 4,
          space: isTall ? 40 : 28,
          grid: { stroke: () => this.#inks.grid, width: 1 },
          ticks: { show: false },
          values: (_plot, splits) =>
            splits.map((value, index) => this.#tick(value, isTall && index === splits.length - 1)),
        },
      ],
      series: [
        {},
        {
          stroke: () => this.#inks.line,
          width: 1.5,
          spanGaps: false,
          points: { show: false, size: 4, fill: () => this.#inks.line, filter: lonePoints },
        },
      ],
      hooks: {
        drawClear: [() => this.#drawWindows()],
        drawAxes: [() => this.#drawLimits()],
        draw: [() => this.#drawMarks()],
        setCursor: [() => this.#pointed()],
      },
    };
  }

  #tick(value: number, withItsUnit: boolean): string {
    const real = unscaled(value, this.#scale);
    return withItsUnit ? withUnit(real, this.#input.unit) : formatValue(real);
  }

  /** In canvas pixels. */
  #x(atMs: number): number {
    const { left, width } = this.#plot.bbox;
    return Math.min(left + width, Math.max(left, this.#plot.valToPos(atMs, "x", true)));
  }

  #drawWindows(): void {
    const { ctx, bbox } = this.#plot;
    const { span, limits, part, focus } = this.#input;
    ctx.save();
    const shade = ({ fromMs, toMs }: TimeSpan, least: number) => {
      if (toMs < span.fromMs || fromMs > span.toMs) return;
      const left = this.#x(fromMs);
      ctx.fillRect(left, bbox.top, Math.max(least * uPlot.pxRatio, this.#x(toMs) - left), bbox.height);
    };
    ctx.fillStyle = this.#inks.focus;
    if (focus !== null) shade(focus, 3);
    ctx.fillStyle = this.#inks.window;
    for (const window of brokenWindows(this.#marks.own, limits, usualStepMs(part.atMs))) shade(window, 1);
    ctx.restore();
  }

  #drawLimits(): void {
    const { ctx, bbox } = this.#plot;
    const ratio = uPlot.pxRatio;
    ctx.save();
    ctx.strokeStyle = this.#inks.limit;
    ctx.lineWidth = ratio;
    ctx.setLineDash([4 * ratio, 3 * ratio]);
    for (const { value } of this.#lines) {
      if (value < this.#range.min || value > this.#range.max) continue;
      const y = Math.round(this.#plot.valToPos(value, "y", true)) + 0.5;
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.restore();
  }

  #drawMarks(): void {
    const { ctx } = this.#plot;
    const ratio = uPlot.pxRatio;
    ctx.save();
    this.#drawOthers();
    const size = this.#marks.own.length > MANY_MARKS ? MARK_RADIUS.many : MARK_RADIUS.few;
    // First the ground of all, so that marks side by side do not cover each other's red.
    for (const [ink, radius] of [[this.#inks.ground, size + 1] as const, [this.#inks.mark, size] as const]) {
      ctx.fillStyle = ink;
      for (const { atMs, value } of this.#marks.own) {
        if (value === null) continue;
        ctx.beginPath();
        ctx.arc(this.#x(atMs), this.#plot.valToPos(value, "y", true), radius * ratio, 0, 2 * Math.PI);
        ctx.fill();
      }
    }
    ctx.restore();
  }

  /** Readings that are anomalies for another reason: ticks at the foot, so that the line is marked only where it is meant. */
  #drawOthers(): void {
    const { ctx, bbox } = this.#plot;
    const height = TICK_HEIGHT * uPlot.pxRatio;
    ctx.fillStyle = this.#inks.limit;
    for (const { atMs } of this.#marks.others) {
      ctx.fillRect(this.#x(atMs), bbox.top + bbox.height - height, uPlot.pxRatio, height);
    }
  }

  #pointed(): void {
    const { idx, left = -1, top = -1 } = this.#plot.cursor;
    if (idx === null || idx === undefined || left < 0) {
      this.#onCursor(null);
      return;
    }
    const atMs = this.#plot.data[0][idx];
    if (atMs === undefined) return;
    const width = this.#plot.bbox.width / uPlot.pxRatio;
    const note = this.#noteAt(left, top);
    const value = this.#plot.data[1]?.[idx] ?? null;
    const real = value === null ? null : unscaled(value, this.#scale);
    this.#onCursor({ atMs, value: real, note, left: left / Math.max(1, width) });
  }

  #noteAt(left: number, top: number): string | null {
    let nearest: { away: number; reason: string } | null = null;
    for (const { atMs, value, reason } of this.#marks.own) {
      const x = Math.abs(this.#plot.valToPos(atMs, "x") - left);
      const y = value === null ? 0 : Math.abs(this.#plot.valToPos(value, "y") - top);
      if (x > NEAR || y > 3 * NEAR) continue;
      if (nearest === null || x + y < nearest.away) nearest = { away: x + y, reason };
    }
    if (nearest !== null) return nearest.reason;
    const { bbox } = this.#plot;
    const isAtFoot = top > bbox.height / uPlot.pxRatio - 2 * NEAR;
    const other =
      isAtFoot && this.#marks.others.find(({ atMs }) => Math.abs(this.#plot.valToPos(atMs, "x") - left) < 2);
    if (other) return `${other.rules.join(", ")}: ${other.reason}`;
    const line = this.#lines.find(({ value }) => Math.abs(this.#plot.valToPos(value, "y") - top) <= NEAR);
    if (line === undefined) return null;
    return limitText({ ...line, value: unscaled(line.value, this.#scale) }, this.#input.unit);
  }
}

/** Where the scale puts its ticks: at whole hours and days of the chosen zone. */
function inZone(atMs: number): Date {
  const name = zoneName();
  const date = new Date(atMs);
  return name === undefined ? date : uPlot.tzDate(date, name === "UTC" ? "Etc/UTC" : name);
}

/** Points with nothing on either side, which a line does not show. */
const lonePoints: uPlot.Series.Points.Filter = (plot, index) => {
  const values = plot.data[index] ?? [];
  const lone: number[] = [];
  for (const [at, value] of values.entries()) {
    if (value == null) continue;
    if ((values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null) lone.push(at);
  }
  return lone;
};
