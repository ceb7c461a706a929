/** The view "Anomalies": the feed of episodes, and why one of them is one, with the chart around it. */
import { signal } from "@preact/signals";
import { EPISODES_MOST } from "../../dashboard/wire.ts";
import { Empty, Loading, ProblemRow } from "../shell/parts.tsx";
import { place } from "../shell/place.ts";
import { EpisodeFeed } from "./episode-feed.tsx";
import { EpisodePage } from "./episode-page.tsx";
import { ALL_EPISODES, type EpisodeFilter, passing, rulesOf } from "./feed.ts";
import { FilterBar } from "./filter-bar.tsx";
import { useEpisodes } from "./use-episodes.ts";

/** Stays while other views are shown. */
const filter = signal<EpisodeFilter>(ALL_EPISODES);

export default function Anomalies() {
  const { episodes, isLoading, problem } = useEpisodes(EPISODES_MOST);
  const id = place.value[1] ?? "";
  const chosen = episodes.find((one) => one.id === id);
  const passed = passing(episodes, filter.value);
  return (
    <div class={id === "" ? "anomalies" : "anomalies is-open"}>
      <div class="anomalies-feed">
        <FilterBar
          filter={filter.value}
          rules={rulesOf(episodes)}
          onChange={(changes) => {
            filter.value = { ...filter.peek(), ...changes };
          }}
        />
        {problem === null ? null : <ProblemRow problem={problem} />}
        {isLoading ? (
          <Loading what="anomalies" />
        ) : episodes.length === 0 ? (
          problem === null && <NoAnomalies />
        ) : (
          <EpisodeFeed
            key={JSON.stringify(filter.value)}
            episodes={passed}
            of={episodes.length}
            chosen={id}
            onAll={() => {
              filter.value = ALL_EPISODES;
            }}
          />
        )}
      </div>
      {id === "" ? null : chosen === undefined ? !isLoading && <NotThere /> : <EpisodePage key={id} episode={chosen} />}
    </div>
  );
}

function NoAnomalies() {
  return (
    <Empty>
      No reading in the buffer broke a rule. When one does, it is here within a second, with the rule and the reason.
      Which rules judge the readings, and how often each was broken, is in the view Rules.
    </Empty>
  );
}

function NotThere() {
  return (
    <div class="card anomalies-detail">
      <Empty>
        This anomaly is not among the newest {EPISODES_MOST}, or a late reading joined it to another one.{" "}
        <a href="#anomalies">All anomalies</a>
      </Empty>
    </div>
  );
}
