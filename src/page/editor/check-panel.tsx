/** What the agent says of the text: its problems, its warnings, and the rules' own tests. */
import type { RuleEditCheck, WireRuleTests } from "../../dashboard/rules-wire.ts";
import { FileProblem } from "../rules/file-problem.tsx";
import { formatNumber } from "../shell/format.ts";
import { Badge, Card, Empty } from "../shell/parts.tsx";

type GoTo = (line: number, column: number) => void;

export function CheckPanel(props: {
  readonly name: string;
  readonly check: RuleEditCheck | null;
  readonly isChecking: boolean;
  /** Not of the text as it is now. */
  readonly isOld: boolean;
  readonly onGo: GoTo;
}) {
  const { check, name, onGo } = props;
  return (
    <Card title="Check" aside={<Verdict check={check} isChecking={props.isChecking} isOld={props.isOld} />}>
      {check === null ? (
        <Empty>The agent checks the text as you type: all rules of the folder, as they would be with it.</Empty>
      ) : (
        <>
          <Problems problems={check.problems} name={name} onGo={onGo} />
          <Problems problems={check.warnings} name={name} onGo={onGo} title="Warnings: legal, but probably a mistake" />
          {check.tests.map((tests) => (
            <Tests key={tests.rule} tests={tests} onGo={onGo} />
          ))}
        </>
      )}
    </Card>
  );
}

const VERDICTS = {
  "in-force": { tone: "ok", word: "passes" },
  "others-refused": { tone: "warning", word: "passes, but other files are refused" },
  refused: { tone: "critical", word: "refused" },
} as const;

function Verdict(props: {
  readonly check: RuleEditCheck | null;
  readonly isChecking: boolean;
  readonly isOld: boolean;
}) {
  const { check, isChecking, isOld } = props;
  return (
    <span role="status" class="editor-verdict">
      {isChecking || isOld ? (
        <Badge tone="quiet">checking …</Badge>
      ) : check === null ? null : (
        <>
          <Badge tone={VERDICTS[check.outcome].tone}>{VERDICTS[check.outcome].word}</Badge>
          {check.version === null ? null : (
            <span>
              {" "}
              {formatNumber(check.rules ?? 0)} rules, version <code>{check.version}</code>
            </span>
          )}
        </>
      )}
    </span>
  );
}

function Problems(props: {
  readonly problems: RuleEditCheck["problems"];
  readonly name: string;
  readonly onGo: GoTo;
  readonly title?: string;
}) {
  if (props.problems.length === 0) return null;
  return (
    <>
      {props.title === undefined ? null : <p class="quiet">{props.title}</p>}
      <ul class="file-problems">
        {props.problems.map((problem) => (
          <FileProblem
            key={JSON.stringify(problem)}
            problem={problem}
            onGo={problem.name === props.name ? () => props.onGo(problem.line, problem.column) : undefined}
          />
        ))}
      </ul>
    </>
  );
}

function Tests({ tests: { rule, cases }, onGo }: { readonly tests: WireRuleTests; readonly onGo: GoTo }) {
  const failed = cases.filter(({ problem }) => problem !== null).length;
  const tone = cases.length === 0 ? "quiet" : failed === 0 ? "ok" : "critical";
  const word =
    cases.length === 0 ? "no test" : failed === 0 ? `${cases.length} passed` : `${failed} of ${cases.length} failed`;
  return (
    <details class="rule-tests" open={failed > 0}>
      <summary>
        <Badge tone={tone}>{word}</Badge> {rule}
      </summary>
      <ul class="file-problems">
        {cases.map(({ line, column, readings, problem }, index) => (
          <li key={`${index} ${line}`}>
            <button type="button" class="quiet-button" onClick={() => onGo(line, column)}>
              line {line}
            </button>{" "}
            {readings === 1 ? "one reading" : `${formatNumber(readings)} readings`}:{" "}
            {problem === null ? <span class="passed">pass</span> : <span class="failed">{problem}</span>}
          </li>
        ))}
      </ul>
    </details>
  );
}
