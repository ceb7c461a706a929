/** The SQL console: a snapshot of the buffer, questions about it, and their answers. */
import { useEffect, useState } from "preact/hooks";
import { formatDuration, formatNumber } from "../shell/format.ts";
import { Badge, Card, Empty, Loading } from "../shell/parts.tsx";
import { AnswerChart } from "./answer-chart.tsx";
import { isChartable } from "./answer-shape.ts";
import { AnswerTable } from "./answer-table.tsx";
import { Editor } from "./editor.tsx";
import { forgetAll, history } from "./history.ts";
import { namedQuestions } from "./questions.ts";
import { SnapshotCard } from "./snapshot-card.tsx";
import { lineAndColumn } from "./sql-text.ts";
import {
  answer,
  failure,
  makeDownload,
  making,
  question,
  ROWS_KEPT,
  runningSince,
  runQuestion,
  type ShownAnswer,
  type SqlFailure,
  snapshot,
  stopQuestion,
} from "./state.ts";

export default function Console() {
  return (
    <>
      <h1 class="hidden-title">SQL console</h1>
      <SnapshotCard />
      <QuestionCard />
      <AnswerCard />
    </>
  );
}

function QuestionCard() {
  const schema = snapshot.value?.schema ?? null;
  const isRunning = runningSince.value !== null;
  const failed = failure.value;
  const error =
    failed === null || failed.at === null || failed.sql !== question.value
      ? null
      : { at: failed.at, message: failed.message };
  const run = () => void runQuestion(question.peek());
  return (
    <Card title="Question" aside={<span class="only-wide">Ctrl-Enter runs it</span>}>
      <div class="toolbar question-bar">
        <NamedQuestions />
        <History />
      </div>
      <Editor
        text={question}
        schema={schema}
        error={error}
        onRun={run}
        onText={(text) => {
          question.value = text;
        }}
      />
      <div class="toolbar question-bar">
        <button
          type="button"
          class="main-button"
          disabled={schema === null || isRunning || question.value.trim() === ""}
          onClick={run}
        >
          Run
        </button>
        <button type="button" disabled={!isRunning} onClick={stopQuestion}>
          Stop
        </button>
        <span class="quiet" role="status">
          {schema === null ? "Take a snapshot first." : isRunning ? <RunningFor /> : null}
        </span>
      </div>
    </Card>
  );
}

function NamedQuestions() {
  const questions = namedQuestions(snapshot.value?.schema.measures ?? []);
  const chosen = questions.find(({ sql }) => sql === question.value);
  return (
    <label>
      Ready to run{" "}
      <select
        class="named"
        value={chosen?.name ?? ""}
        onChange={({ currentTarget }) => {
          const one = questions.find(({ name }) => name === currentTarget.value);
          if (one === undefined) return;
          question.value = one.sql;
          void runQuestion(one.sql);
        }}
      >
        <option value="">choose a question</option>
        {questions.map(({ name, title }) => (
          <option key={name} value={name}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}

const FORGET = "forget";

function History() {
  const asked = history.value;
  return (
    <label>
      History{" "}
      <select
        class="history"
        value=""
        disabled={asked.length === 0}
        onChange={({ currentTarget }) => {
          if (currentTarget.value === FORGET) forgetAll();
          else question.value = asked[Number(currentTarget.value)] ?? question.value;
          currentTarget.value = "";
        }}
      >
        <option value="">
          {asked.length === 0 ? "nothing yet" : `${formatNumber(asked.length)} asked in this browser`}
        </option>
        {asked.map((sql, at) => (
          <option key={sql} value={at}>
            {sql.replace(/\s+/g, " ").slice(0, 80)}
          </option>
        ))}
        {asked.length === 0 ? null : <option value={FORGET}>Forget all of them</option>}
      </select>
    </label>
  );
}

function RunningFor() {
  const [nowMs, tick] = useState(performance.now());
  useEffect(() => {
    const timer = setInterval(() => tick(performance.now()), 200);
    return () => clearInterval(timer);
  }, []);
  const count = answer.value?.count ?? 0;
  const counted = count > ROWS_KEPT ? `, ${formatNumber(count)} rows so far` : "";
  return (
    <>
      Running for {formatDuration(Math.max(0, nowMs - (runningSince.value ?? nowMs)))}
      {counted}
    </>
  );
}

function AnswerCard() {
  const failed = failure.value;
  const shown = answer.value;
  if (failed !== null) return <FailureCard failed={failed} />;
  if (shown === null) {
    if (runningSince.value !== null)
      return (
        <Card title="Answer">
          <Loading what="the answer" />
        </Card>
      );
    return (
      <Card title="Answer">
        <Empty>
          {snapshot.value === null
            ? "Take a snapshot, then choose a question or write one. The view sensor_readings has the readings, anomalies has what rules found."
            : "Choose a question that is ready to run, or write one. The view sensor_readings has the readings, anomalies has what rules found."}
        </Empty>
      </Card>
    );
  }
  return (
    <Card title="Answer" aside={<AnswerActions shown={shown} />}>
      <p class="answer-facts" role="status" data-question={shown.sql}>
        {factsOf(shown)}
      </p>
      {isChartable(shown) ? <AnswerChart key={shown.sql + shown.columns.join()} answer={shown} /> : null}
      {shown.columns.length === 0 ? null : <AnswerTable key={shown.sql} answer={shown} />}
    </Card>
  );
}

function AnswerActions(props: { readonly shown: ShownAnswer }) {
  if (props.shown.columns.length === 0) return null;
  return (
    <button
      type="button"
      class="quiet-button"
      disabled={making.value !== null || runningSince.value !== null}
      onClick={() => void makeDownload("csv", props.shown.sql)}
    >
      {making.value === "csv" ? "Making the file …" : "Download all rows as CSV"}
    </button>
  );
}

function factsOf({ columns, rows, count, isWhole, ms, changed }: ShownAnswer): string {
  const took = ms === null ? "" : ` in ${formatDuration(ms)} in your browser; the device was not asked`;
  if (columns.length === 0) return `Done${took}. ${formatNumber(changed)} rows of this copy changed.`;
  const noun = count === 1 ? "row" : "rows";
  if (!isWhole) {
    const more = runningSince.value === null ? "; it was stopped before the rest was counted" : "; counting the rest";
    return `First ${formatNumber(rows.length)} of more than ${formatNumber(count)} ${noun}${more}.`;
  }
  if (count > rows.length) return `First ${formatNumber(rows.length)} of ${formatNumber(count)} ${noun}${took}.`;
  return count === 0 ? `No rows${took}.` : `${formatNumber(count)} ${noun}${took}.`;
}

function FailureCard(props: { readonly failed: SqlFailure }) {
  const { sql, message, at } = props.failed;
  const where = at === null ? null : lineAndColumn(sql, at.from);
  return (
    <Card title="Answer">
      <p class="sql-failure" role="alert" data-question={sql}>
        <Badge tone="critical">SQL error</Badge>{" "}
        {where === null ? null : (
          <strong>
            Line {where.line}, column {where.column}:{" "}
          </strong>
        )}
        {message}
      </p>
    </Card>
  );
}
