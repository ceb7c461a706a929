/** What the text would have found in the readings of the buffer, beside what was found: a table, and marks on a chart. */
import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { BacktestMark, BacktestResult } from "../../dashboard/rules-wire.ts";
import type { SeriesAnomaly } from "../../dashboard/wire.ts";
import { SeriesChart } from "../chart/series-chart.tsx";
import { heldSpan, readSeries, type SeriesRead, withMarks } from "../rules/series.ts";
import { formatDuration, formatNumber } from "../shell/format.ts";
import { Badge, Card, Empty, Loading, Outside, ProblemRow, Time } from "../shell/parts.tsx";
import { type Column, SortedTable } from "../shell/sorted-table.tsx";
import type { BacktestModel, BacktestState } from "./backtest-model.ts";
import { knownWords } from "./words.ts";

export function BacktestPanel({ model, text }: { readonly model: BacktestModel; readonly text: string }) {
  const { progress, problem, done } = model.state.value;
  const isOld = done !== null && done.text !== text;
  return (
    <Card
      title="Backtest: what this text would have found"
      aside={
        <span role="status">
          {model.isRunning.value ? (
            <Running progress={progress} onStop={() => model.stop()} />
          ) : isOld ? (
            <Badge tone="quiet">of an older text</Badge>
          ) : null}
        </span>
      }
    >
      {problem !== null ? (
        <ProblemRow problem={problem} />
      ) : done !== null ? (
        <Result result={done.result} />
      ) : model.isRunning.value ? (
        <Progress progress={progress} />
      ) : (
        <Empty>
          Judges the readings that the buffer holds by this text. The agent goes on meanwhile, and gives it a tenth of a
          core.
        </Empty>
      )}
    </Card>
  );
}

function Running({ progress, onStop }: { readonly progress: BacktestState["progress"]; readonly onStop: () => void }) {
  return (
    <>
      {progress === null || progress.leftMs === 0 ? "beginning …" : `about ${formatDuration(progress.leftMs)} left`}{" "}
      <button type="button" class="quiet-button" onClick={onStop}>
        stop
      </button>
    </>
  );
}

function Progress({ progress }: { readonly progress: BacktestState["progress"] }) {
  const { done, total } = progress ?? { done: 0, total: 1 };
  return (
    <p class="toolbar">
      <progress value={done} max={Math.max(1, total)} aria-label="Progress of the backtest" />
      <span>
        {formatNumber(done)} of {formatNumber(total)} readings
      </span>
    </p>
  );
}

function Result({ result }: { readonly result: BacktestResult }) {
  const { readings, warmedUp, sinceMs, isCut, any, rules, marks, problems } = result;
  if (readings === 0) return <Empty>The buffer holds no reading of this time.</Empty>;
  const isSame =
    any.onlyWould + any.onlyDid === 0 && rules.every(({ onlyWould, onlyDid }) => onlyWould + onlyDid === 0);
  const shown = rules.filter(({ change, did, isEdited }) => isEdited || change !== "removed" || did > 0);
  return (
    <>
      <p>
        {formatNumber(readings)} readings
        {sinceMs === 0 ? (
          ""
        ) : (
          <>
            , committed since <Time atMs={sinceMs} as="full" />
          </>
        )}
        {isCut ? ": the newest, since the buffer holds more than one backtest judges" : ""}; warmed up with{" "}
        {formatNumber(warmedUp)} older ones.{" "}
        {isSame ? <strong>No verdict would have been another.</strong> : <strong>{differenceText(result)}</strong>}
      </p>
      <SortedTable label="Rules in the backtest" columns={COLUMNS} rows={shown} keyOf={({ name }) => name} />
      {problems.map(({ rule, message, count }) => (
        <ProblemRow
          key={`${rule} ${message}`}
          tone="warning"
          problem={{
            message: `${rule} could not be evaluated for ${formatNumber(count)} readings: ${message}`,
            try: null,
          }}
        />
      ))}
      <Marks marks={marks} areCut={result.areMarksCut} />
    </>
  );
}

function differenceText({ any: { onlyWould, onlyDid } }: BacktestResult): string {
  return `${formatNumber(onlyWould)} more readings would be anomalies, ${formatNumber(onlyDid)} no longer.`;
}

type RuleRow = BacktestResult["rules"][number];
const CHANGE_TONES = { same: "quiet", changed: "info", new: "info", removed: "warning" } as const;

const COLUMNS: readonly Column<RuleRow>[] = [
  {
    name: "rule",
    title: "rule",
    kind: "word",
    show: ({ name, isEdited }) => (isEdited ? <strong>{name}</strong> : name),
    sortBy: ({ name }) => name,
  },
  {
    name: "change",
    title: "against now",
    kind: "word",
    show: ({ change }) => <Badge tone={CHANGE_TONES[change]}>{change}</Badge>,
    sortBy: ({ change }) => change,
  },
  number("would", "would break", ({ would }) => would),
  number("did", "did break", ({ did }) => did),
  number("onlyWould", "only would", ({ onlyWould }) => onlyWould),
  number("onlyDid", "only did", ({ onlyDid }) => onlyDid),
];

function number(name: string, title: string, value: (row: RuleRow) => number): Column<RuleRow> {
  return { name, title, kind: "number", show: (row) => formatNumber(value(row)), sortBy: value };
}

const PIXELS = 800;
const MARKS_LISTED = 50;
const AROUND_MS = 60_000;
const SPAN_MOST_MS = 24 * 3_600_000;
const KINDS = { new: "would break", gone: "would no longer break", both: "breaks before and after" } as const;

function Marks({ marks, areCut }: { readonly marks: readonly BacktestMark[]; readonly areCut: boolean }) {
  const series = [
    ...Map.groupBy(
      marks.filter(({ measure }) => measure !== null),
      keyOf,
    ),
  ].toSorted(([, a], [, b]) => b.length - a.length);
  const chosen = useSignal("");
  const first = series[0]?.[0] ?? "";
  const key = series.some(([one]) => one === chosen.value) ? chosen.value : first;
  const own = series.find(([one]) => one === key)?.[1] ?? [];
  if (marks.length === 0) return null;
  return (
    <div class="backtest-marks">
      <p class="toolbar">
        <span>
          {formatNumber(marks.length)} {areCut ? "of the marks: those that differ, and the newest" : "marks"}
        </span>
        {series.length === 0 ? null : (
          <label>
            Sensor{" "}
            <select
              value={key}
              onChange={(event) => {
                chosen.value = event.currentTarget.value;
              }}
            >
              {series.map(([one, some]) => (
                <option key={one} value={one}>
                  {one.replace("\0", " · ")} ({formatNumber(some.length)})
                </option>
              ))}
            </select>
          </label>
        )}
      </p>
      {own.length === 0 ? null : <MarkedChart series={key} marks={own} />}
      <details>
        <summary>The newest {formatNumber(Math.min(MARKS_LISTED, marks.length))} as a table</summary>
        <SortedTable
          label="Readings that a rule of this file finds"
          columns={MARKS}
          rows={marks.toReversed().slice(0, MARKS_LISTED)}
          keyOf={({ seq, rule }) => `${seq} ${rule}`}
        />
      </details>
    </div>
  );
}

function keyOf({ sensorId, measure }: BacktestMark): string {
  return `${sensorId}\0${measure ?? ""}`;
}

const MARKS: readonly Column<BacktestMark>[] = [
  {
    name: "time",
    title: "time",
    kind: "word",
    show: ({ atMs }) => <Time atMs={atMs} as="full" />,
    sortBy: ({ atMs }) => atMs,
  },
  {
    name: "sensor",
    title: "sensor",
    kind: "word",
    show: ({ sensorId }) => <Outside text={sensorId} />,
    sortBy: ({ sensorId }) => sensorId,
  },
  {
    name: "which",
    title: "verdict",
    kind: "word",
    show: ({ which }) => <Badge tone={which === "both" ? "quiet" : "info"}>{KINDS[which]}</Badge>,
    sortBy: ({ which }) => which,
  },
  {
    name: "reason",
    title: "reason",
    kind: "text",
    show: ({ rule, reason }) => <Outside text={`${rule}: ${reason}`} />,
  },
];

function MarkedChart({ series, marks }: { readonly series: string; readonly marks: readonly BacktestMark[] }) {
  const read = useSignal<SeriesRead | null>(null);
  const isMissing = useSignal(false);
  const openedAt = useMemo(() => Date.now(), [series]);
  const newest = Math.max(...marks.map(({ atMs }) => atMs));
  const lastMs = Math.max(newest, Math.min(openedAt, newest + AROUND_MS));
  const fromMs = Math.max(Math.min(...marks.map(({ atMs }) => atMs)) - AROUND_MS, lastMs - SPAN_MOST_MS);
  useEffect(() => {
    const abort = new AbortController();
    isMissing.value = false;
    readSeries({ key: series, fromMs, toMs: lastMs, pixels: PIXELS }, abort.signal, (one) => {
      read.value = one;
    }).catch(() => {
      if (!abort.signal.aborted) isMissing.value = true;
    });
    return () => abort.abort();
  }, [series, fromMs, lastMs]);
  if (isMissing.value) return <Empty>The line of this sensor cannot be read now; the marks are in the table.</Empty>;
  if (read.value === null || read.value.key !== series) return <Loading what="the chart" />;
  const [sensorId = "", measure = ""] = series.split("\0");
  return (
    <SeriesChart
      sensorId={sensorId}
      measure={measure}
      unit={knownWords().measures.find(({ word }) => word === measure)?.about || null}
      part={withMarks(read.value.part, marks.map(anomalyOf))}
      limits={[]}
      span={heldSpan(read.value)}
      isLarge
    />
  );
}

function anomalyOf({ atMs, seq, rule, reason, which }: BacktestMark): SeriesAnomaly {
  return { atMs, value: null, seq, rules: [rule], reason: `${KINDS[which]}: ${reason}` };
}
