/** The newest anomalies, in short; the view "Anomalies" has all of them. */
import type { Episode } from "../../dashboard/wire.ts";
import { formatDuration, formatNumber } from "../shell/format.ts";
import { connection, episodes, mergedEpisodes } from "../shell/live.ts";
import { Badge, Card, Empty, Loading, Outside, ProblemRow, Time } from "../shell/parts.tsx";
import { useRoute } from "../shell/use-route.ts";

const SHOWN = 8;

export function NewestEpisodes() {
  const { value, problem } = useRoute<readonly Episode[]>(
    "/api/episodes",
    { limit: SHOWN },
    null,
    connection.value.sinceMs,
  );
  const all = mergedEpisodes(value ?? [], episodes.value).slice(0, SHOWN);
  return (
    <Card title="Anomalies, newest first" aside={<a href="#anomalies">all</a>}>
      {problem === null ? null : <ProblemRow problem={problem} />}
      {value === null && problem === null && all.length === 0 ? <Loading what="anomalies" /> : null}
      {value !== null && all.length === 0 ? (
        <Empty>
          No reading in the buffer broke a rule. When one does, it is here within a second, with the reason.
        </Empty>
      ) : null}
      <ul class="lines">
        {all.map((episode) => (
          <EpisodeLine key={episode.id} episode={episode} />
        ))}
      </ul>
    </Card>
  );
}

function EpisodeLine({ episode }: { readonly episode: Episode }) {
  const { severity, rule, sensorId, reason, readings, isOpen, sinceMs, untilMs } = episode;
  const lasted = untilMs > sinceMs ? ` · ${formatDuration(untilMs - sinceMs)}` : "";
  return (
    <li class="episode">
      <Time atMs={sinceMs} />
      <Badge tone={severity}>{severity}</Badge>
      <span>
        <strong>{rule}</strong>{" "}
        <span class="quiet">
          <Outside text={sensorId} />
        </span>
      </span>
      <span class="reason">
        <Outside text={reason} />
      </span>
      <span class="quiet">
        {isOpen ? "open" : "over"} · {readings === 1 ? "1 reading" : `${formatNumber(readings)} readings`}
        {lasted}
      </span>
    </li>
  );
}
