/** One sensor: all its measures, large, with the limits of their rules, and its newest anomalies. */
import { EPISODES_MOST, type RuleLimit, type WireSensor, type WireSensors } from "../../dashboard/wire.ts";
import { useEpisodes } from "../anomalies/use-episodes.ts";
import { limitLines } from "../chart/shape.ts";
import { useLimits } from "../chart/use-limits.ts";
import { limitText } from "../chart/words.ts";
import { formatDuration, formatNumber, visibleName } from "../shell/format.ts";
import { Card, Empty, Outside, Time } from "../shell/parts.tsx";
import { seriesKey } from "../shell/series-key.ts";
import { range } from "./asked.ts";
import { TimeControls } from "./controls.tsx";
import { useOnScreen } from "./on-screen.ts";
import { SensorEpisodes } from "./sensor-episodes.tsx";
import { SensorBadges, SeriesTile, spanNow, useBook } from "./series-tile.tsx";

export function SensorPage({ id, listed }: { readonly id: string; readonly listed: WireSensors }) {
  const sensor = listed.sensors.find(({ sensorId }) => sensorId === id);
  if (sensor === undefined) {
    return (
      <Empty>
        {listed.isCut
          ? `The sensor "${visibleName(id)}" is not among the ${formatNumber(listed.sensors.length)} with the newest readings.`
          : `The buffer has no readings of a sensor "${visibleName(id)}".`}{" "}
        <a href="#sensors">All sensors</a>
      </Empty>
    );
  }
  return <KnownSensor sensor={sensor} />;
}

function KnownSensor({ sensor }: { readonly sensor: WireSensor }) {
  const { sensorId, measures } = sensor;
  const screen = useOnScreen();
  const book = useBook(screen, "large");
  const keys = measures.map(({ name }) => seriesKey(sensorId, name));
  const limits = useLimits(keys);
  const span = spanNow(book, screen.keys.value, range.value);
  const { episodes, isLoading, problem } = useEpisodes(EPISODES_MOST);
  return (
    <>
      <div class="toolbar sensors-bar">
        <Identity sensor={sensor} />
        <TimeControls />
      </div>
      <div class="sensors-measures">
        {measures.map(({ name, unit }) => {
          const key = seriesKey(sensorId, name);
          const of = limits.get(key) ?? [];
          return (
            <SeriesTile
              key={key}
              series={{ key, sensor, measure: name, unit }}
              book={book}
              screen={screen}
              limits={of}
              span={span}
              isLarge
            >
              <Limits limits={of} unit={unit} />
            </SeriesTile>
          );
        })}
      </div>
      <Card title="Newest anomalies" aside={<a href="#anomalies">of all sensors</a>}>
        <SensorEpisodes
          episodes={episodes.filter((one) => one.sensorId === sensorId)}
          isLoading={isLoading}
          problem={problem}
        />
      </Card>
    </>
  );
}

function Identity({ sensor }: { readonly sensor: WireSensor }) {
  const { sensorId, sensorType, location, lastAtMs, aheadMs } = sensor;
  return (
    <div class="sensors-identity">
      <a href="#sensors">Sensors</a> <span aria-hidden="true">/</span>{" "}
      <h1>
        <Outside text={sensorId} />
      </h1>
      <SensorBadges sensor={sensor} />
      <span class="quiet">
        <Outside text={[sensorType, location].filter((what) => what !== null).join(" · ")} />
        {lastAtMs === null ? (
          " · no recent reading"
        ) : (
          <>
            {" · last reading "}
            <Time atMs={lastAtMs} as={aheadMs === null ? "ago" : "full"} />
          </>
        )}
      </span>
    </div>
  );
}

/** In words, for those who cannot point at a line. */
function Limits(props: { readonly limits: readonly RuleLimit[]; readonly unit: string | null }) {
  const lines = limitLines(props.limits).map((line) => limitText(line, props.unit));
  const others = props.limits
    .filter(({ min, max }) => min === null && max === null)
    .map(({ rule, kind, windowMs, windowReadings }) => {
      const back =
        windowMs !== null
          ? `, over ${formatDuration(windowMs)}`
          : windowReadings !== null
            ? `, over ${formatNumber(windowReadings)} readings`
            : "";
      return `${kind}${back} (${rule})`;
    });
  if (lines.length + others.length === 0) return <p class="tile-limits">No rule judges this measure.</p>;
  return <p class="tile-limits">{[...lines, ...others].join(" · ")}</p>;
}
