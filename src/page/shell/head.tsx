/** The head of the page: which node, how it is, and the way to each view. */
import { formatDuration, formatNumber, formatTime, nowMs } from "./format.ts";
import { connection, state } from "./live.ts";
import { otherNode } from "./node.ts";
import { OtherNodeBar } from "./other-node-bar.tsx";
import { Badge, Dot } from "./parts.tsx";
import { condition } from "./tab.ts";
import { VIEWS, view } from "./views.tsx";

export function Head() {
  const { tone, text } = condition.value;
  return (
    <header>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to the content
      </button>
      <strong class="brand">agent</strong>
      <a class="health" href="#now">
        <Badge tone={tone}>{text}</Badge>
      </a>
      <Facts />
      <nav aria-label="Views">
        {VIEWS.map(({ name, title }) => (
          <a key={name} href={`#${name}`} aria-current={view.value.name === name ? "page" : undefined}>
            {title}
          </a>
        ))}
      </nav>
    </header>
  );
}

function Facts() {
  const now = state.value;
  const status = now?.status ?? null;
  if (now === null || status === null) return <p class="facts">{location.host}</p>;
  const lost = status.losses.reduce((sum, { count }) => sum + count, 0);
  const isCounted = status.losses.every(({ counted }) => counted);
  return (
    <p class="facts">
      node <strong>{status.node_id}</strong>
      {now.startedAtMs === null ? null : <span> · up {formatDuration(roundedMs(now.nowMs - now.startedAtMs))}</span>}
      <span> · {formatNumber(status.buffer.accepted)} readings accepted</span>
      <span class={lost > 0 || !isCounted ? "bad" : ""}>
        , {formatNumber(lost)}
        {isCounted ? "" : " or more"} lost
      </span>
      {status.rules.version === null ? null : <span class="extra"> · rules {status.rules.version}</span>}
      <span class="live-mark">
        {" · "}
        <Dot tone={connection.value.is === "live" ? "ok" : connection.value.is === "lost" ? "critical" : "quiet"} />{" "}
        {CONNECTION_WORDS[connection.value.is]}
      </span>
    </p>
  );
}

const CONNECTION_WORDS = { live: "live", lost: "not live", connecting: "connecting", resting: "paused" } as const;

const roundedMs = (ms: number) => Math.max(0, Math.floor(ms / 1_000) * 1_000);

/** A short break, as while the agent is updated, is not worth a word. */
const WORTH_A_WORD_MS = 1_500;

/** Over the page, so that nothing moves when it comes and goes. */
export function ConnectionBar() {
  if (otherNode.value !== null) return <OtherNodeBar />;
  return connection.value.is === "lost" ? <LostBar /> : null;
}

function LostBar() {
  const { sinceMs, why } = connection.value;
  const ms = nowMs.value - sinceMs;
  if (ms < WORTH_A_WORD_MS) return null;
  return (
    <div class="lost-bar" role="alert">
      <strong>
        {why === null ? "There is no answer from the agent" : `The agent does not send its state: ${why}`} since{" "}
        {formatTime(sinceMs)}
      </strong>
      <span>
        {why === null ? "It may be restarting. " : ""}What you see is as it was then; this page tries again by itself.{" "}
        <span aria-hidden="true">({formatDuration(roundedMs(ms))})</span>
      </span>
    </div>
  );
}
