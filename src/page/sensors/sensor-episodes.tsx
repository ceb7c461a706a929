/** The anomalies of one sensor, as a table. */
import type { Episode, WireProblem } from "../../dashboard/wire.ts";
import { formatDuration, formatNumber } from "../shell/format.ts";
import { Badge, Empty, Loading, Outside, ProblemRow, Time } from "../shell/parts.tsx";
import { linkTo } from "../shell/place.ts";
import { type Column, SortedTable } from "../shell/sorted-table.tsx";

const SHOWN_MOST = 50;
const COLUMNS: readonly Column<Episode>[] = [
  {
    name: "since",
    title: "Since",
    kind: "word",
    sortBy: ({ sinceMs }) => sinceMs,
    show: ({ sinceMs }) => <Time atMs={sinceMs} />,
  },
  {
    name: "severity",
    title: "Severity",
    kind: "word",
    show: ({ severity }) => <Badge tone={severity}>{severity}</Badge>,
  },
  {
    name: "rule",
    title: "Rule",
    sortBy: ({ rule }) => rule,
    show: ({ id, rule }) => <a href={linkTo("anomalies", id)}>{rule}</a>,
  },
  { name: "reason", title: "Reason", show: ({ reason }) => <Outside text={reason} /> },
  {
    name: "readings",
    title: "Readings",
    kind: "number",
    sortBy: ({ readings }) => readings,
    show: ({ readings }) => formatNumber(readings),
  },
  {
    name: "lasted",
    title: "Lasted",
    kind: "number",
    isExtra: true,
    sortBy: ({ sinceMs, untilMs }) => untilMs - sinceMs,
    show: ({ sinceMs, untilMs, isOpen }) =>
      isOpen ? `open, ${formatDuration(untilMs - sinceMs)}` : formatDuration(untilMs - sinceMs),
  },
];

export function SensorEpisodes(props: {
  readonly episodes: readonly Episode[];
  readonly isLoading: boolean;
  readonly problem: WireProblem | null;
}) {
  const { episodes, isLoading, problem } = props;
  if (problem !== null && episodes.length === 0) return <ProblemRow problem={problem} />;
  if (isLoading) return <Loading what="anomalies" />;
  if (episodes.length === 0) return <Empty>None of the newest anomalies is of this sensor.</Empty>;
  return (
    <>
      <SortedTable
        label="Newest anomalies of this sensor"
        columns={COLUMNS}
        rows={episodes.slice(0, SHOWN_MOST)}
        keyOf={({ id }) => id}
        first={{ column: "since", isDown: true }}
      />
      {episodes.length > SHOWN_MOST ? (
        <p class="quiet">
          The newest {formatNumber(SHOWN_MOST)} of {formatNumber(episodes.length)}.
        </p>
      ) : null}
    </>
  );
}
