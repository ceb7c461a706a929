/** The flow of readings through the agent, from left to right: where it is, how fast, and where it is stuck. */
import type { ComponentChildren } from "preact";
import type { Stage } from "../../core/stage.ts";
import { formatBytes, formatDuration, formatNumber, formatRate } from "../shell/format.ts";
import { Dot, WithUnit } from "../shell/parts.tsx";
import {
  bufferStation,
  isStuck,
  type KnownState,
  rulesStation,
  type Station,
  sensorsStation,
  stageStations,
  storeStation,
  waitingReadings,
} from "./stations.ts";

/** What each stage is, for someone who never heard of it. */
const MEANINGS: Readonly<Record<Stage, string>> = {
  raw: "every reading, as it came",
  validated: "those that broke no rule",
  anomalies: "those that broke one, and why",
  schematized: "valid ones, columns added",
  aggregated: "means of each time window",
};

export function FlowPicture({ state }: { readonly state: KnownState }) {
  const { rates } = state;
  const isIn = (rates?.readingsPerSecond ?? 0) > 0;
  const isOut = !isStuck(state) && (rates?.bytesPerSecond ?? 0) > 0;
  return (
    <section class="flow" aria-label="The flow of readings">
      <SensorsBox state={state} />
      <Arrow isMoving={isIn} />
      <BufferBox state={state} />
      <Arrow isMoving={isOut} isBroken={isStuck(state)} />
      <StagesBox state={state} />
      <Arrow isMoving={isOut} isBroken={isStuck(state)} />
      <StoreBox state={state} />
    </section>
  );
}

function Arrow({ isMoving, isBroken = false }: { readonly isMoving: boolean; readonly isBroken?: boolean }) {
  return (
    <div class={`arrow${isMoving ? " moves" : ""}${isBroken ? " broken" : ""}`} aria-hidden="true">
      {isBroken ? <span class="cut">✕</span> : null}
    </div>
  );
}

function Box(props: { readonly title: string; readonly station: Station; readonly children: ComponentChildren }) {
  const { tone, word } = props.station;
  return (
    <section class={`station ${tone}`} aria-label={props.title}>
      <h2>
        {props.title}
        <span class="word">
          <Dot tone={tone} /> {word}
        </span>
      </h2>
      {props.children}
    </section>
  );
}

function SensorsBox({ state }: { readonly state: KnownState }) {
  const { status, rates } = state;
  const refused = status.sources.reduce((sum, source) => sum + source.refused, 0);
  return (
    <Box title="Sensors" station={sensorsStation(state)}>
      <p class="big">
        <PerSecond value={rates?.readingsPerSecond ?? null} unit="readings/s" />
      </p>
      <p>
        from {formatNumber(state.sensors)} {state.sensors === 1 ? "sensor" : "sensors"}
      </p>
      {status.sources.slice(0, SOURCES_SHOWN).map(({ uri }) => (
        <p key={uri} class="quiet uri" title={uri}>
          {uri}
        </p>
      ))}
      {status.sources.length > SOURCES_SHOWN ? (
        <p class="quiet">and {status.sources.length - SOURCES_SHOWN} more sources</p>
      ) : null}
      {refused > 0 ? <p class="quiet">{formatNumber(refused)} malformed, kept as received</p> : null}
    </Box>
  );
}
const SOURCES_SHOWN = 3;

/** A forecast needs minutes: right after the store went away there is none, and the buffer fills all the same. */
function fillText(state: KnownState): string {
  const { fullInMs } = state;
  if (fullInMs !== null) return `full in ${formatDuration(fullInMs)} at this rate`;
  return isStuck(state) ? "fills until the store is back" : "does not fill up";
}

function BufferBox({ state }: { readonly state: KnownState }) {
  const { status } = state;
  const { bytes, limit_bytes: limit } = status.buffer;
  const { count } = status.rules;
  const rules = rulesStation(state);
  return (
    <Box title="This device" station={bufferStation(state)}>
      <p>
        <a href="#rules">{count === 1 ? "1 rule" : `${formatNumber(count)} rules`}</a>{" "}
        {count === 1 ? "judges" : "judge"} each reading
        {rules.tone === "ok" ? null : (
          <span class="word">
            {" "}
            <Dot tone={rules.tone} /> {rules.word}
          </span>
        )}
      </p>
      <p class="quiet">{state.rates === null ? "–" : formatRate(state.rates.anomaliesPerMinute)} anomalies/min</p>
      <p class="above">
        buffer: {formatBytes(bytes)} <span class="quiet">of {formatBytes(limit)}</span>
      </p>
      <Bar share={bytes / limit} tone={bufferStation(state).tone} />
      <p class="quiet">{fillText(state)}</p>
      <p>
        {formatNumber(waitingReadings(state))} <span class="quiet">readings wait for delivery</span>
      </p>
    </Box>
  );
}

/** The same as the text above it. */
function Bar({ share, tone }: { readonly share: number; readonly tone: string }) {
  return (
    <div class={`bar ${tone}`} aria-hidden="true">
      <div style={{ width: `${Math.min(100, Math.max(0, share * 100))}%` }} />
    </div>
  );
}

function StagesBox({ state }: { readonly state: KnownState }) {
  return (
    <section class="station stages" aria-label="Five stages">
      <table>
        <thead>
          <tr>
            <th scope="col">
              <h2>Five stages</h2>
            </th>
            <th scope="col" class="number">
              rows/s
            </th>
            <th scope="col" class="number" title="From the sensor to the stored object, for 95 % of the readings">
              lag
            </th>
            <th scope="col" class="number">
              waiting
            </th>
            <th scope="col" class="number" title="How old the oldest row is that waits">
              oldest
            </th>
          </tr>
        </thead>
        <tbody>
          {stageStations(state).map(({ stage, tone, word, rowsPerSecond, lagP95Ms, pending, oldestMs }) => (
            <tr key={stage} class={tone}>
              <th scope="row">
                <Dot tone={tone} /> {stage} <span class="quiet meaning">{MEANINGS[stage]}</span>
                <span class="for-ears">{word}</span>
              </th>
              <td class="number">{rowsPerSecond === null ? "–" : formatRate(rowsPerSecond)}</td>
              <td class="number">{lagP95Ms === null ? "–" : formatDuration(lagP95Ms)}</td>
              <td class="number">{formatNumber(pending)}</td>
              <td class="number quiet">
                {oldestMs === null || pending === 0 ? "–" : formatDuration(Math.floor(oldestMs / 1_000) * 1_000)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function StoreBox({ state }: { readonly state: KnownState }) {
  const { status, rates, nowMs, store } = state;
  const { uplink } = status;
  const sinceMs = uplink.since === null ? null : Math.max(0, nowMs - Date.parse(uplink.since));
  const delivered = stageStations(state).reduce((sum, stage) => sum + stage.delivered, 0);
  return (
    <Box title="Store" station={storeStation(state)}>
      <p class="big">
        {rates === null ? "–" : formatBytes(rates.bytesPerSecond)}
        <span class="unit">/s</span>
      </p>
      <p class="uri" title={store}>
        {store}
      </p>
      <p class="quiet">
        {uplink.state}
        {sinceMs === null ? "" : ` ${formatDuration(Math.floor(sinceMs / 1_000) * 1_000)}`}
      </p>
      <p>
        {formatNumber(delivered)} <span class="quiet">rows delivered</span>
      </p>
    </Box>
  );
}

function PerSecond({ value, unit }: { readonly value: number | null; readonly unit: string }) {
  return <WithUnit value={value === null ? "–" : formatRate(value)} unit={unit} />;
}
