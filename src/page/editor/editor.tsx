/** The editor of a rule file: the text, what the agent says of it, what it would have found, and the way into the file. */
import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { RuleSaved } from "../../dashboard/rules-wire.ts";
import { FileProblem } from "../rules/file-problem.tsx";
import { Badge, Card, ProblemRow } from "../shell/parts.tsx";
import { linkTo } from "../shell/place.ts";
import { BacktestModel } from "./backtest-model.ts";
import { BacktestPanel } from "./backtest-panel.tsx";
import { CheckPanel } from "./check-panel.tsx";
import { type CodeMark, CodeView } from "./code-view.ts";
import { DiffPanel } from "./diff-panel.tsx";
import { EditorModel, newRuleText } from "./model.ts";
import { knownWords } from "./words.ts";

export type EditorProps = {
  readonly name: string;
  readonly isNew: boolean;
  /** As the user named it. */
  readonly folder: string;
  /** Where to begin. */
  readonly line: number | null;
  /** Another one when the folder is no longer what it was. */
  readonly seen: string;
};

export default function Editor(props: EditorProps) {
  const { name, isNew, folder } = props;
  const model = useMemo(() => new EditorModel(name), [name]);
  const backtest = useMemo(() => new BacktestModel(), [name]);
  const view = useRef<CodeView | null>(null);
  const isDiffShown = useSignal(false);
  useEffect(() => {
    void model.load(isNew ? newRuleText(name, knownWords().measures[0]?.word ?? "temperature") : null);
    return () => {
      model.stop();
      backtest.stop();
    };
  }, [model]);
  useEffect(() => void model.lookAgain(), [model, props.seen]);
  const goTo = (line: number, column: number) => view.current?.goTo(line, column);
  const conflict = model.conflict.value;
  return (
    <>
      <Card title={`${folder}/${name}`} aside={<FileState model={model} isNew={isNew} />}>
        <Toolbar
          model={model}
          backtest={backtest}
          isDiffShown={isDiffShown.value}
          onDiff={() => {
            isDiffShown.value = !isDiffShown.value;
          }}
        />
        {model.problem.value === null ? null : <ProblemRow problem={model.problem.value} />}
        {model.saved.value === null ? null : <Saved saved={model.saved.value} />}
        <Conflict model={model} />
        <CodeHost model={model} view={view} label={`Text of ${folder}/${name}`} line={props.line} />
        <p class="quiet editor-keys">
          Ctrl-Space completes · Ctrl-Enter checks · Ctrl-S saves · Ctrl-Z takes back · Tab leaves the text
        </p>
      </Card>
      {conflict === null ? null : (
        <DiffPanel
          title="From what is there now to this text"
          before={conflict.current?.text ?? ""}
          after={model.text.value}
        />
      )}
      {isDiffShown.value ? (
        <DiffPanel
          title="What this text changes in the file"
          before={model.base.value?.text ?? ""}
          after={model.text.value}
        />
      ) : null}
      <CheckPanel
        name={name}
        check={model.lastCheck.value}
        isChecking={model.isChecking.value}
        isOld={model.check.value === null && model.lastCheck.value !== null}
        onGo={goTo}
      />
      <BacktestPanel model={backtest} text={model.text.value} />
    </>
  );
}

/** Another editor changed the file: neither text is lost without a word. */
function Conflict({ model }: { readonly model: EditorModel }) {
  const conflict = model.conflict.value;
  if (conflict === null) return null;
  return (
    <section class="problem warning" role="alert">
      <p>{conflict.message}</p>
      <p class="toolbar">
        {conflict.current === null ? null : (
          <button type="button" onClick={() => model.takeTheirs()}>
            Take what is there
          </button>
        )}
        <button type="button" onClick={() => model.keepMine()}>
          Keep my text: the next save replaces what is there
        </button>
      </p>
    </section>
  );
}

function FileState({ model, isNew }: { readonly model: EditorModel; readonly isNew: boolean }) {
  const isUnsaved = model.isUnsaved.value;
  return (
    <span class="toolbar">
      {isUnsaved ? (
        <Badge tone="warning">{isNew && model.base.value === null ? "not written yet" : "not saved"}</Badge>
      ) : (
        <Badge tone="quiet">as in the file</Badge>
      )}
      <a href={linkTo("rules")}>All rules</a>
    </span>
  );
}

const SINCE = [
  ["last hour", 3_600_000],
  ["last 6 hours", 6 * 3_600_000],
  ["last 24 hours", 24 * 3_600_000],
  ["all of the buffer", null],
] as const;

function Toolbar(props: {
  readonly model: EditorModel;
  readonly backtest: BacktestModel;
  readonly isDiffShown: boolean;
  readonly onDiff: () => void;
}) {
  const { model, backtest } = props;
  const since = useSignal("2");
  const check = model.check.value;
  const test = () => {
    const ago = SINCE[Number(since.value)]?.[1] ?? null;
    void backtest.run(model.name, model.text.peek(), ago === null ? 0 : Date.now() - ago);
  };
  return (
    <div class="toolbar editor-toolbar" role="toolbar" aria-label="Editor">
      <button
        type="button"
        class="main-button"
        disabled={!model.maySave.value}
        onClick={() => void model.save()}
        title={whyNot(model)}
      >
        {model.isSaving.value ? "Saving …" : "Save"}
      </button>
      <button type="button" onClick={() => void model.runCheck()}>
        Check
      </button>
      <button type="button" disabled={check?.outcome !== "in-force" || backtest.isRunning.value} onClick={test}>
        Backtest
      </button>
      <label>
        over the{" "}
        <select
          value={since.value}
          onChange={(event) => {
            since.value = event.currentTarget.value;
          }}
        >
          {SINCE.map(([title], index) => (
            <option key={title} value={String(index)}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <button type="button" aria-pressed={props.isDiffShown} onClick={props.onDiff}>
        Changes
      </button>
      <button
        type="button"
        disabled={!model.isUnsaved.value || model.base.value === null}
        onClick={() => model.revert()}
      >
        Revert
      </button>
    </div>
  );
}

function whyNot(model: EditorModel): string {
  if (!model.isUnsaved.value) return "The text is what is in the file";
  if (model.check.value === null) return "The agent has not checked exactly this text yet";
  return model.check.value.outcome === "refused"
    ? "The check of this text failed"
    : "Write it into the file; the agent takes it in at once";
}

function Saved({ saved }: { readonly saved: RuleSaved }) {
  const { isInForce, setVersion, refused } = saved;
  if (isInForce) {
    return (
      <p class="problem ok" role="status">
        Saved, and in force: version {setVersion}.
      </p>
    );
  }
  if (refused.length > 0) {
    return (
      <section class="problem warning" role="status">
        <p>Saved, but the folder is refused for other files, so the rules in force did not change:</p>
        <ul class="file-problems">
          {refused.map((problem) => (
            <FileProblem key={JSON.stringify(problem)} problem={problem} />
          ))}
        </ul>
      </section>
    );
  }
  return (
    <p class="problem warning" role="status">
      Saved. The agent had not taken it in when it answered: it starts, or is busy. The list of rules shows when it has.
    </p>
  );
}

type HostProps = {
  readonly model: EditorModel;
  readonly view: { current: CodeView | null };
  readonly label: string;
  readonly line: number | null;
};

/** The text itself; CodeMirror owns what is inside. */
function CodeHost({ model, view, label, line }: HostProps) {
  const host = useRef<HTMLDivElement>(null);
  const shown = model.shown.value;
  const isReady = shown !== null;
  useEffect(() => {
    if (host.current === null || !isReady) return;
    const code = new CodeView(host.current, {
      text: model.text.peek(),
      label,
      words: knownWords,
      marks: (text) => marksOf(model, text),
      onChange: (text) => model.edit(text),
      onSave: () => void model.save(),
      onCheck: () => void model.runCheck(),
    });
    view.current = code;
    if (line !== null) code.goTo(line);
    return () => {
      code.destroy();
      view.current = null;
    };
  }, [isReady, model]);
  useEffect(() => {
    if (shown !== null) view.current?.setText(shown);
  }, [shown]);
  const check = model.check.value;
  useEffect(() => view.current?.judge(), [check]);
  return <div class="code-host" ref={host} />;
}

/** Null where the agent has not judged this text. */
function marksOf(model: EditorModel, text: string): readonly CodeMark[] | null {
  const check = model.check.peek();
  if (check === null || model.text.peek() !== text) return null;
  const own = <T extends { readonly name: string | null }>(all: readonly T[]) =>
    all.filter(({ name }) => name === model.name);
  return [
    ...own(check.problems).map((problem) => ({ ...problem, isError: true })),
    ...own(check.warnings).map((problem) => ({ ...problem, isError: false })),
  ];
}
