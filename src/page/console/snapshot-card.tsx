/** Chooses, takes and names the snapshot. */
import { useEffect, useState } from "preact/hooks";
import { SNAPSHOT_READINGS_MOST, type SnapshotSize, type WireProblem } from "../../dashboard/wire.ts";
import { getJson, problemOf } from "../shell/api.ts";
import { formatBytes, formatNumber } from "../shell/format.ts";
import { Card, ProblemRow, Time } from "../shell/parts.tsx";
import {
  type AskedAmount,
  amount,
  cancelSnapshot,
  makeDownload,
  making,
  queryOf,
  snapshot,
  snapshotProblem,
  takeSnapshot,
  taking,
} from "./state.ts";

const WAIT_MS = 250;
const HOURS_MOST = 24 * 366;

export function SnapshotCard() {
  const taken = snapshot.value;
  const [isChoosing, choose] = useState(false);
  const isTaking = taking.value !== null;
  return (
    <Card title="Snapshot of the buffer" aside={<TakenSummary />}>
      {taken === null ? (
        <p class="console-lead">
          A snapshot is a copy of the newest readings. This browser answers questions from the copy: the device makes
          and sends it once, and does no more.
        </p>
      ) : null}
      {isTaking ? (
        <Progress />
      ) : taken === null || isChoosing ? (
        <Choose onTaken={() => choose(false)} />
      ) : (
        <div class="toolbar">
          <button type="button" onClick={() => choose(true)}>
            Take a newer one …
          </button>
          <button type="button" disabled={making.value !== null} onClick={() => void makeDownload("file")}>
            {making.value === "file" ? "Making the file …" : "Download as SQLite file"}
          </button>
        </div>
      )}
      {snapshotProblem.value === null ? null : <ProblemRow problem={snapshotProblem.value} />}
    </Card>
  );
}

function TakenSummary() {
  const taken = snapshot.value;
  if (taken === null) return null;
  return (
    <span class="taken" role="status">
      Taken <Time atMs={taken.takenAtMs} />, {formatNumber(taken.readings)} readings, {formatBytes(taken.blob.size)}
    </span>
  );
}

function Choose(props: { readonly onTaken: () => void }) {
  const asked = amount.value;
  const { size, problem } = useSize(asked);
  const most = asked.unit === "readings" ? SNAPSHOT_READINGS_MOST : HOURS_MOST;
  const isValid = asked.amount > 0 && asked.amount <= most;
  const take = async (event: Event) => {
    event.preventDefault();
    await takeSnapshot(asked);
    if (snapshotProblem.peek() === null) props.onTaken();
  };
  return (
    <form class="toolbar snapshot-form" onSubmit={take}>
      <label>
        Newest{" "}
        <input
          type="number"
          min={asked.unit === "hours" ? 0.1 : 1}
          max={most}
          step="any"
          required
          value={asked.amount}
          aria-label={asked.unit === "readings" ? "Number of readings" : "Number of hours"}
          onInput={({ currentTarget }) => {
            amount.value = { ...asked, amount: rounded(currentTarget.valueAsNumber, asked.unit) };
          }}
        />
      </label>
      <select
        aria-label="Readings or hours"
        value={asked.unit}
        onChange={({ currentTarget }) => {
          const unit = currentTarget.value === "hours" ? "hours" : "readings";
          amount.value = { unit, amount: unit === "hours" ? 1 : 100_000 };
        }}
      >
        <option value="readings">readings</option>
        <option value="hours">hours</option>
      </select>
      <button type="submit" class="main-button" disabled={!isValid || size?.readings === 0}>
        Take snapshot
      </button>
      <span class="snapshot-size quiet" aria-live="polite">
        {isValid ? <SizeText size={size} /> : `At most ${formatNumber(most)}`}
      </span>
      {problem === null ? null : <ProblemRow problem={problem} />}
    </form>
  );
}

function rounded(value: number, unit: AskedAmount["unit"]): number {
  return unit === "readings" ? Math.round(value) : Math.round(value * 100) / 100;
}

function SizeText(props: { readonly size: SnapshotSize | null }) {
  const { size } = props;
  if (size === null) return <>Asking how large it is …</>;
  if (size.held === 0) return <>The buffer holds no reading yet.</>;
  if (size.readings === 0)
    return <>{size.cut === null ? "The buffer holds no reading of that time." : `Not now: ${size.cut}.`}</>;
  return (
    <>
      About {formatBytes(size.bytes)}: {formatNumber(size.readings)} readings
      {size.fromMs === null ? null : (
        <>
          {" "}
          since <Time atMs={size.fromMs} />
        </>
      )}
      {size.readings >= size.held ? ", all that the buffer holds" : ""}
      {size.cut === null ? "" : `, because ${size.cut}`}.
    </>
  );
}

/** Asked of the agent a moment after the last key. */
function useSize(asked: AskedAmount): { readonly size: SnapshotSize | null; readonly problem: WireProblem | null } {
  const [found, find] = useState<{ size: SnapshotSize | null; problem: WireProblem | null }>({
    size: null,
    problem: null,
  });
  useEffect(() => {
    if (!(asked.amount > 0)) return;
    const abort = new AbortController();
    find({ size: null, problem: null });
    const timer = setTimeout(() => {
      getJson<SnapshotSize>("/api/snapshot/size", queryOf(asked), abort.signal).then(
        (size) => find({ size, problem: null }),
        (error) => abort.signal.aborted || find({ size: null, problem: problemOf(error) }),
      );
    }, WAIT_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [asked.unit, asked.amount]);
  return found;
}

function Progress() {
  const now = taking.value;
  if (now === null) return null;
  return (
    <div class="toolbar snapshot-progress">
      <progress aria-label="Snapshot" {...(now.of > 0 ? { value: Math.min(now.done, now.of), max: now.of } : {})} />
      <span role="status">{progressText(now)}</span>
      <button type="button" onClick={cancelSnapshot}>
        Cancel
      </button>
    </div>
  );
}

function progressText({ step, done, of }: NonNullable<typeof taking.value>): string {
  if (step === "opening") return "Opening it in this browser …";
  if (step === "receiving") return `Receiving ${formatBytes(done)} of ${formatBytes(of)}`;
  if (of === 0) return "The device begins …";
  return `The device copies ${formatNumber(done)} of ${formatNumber(of)} readings`;
}
