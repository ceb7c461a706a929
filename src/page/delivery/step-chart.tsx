/** Bars, and a band of the uplink's state, over the same time: plain SVG, whose place in the page is fixed. */
import type { ComponentChildren } from "preact";
import type { DeliveryStep } from "../../dashboard/wire.ts";
import { formatDuration, formatTime, formatWhen } from "../shell/format.ts";
import { barsOf, greatest, type LinkState, linkStateOf, type StepNumber, stretchesOf, wholeDownMs } from "./steps.ts";

const HEIGHT = 120;
const BAND = 18;
/** Of the width of a step. */
const GAP = 0.15;
/** A value above 0 is seen. */
const LEAST = 1.5;

type ChartProps = {
  readonly steps: readonly DeliveryStep[];
  readonly stepMs: number;
};

export function BarChart(
  props: ChartProps & {
    readonly what: StepNumber;
    readonly label: string;
    readonly format: (value: number) => string;
    /** What a bar of full height is; without it the greatest. */
    readonly most?: number;
    readonly tone?: "critical";
  },
) {
  const { steps, what, label, format, most, tone } = props;
  const bars = barsOf(steps, what, most);
  const top = most ?? greatest(steps, what);
  const known = bars.filter(({ value }) => value !== null).length;
  return (
    <figure class="steps">
      <div class="steps-top quiet">
        <span>{top > 0 ? format(top) : ""}</span>
      </div>
      <svg
        viewBox={`0 0 ${steps.length} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${label}: ${known} of ${steps.length} steps are known, at most ${format(greatest(steps, what))}`}
      >
        {bars.map(({ atMs, value, height }, at) => (
          <g key={atMs}>
            <title>{`${formatWhen(atMs)}: ${value === null ? "not known" : format(value)}`}</title>
            <rect class="step-back" x={at} y={0} width={1} height={HEIGHT} />
            {value === null ? (
              <rect class="step-unknown" x={at + GAP} y={HEIGHT - 1} width={1 - 2 * GAP} height={1} />
            ) : (
              <Bar at={at} share={height} isSome={value > 0} tone={tone} />
            )}
          </g>
        ))}
      </svg>
      <TimeAxis {...props} />
    </figure>
  );
}

function Bar(props: {
  readonly at: number;
  readonly share: number;
  readonly isSome: boolean;
  readonly tone?: string | undefined;
}) {
  const height = props.isSome ? Math.max(LEAST, props.share * HEIGHT) : 0;
  return (
    <rect
      class={`step-bar ${props.tone ?? ""}`}
      x={props.at + GAP}
      y={HEIGHT - height}
      width={1 - 2 * GAP}
      height={height}
    />
  );
}

const WORDS: Readonly<Record<LinkState, string>> = {
  up: "up",
  partly: "up and down",
  down: "down",
  unknown: "no agent ran, or it is not known",
};

export function LinkBand({ steps, stepMs }: ChartProps) {
  const stretches = stretchesOf(steps);
  const down = wholeDownMs(steps);
  const seen = new Set(steps.map(linkStateOf));
  return (
    <figure class="steps">
      <svg
        viewBox={`0 0 ${steps.length} ${BAND}`}
        preserveAspectRatio="none"
        class="band"
        role="img"
        aria-label={`The uplink over time: down for ${formatDuration(down)}`}
      >
        {stretches.map(({ state, first, count }) => (
          <rect key={first} class={`link-${state}`} x={first} y={0} width={count} height={BAND}>
            <title>{`${formatWhen(steps[first]?.atMs ?? 0)}, for ${formatDuration(count * stepMs)}: ${WORDS[state]}`}</title>
          </rect>
        ))}
      </svg>
      <TimeAxis steps={steps} stepMs={stepMs} />
      <figcaption class="legend quiet">
        {(["up", "partly", "down", "unknown"] as const)
          .filter((state) => seen.has(state))
          .map((state) => (
            <span key={state}>
              <span class={`swatch link-${state}`} aria-hidden="true" /> {WORDS[state]}
            </span>
          ))}
        {seen.size === 1 && seen.has("unknown") ? null : <span>{downText(down)}</span>}
      </figcaption>
    </figure>
  );
}

function downText(down: number): string {
  return down < 1_000 ? "never down while the agent ran" : `down for ${formatDuration(down)} of this time`;
}

function TimeAxis({ steps, stepMs }: ChartProps): ComponentChildren {
  const [first, last] = [steps[0], steps.at(-1)];
  if (first === undefined || last === undefined) return null;
  const middle = steps[Math.floor(steps.length / 2)] ?? first;
  const time = (ms: number) => formatTime(ms).slice(0, stepMs < 60_000 ? 8 : 5);
  return (
    <div class="steps-axis quiet" aria-hidden="true">
      <span>{time(first.atMs)}</span>
      <span>{time(middle.atMs)}</span>
      <span>now</span>
    </div>
  );
}
