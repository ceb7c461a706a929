/** One episode: what happened, the chart around it, and why the reading is an anomaly. */
import { useState } from "preact/hooks";
import type { Episode, RuleLimit, WireSensor, WireSensors, WireWhy } from "../../dashboard/wire.ts";
import { SeriesChart } from "../chart/series-chart.tsx";
import type { TimeSpan } from "../chart/shape.ts";
import { useLimits } from "../chart/use-limits.ts";
import { useSpan } from "../chart/use-span.ts";
import { Badge, Empty, Loading, Outside, ProblemRow, Time } from "../shell/parts.tsx";
import { linkTo } from "../shell/place.ts";
import { seriesKey } from "../shell/series-key.ts";
import { type RouteState, useRoute } from "../shell/use-route.ts";
import { stateText } from "./episode-feed.tsx";
import { spanAround } from "./span-around.ts";
import { WhyReading } from "./why-reading.tsx";

/** Of a rule that judges no single measure, this many are drawn. */
const MEASURES_MOST = 6;

export function EpisodePage({ episode }: { readonly episode: Episode }) {
  const { id, severity, rule, sensorId, reason, sinceMs } = episode;
  const listed = useRoute<WireSensors>("/api/sensors");
  return (
    <section class="card anomalies-detail" aria-labelledby={`episode-${id}`}>
      <div class="card-head">
        <h1 id={`episode-${id}`}>
          <Outside text={reason} />
        </h1>
        <a href="#anomalies">close</a>
      </div>
      <p class="episode-about">
        <Badge tone={severity}>{severity}</Badge> <strong>{rule}</strong>
        {sensorId === "" ? null : (
          <a href={linkTo("sensors", sensorId)}>
            <Outside text={sensorId} />
          </a>
        )}
        <span class="quiet">
          since <Time atMs={sinceMs} as="full" /> · {stateText(episode)}
        </span>
      </p>
      {sensorId === "" ? null : <Around episode={episode} listed={listed} />}
      <Why episode={episode} units={unitsOf(listed.value?.sensors.find((one) => one.sensorId === sensorId))} />
    </section>
  );
}

type Units = ReadonlyMap<string, string>;

function unitsOf(sensor: WireSensor | undefined): Units {
  return new Map(sensor?.measures.flatMap(({ name, unit }) => (unit === null ? [] : [[name, unit] as const])));
}

function Around({ episode, listed }: { readonly episode: Episode; readonly listed: RouteState<WireSensors> }) {
  const { value, problem } = listed;
  const sensor = value?.sensors.find(({ sensorId }) => sensorId === episode.sensorId);
  if (problem !== null) return <ProblemRow problem={problem} />;
  if (value === null) return <div class="episode-charts" />;
  if (sensor === undefined) return <Empty>Its sensor is no longer listed, so there is no chart.</Empty>;
  return <Charts episode={episode} sensor={sensor} />;
}

function Charts({ episode, sensor }: { readonly episode: Episode; readonly sensor: WireSensor }) {
  const measures = sensor.measures
    .filter(({ name }) => episode.measure === null || name === episode.measure)
    .slice(0, MEASURES_MOST);
  const keys = measures.map(({ name }) => seriesKey(sensor.sensorId, name));
  const limits = useLimits(keys);
  const span = spanAround(
    episode,
    keys.flatMap((key) => limits.get(key) ?? []),
  );
  const { parts, isWhole, problem } = useSpan(keys, span);
  return (
    <div class="episode-charts">
      {problem === null ? null : <ProblemRow problem={problem} />}
      {measures.map(({ name, unit }, index) => (
        <SeriesChart
          key={name}
          sensorId={sensor.sensorId}
          measure={name}
          unit={unit}
          part={parts.get(keys[index] ?? "") ?? null}
          limits={limitsOf(limits.get(keys[index] ?? "") ?? [], episode, measures.length)}
          span={drawnSpan(span, episode)}
          isLarge={measures.length === 1}
          isOfOneSensor
          focus={{ fromMs: episode.sinceMs, toMs: episode.untilMs }}
          note={isWhole ? null : "reading history"}
          isLoading={!isWhole}
        />
      ))}
    </div>
  );
}

/** Of several charts, only the limits of the rule that was broken. */
function limitsOf(limits: readonly RuleLimit[], { rule }: Episode, charts: number): readonly RuleLimit[] {
  return charts === 1 ? limits : limits.filter((limit) => limit.rule === rule);
}

/** A silence that lasts is drawn up to its end as known. */
function drawnSpan(span: TimeSpan, { untilMs }: Episode): TimeSpan {
  return { fromMs: span.fromMs, toMs: Math.max(span.toMs, untilMs) };
}

const WHICH = ["first", "last"] as const;

function Why({ episode, units }: { readonly episode: Episode; readonly units: Units }) {
  const { firstSeq, lastSeq } = episode;
  const [which, choose] = useState<(typeof WHICH)[number]>("last");
  const seq = which === "first" ? firstSeq : lastSeq;
  if (lastSeq === 0) {
    return <Empty>There is no reading to explain yet: the rule waits for the sensor to report again.</Empty>;
  }
  return (
    <>
      {firstSeq === lastSeq ? null : (
        <fieldset class="choices episode-which">
          <legend class="hidden">Which reading</legend>
          {WHICH.map((one) => (
            <button key={one} type="button" aria-pressed={one === which} onClick={() => choose(one)}>
              {one} reading
            </button>
          ))}
        </fieldset>
      )}
      <WhySeq seq={seq} rule={episode.rule} units={units} />
    </>
  );
}

function WhySeq(props: { readonly seq: number; readonly rule: string; readonly units: Units }) {
  const { value, problem } = useRoute<WireWhy>("/api/why", { seq: props.seq });
  if (problem !== null) return <ProblemRow problem={problem} />;
  if (value === null) return <Loading what="the reading" />;
  return <WhyReading why={value} rule={props.rule} units={props.units} />;
}
