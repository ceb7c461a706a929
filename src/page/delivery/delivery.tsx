/** How far delivery is: the uplink, what was sent, the buffer against its limit, stages, losses, refused batches, the heartbeat. */
import { useState } from "preact/hooks";
import { DELIVERY_MINUTES, type WireDelivery } from "../../dashboard/wire.ts";
import { isKnown, type KnownState } from "../flow/stations.ts";
import { formatBytes, formatDuration, formatNumber, formatRate, formatShare } from "../shell/format.ts";
import { state } from "../shell/live.ts";
import { Badge, Card, Loading, ProblemRow, Tabs, Time } from "../shell/parts.tsx";
import { useRoute } from "../shell/use-route.ts";
import { HeartbeatCard, LossesCard, ParkedCard } from "./leftovers.tsx";
import { StageTable } from "./stage-table.tsx";
import { BarChart, LinkBand } from "./step-chart.tsx";
import type { StepNumber } from "./steps.ts";

const EVERY_MS = 5_000;
/** Problems of the store and of delivery, which the head of this view repeats. */
const OF_DELIVERY = /^(store_|batches?_parked|object_|two_agents|readings_lost|buffer_(full|limit))/;

export default function Delivery() {
  const [minutes, choose] = useState<number>(DELIVERY_MINUTES[0]);
  const { value, problem } = useRoute<WireDelivery>("/api/delivery", { minutes: String(minutes) }, EVERY_MS);
  const now = state.value;
  if (value === null || now === null) {
    return problem === null ? <Loading what="what was delivered" /> : <ProblemRow problem={problem} />;
  }
  if (!isKnown(now)) return <Loading what="the agent's state" />;
  const problems = now.status.problems.filter(({ code }) => OF_DELIVERY.test(code));
  return (
    <>
      {problem === null ? null : <ProblemRow problem={problem} />}
      {problems.map((one) => (
        <ProblemRow key={`${one.code} ${one.message}`} problem={one} />
      ))}
      <Tabs
        label="The time that is shown"
        tabs={DELIVERY_MINUTES.map((one) => ({ name: String(one), title: formatDuration(one * 60_000) }))}
        chosen={String(minutes)}
        onChoose={(name) => choose(Number(name))}
      />
      <UplinkCard delivery={value} now={now} />
      <div class="columns">
        <SentCard delivery={value} />
        <BufferCard delivery={value} now={now} />
      </div>
      <Card title="By stage" aside={<Since delivery={value} />}>
        <StageTable delivery={value} now={now} />
      </Card>
      <div class="columns">
        <LossesCard losses={now.status.losses} />
        <ParkedCard delivery={value} />
      </div>
      <HeartbeatCard heartbeat={now.status.heartbeat} />
    </>
  );
}

function Since({ delivery }: { readonly delivery: WireDelivery }) {
  return (
    <>
      this agent started <Time atMs={delivery.sinceMs} as="ago" />
    </>
  );
}

function UplinkCard({ delivery, now }: { readonly delivery: WireDelivery; readonly now: KnownState }) {
  const { uplink } = now.status;
  const isUp = uplink.state === "up";
  // The problem above says it, too, with what to try.
  const isSaid = (error: string) => now.status.problems.some(({ message }) => message === error);
  return (
    <Card title="Uplink" aside={now.store}>
      <p class="uplink-state">
        <Badge tone={isUp ? "ok" : "critical"}>{isUp ? "up" : "down"}</Badge>{" "}
        {uplink.since === null ? null : (
          <>
            since <Time atMs={Date.parse(uplink.since)} />
          </>
        )}
        {uplink.error === null || isSaid(uplink.error) ? null : <span class="quiet">: {uplink.error}</span>}
      </p>
      <LinkBand steps={delivery.steps} stepMs={delivery.stepMs} />
      <p class="quiet">
        {formatNumber(delivery.retries)} {delivery.retries === 1 ? "try" : "tries"} failed and were repeated since the
        agent started. While the store is away, readings are kept in the buffer and nothing is lost until it is full.
      </p>
    </Card>
  );
}

type Shown = { readonly name: StepNumber; readonly title: string; readonly format: (value: number) => string };
const SENT: readonly Shown[] = [
  { name: "rows", title: "rows", format: (value) => `${formatNumber(value)} rows` },
  { name: "bytes", title: "bytes", format: formatBytes },
  { name: "objects", title: "objects", format: (value) => `${formatNumber(value)} objects` },
  { name: "failures", title: "failures", format: (value) => `${formatNumber(value)} failures` },
];

function SentCard({ delivery }: { readonly delivery: WireDelivery }) {
  const [name, choose] = useState<StepNumber>("rows");
  const shown = SENT.find((one) => one.name === name) ?? SENT[0];
  if (shown === undefined) return null;
  return (
    <Card title="Sent to the store" aside={`each bar: ${formatDuration(delivery.stepMs)}`}>
      <Tabs label="What is counted" tabs={SENT} chosen={name} onChoose={choose} />
      <BarChart
        steps={delivery.steps}
        stepMs={delivery.stepMs}
        what={shown.name}
        label={`Sent, ${shown.title}`}
        format={shown.format}
        {...(name === "failures" ? { tone: "critical" as const } : {})}
      />
    </Card>
  );
}

function fullText(fullInMs: number | null, isDown: boolean): string {
  if (fullInMs !== null) return `Full in ${formatDuration(fullInMs)} at this rate.`;
  return isDown ? "How soon it is full is known after half a minute without the store." : "It does not fill up.";
}

function BufferCard({ delivery, now }: { readonly delivery: WireDelivery; readonly now: KnownState }) {
  const { rates, fullInMs, status } = now;
  const { bytes, limit_bytes: limitBytes } = status.buffer;
  const share = bytes / limitBytes;
  return (
    <Card title="Buffer" aside={`limit ${formatBytes(limitBytes)}`}>
      <p>
        <strong>{formatBytes(bytes)}</strong>{" "}
        <span class="quiet">in use, {share < 0.001 ? "less than 0.1 %" : formatShare(share)} of the limit</span>
      </p>
      <p class={fullInMs === null ? "quiet" : "bad"}>{fullText(fullInMs, status.uplink.state === "down")}</p>
      <BarChart
        steps={delivery.steps}
        stepMs={delivery.stepMs}
        what="bufferBytes"
        label="Bytes in the buffer"
        format={formatBytes}
      />
      <p class="quiet">{rates === null ? "" : `${formatRate(rates.readingsPerSecond)} readings/s come in.`}</p>
    </Card>
  );
}
