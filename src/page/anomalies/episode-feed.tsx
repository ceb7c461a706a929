/** The list of episodes. While someone reads it, it does not move: new ones wait behind a button. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Episode } from "../../dashboard/wire.ts";
import { formatDuration, formatNumber } from "../shell/format.ts";
import { Badge, Empty, Outside, Time } from "../shell/parts.tsx";
import { linkTo } from "../shell/place.ts";
import { held } from "./feed.ts";

/** Rows at first, and with each press on "more". */
const STEP = 100;
/** Scrolled less than this is at the top. */
const TOP_PX = 40;

export function EpisodeFeed(props: {
  readonly episodes: readonly Episode[];
  /** Before the filter. */
  readonly of: number;
  readonly chosen: string;
  readonly onAll: () => void;
}) {
  const { episodes, chosen } = props;
  const [most, setMost] = useState(STEP);
  const list = useRef<HTMLUListElement>(null);
  const newest = useRef(episodes);
  newest.current = episodes;
  const { ids, release } = useHold(list, () => newest.current.map(({ id }) => id));
  const { shown, waiting } = held(episodes, ids);
  if (episodes.length === 0) {
    return (
      <Empty>
        None of the {formatNumber(props.of)} newest anomalies passes the filter.{" "}
        <button type="button" onClick={props.onAll}>
          Show all
        </button>
      </Empty>
    );
  }
  return (
    <>
      <div class="anomalies-new" role="status">
        {waiting > 0 ? (
          <button type="button" onClick={release}>
            {formatNumber(waiting)} new
          </button>
        ) : null}
      </div>
      <ul class="card anomalies-list" ref={list} aria-label="Anomalies, newest first">
        {shown.slice(0, most).map((episode) => (
          <EpisodeRow key={episode.id} episode={episode} isChosen={episode.id === chosen} />
        ))}
      </ul>
      {shown.length > most ? (
        <button type="button" onClick={() => setMost(most + STEP)}>
          {formatNumber(shown.length - most)} older
        </button>
      ) : null}
    </>
  );
}

function EpisodeRow({ episode, isChosen }: { readonly episode: Episode; readonly isChosen: boolean }) {
  const { id, severity, rule, sensorId, reason, sinceMs } = episode;
  return (
    <li>
      <a class="episode-row" href={linkTo("anomalies", id)} aria-current={isChosen ? "true" : undefined}>
        <Time atMs={sinceMs} />
        <Badge tone={severity}>{severity}</Badge>
        <span class="episode-of">
          <strong>{rule}</strong>{" "}
          <span class="quiet">{sensorId === "" ? "no sensor" : <Outside text={sensorId} />}</span>
        </span>
        <span class="episode-reason">
          <Outside text={reason} />
        </span>
        <span class="quiet episode-state">{stateText(episode)}</span>
      </a>
    </li>
  );
}

/** `open · 24 readings · 2 min` */
export function stateText({ isOpen, readings, sinceMs, untilMs }: Episode): string {
  return [
    isOpen ? "open" : "ended",
    readings === 0 ? null : readings === 1 ? "1 reading" : `${formatNumber(readings)} readings`,
    untilMs > sinceMs ? formatDuration(untilMs - sinceMs) : null,
  ]
    .filter((part) => part !== null)
    .join(" · ");
}

/** The ids to keep while someone reads: who has scrolled, points at the list, or moves in it by keys. */
function useHold(list: { readonly current: HTMLElement | null }, now: () => readonly string[]) {
  const [ids, setIds] = useState<readonly string[] | null>(null);
  useEffect(() => {
    const element = list.current;
    if (element === null) return;
    const look = () => {
      const reads = scrollY > TOP_PX || element.matches(":hover") || element.contains(document.activeElement);
      setIds((before) => (reads ? (before ?? now()) : null));
    };
    look();
    const ends = new AbortController();
    for (const name of ["pointerenter", "pointerleave", "focusin"] as const) {
      element.addEventListener(name, look, { signal: ends.signal });
    }
    // The next element has the focus only after this event.
    element.addEventListener("focusout", () => setTimeout(look), { signal: ends.signal });
    addEventListener("scroll", look, { signal: ends.signal, passive: true });
    return () => ends.abort();
  }, [list.current === null]);
  const release = () => {
    scrollTo({ top: 0 });
    setIds(now());
  };
  return { ids, release };
}
