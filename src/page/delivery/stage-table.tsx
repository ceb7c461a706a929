/** The five stages: what was delivered, what waits, and how fast. */
import { STAGES, type Stage } from "../../core/stage.ts";
import type { WireDelivery } from "../../dashboard/wire.ts";
import type { KnownState } from "../flow/stations.ts";
import { formatBytes, formatDuration, formatNumber, formatRate } from "../shell/format.ts";
import { Time } from "../shell/parts.tsx";
import { type Column, SortedTable } from "../shell/sorted-table.tsx";

type StageLine = {
  readonly stage: Stage;
  readonly delivered: number;
  readonly pending: number;
  readonly oldestMs: number | null;
  readonly parked: number;
  readonly rowsPerSecond: number | null;
  readonly lagP95Ms: number | null;
  readonly objects: number;
  readonly bytes: number;
  readonly lastAtMs: number | null;
};

const count = (name: "delivered" | "pending" | "parked" | "objects", title: string): Column<StageLine> => ({
  name,
  title,
  kind: "number",
  show: (line) => formatNumber(line[name]),
});

const COLUMNS: readonly Column<StageLine>[] = [
  { name: "stage", title: "Stage", kind: "word", show: ({ stage }) => <strong>{stage}</strong> },
  count("delivered", "Rows delivered"),
  count("pending", "Rows waiting"),
  {
    name: "oldest",
    title: "Oldest waits",
    kind: "number",
    show: ({ oldestMs }) => (oldestMs === null ? "–" : formatDuration(oldestMs)),
  },
  {
    name: "rate",
    title: "Rows/s",
    kind: "number",
    isExtra: true,
    show: ({ rowsPerSecond }) => (rowsPerSecond === null ? "–" : formatRate(rowsPerSecond)),
  },
  {
    name: "lag",
    title: "Lag p95",
    kind: "number",
    show: ({ lagP95Ms }) => (lagP95Ms === null ? "–" : formatDuration(lagP95Ms)),
  },
  { ...count("objects", "Objects, this agent"), isExtra: true },
  {
    name: "bytes",
    title: "Sent, this agent",
    kind: "number",
    isExtra: true,
    show: ({ bytes }) => formatBytes(bytes),
  },
  {
    name: "last",
    title: "Newest object",
    kind: "word",
    isExtra: true,
    show: ({ lastAtMs }) => (lastAtMs === null ? "–" : <Time atMs={lastAtMs} as="ago" />),
  },
];
const PARKED: Column<StageLine> = {
  name: "parked",
  title: "Rows refused",
  kind: "number",
  show: ({ parked }) => (parked === 0 ? "0" : <span class="bad">{formatNumber(parked)}</span>),
};

export function StageTable({ delivery, now }: { readonly delivery: WireDelivery; readonly now: KnownState }) {
  const lines = STAGES.map((stage): StageLine => {
    const { delivered, pending, parked, oldest_pending_at: oldest } = now.status.stages[stage];
    const { ofAgent, lastAtMs } = delivery.stages[stage];
    const rate = now.rates?.stages[stage];
    return {
      stage,
      delivered,
      pending,
      oldestMs: oldest === null ? null : Math.max(0, now.nowMs - Date.parse(oldest)),
      parked,
      rowsPerSecond: rate?.rowsPerSecond ?? null,
      lagP95Ms: rate?.lagP95Ms ?? null,
      objects: ofAgent.objects,
      bytes: ofAgent.bytes,
      lastAtMs,
    };
  });
  const columns = lines.some(({ parked }) => parked > 0)
    ? [...COLUMNS.slice(0, 4), PARKED, ...COLUMNS.slice(4)]
    : COLUMNS;
  return <SortedTable label="Delivery by stage" columns={columns} rows={lines} keyOf={({ stage }) => stage} />;
}
