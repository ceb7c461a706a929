/** The rules in force, the files that are refused, and the sets that were in force before. */
import type { WireFileProblem, WireRule, WireRuleSwitch, WireRules } from "../../dashboard/rules-wire.ts";
import { formatBytes, formatNumber } from "../shell/format.ts";
import { Badge, Card, Empty, Loading, ProblemRow, Time } from "../shell/parts.tsx";
import { goTo, linkTo } from "../shell/place.ts";
import { type Column, SortedTable } from "../shell/sorted-table.tsx";
import { FileProblem } from "./file-problem.tsx";
import { LeftDrafts } from "./left-drafts.tsx";
import { conditionOf, noteSize, SEVERITY_TONES, useRules } from "./state.ts";

export function RulesList() {
  const { value, problem } = useRules();
  if (value === null) return problem === null ? <Loading what="rules" /> : <ProblemRow problem={problem} />;
  noteSize(value);
  return (
    <>
      {problem === null ? null : <ProblemRow problem={problem} title="These may be old:" />}
      <Refused rules={value} />
      <LeftDrafts />
      <Card title={titleOf(value)} aside={<Actions rules={value} />}>
        {value.rules.length === 0 ? (
          <Empty>No rule is in force yet: the agent starts, or waits for its first good rules.</Empty>
        ) : (
          <SortedTable
            label="Rules in force"
            columns={columnsOf(value)}
            rows={value.rules}
            keyOf={({ name }) => name}
            first={{ column: "broken", isDown: true }}
            onPick={({ name }) => goTo("rules", "rule", name)}
          />
        )}
      </Card>
      <Warnings warnings={value.warnings} />
      <History rules={value} />
    </>
  );
}

function titleOf({ rules, folder }: WireRules): string {
  const count = `${formatNumber(rules.length)} ${rules.length === 1 ? "rule" : "rules"} in force`;
  return folder === null ? `${count}, from the binary` : `${count}, from ${folder}/`;
}

function Actions({ rules: { version, folder, files } }: { readonly rules: WireRules }) {
  return (
    <span class="toolbar">
      {version === null ? null : (
        <span>
          version <code>{version}</code>
        </span>
      )}
      {folder === null ? (
        <a href={linkTo("rules", "new")}>How to edit them</a>
      ) : (
        <>
          <label>
            Edit{" "}
            <select value="" onChange={(event) => goTo("rules", "file", event.currentTarget.value)}>
              <option value="" disabled>
                a file …
              </option>
              {files.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <a href={linkTo("rules", "new")}>New file</a>
        </>
      )}
    </span>
  );
}

function Refused({ rules: { refused, version } }: { readonly rules: WireRules }) {
  if (refused.length === 0) return null;
  const kept =
    version === null
      ? "The agent takes no reading until it is repaired."
      : `Nothing changed: version ${version} stays in force.`;
  return (
    <section class="problem critical refused" role="alert">
      <div>
        <p>
          <strong>The rules folder is refused.</strong> {kept}
        </p>
        <ul class="file-problems">
          {refused.map((problem) => (
            <FileProblem key={JSON.stringify(problem)} problem={problem} />
          ))}
        </ul>
      </div>
    </section>
  );
}

function Warnings({ warnings }: { readonly warnings: readonly WireFileProblem[] }) {
  if (warnings.length === 0) return null;
  return (
    <Card title="Legal, but probably a mistake">
      <ul class="file-problems">
        {warnings.map((problem) => (
          <FileProblem key={JSON.stringify(problem)} problem={problem} />
        ))}
      </ul>
    </Card>
  );
}

function columnsOf(rules: WireRules): readonly Column<WireRule>[] {
  return [
    {
      name: "name",
      title: "rule",
      kind: "word",
      show: ({ name }) => <a href={linkTo("rules", "rule", name)}>{name}</a>,
      sortBy: ({ name }) => name,
    },
    { name: "kind", title: "kind", kind: "word", show: ({ kind }) => kind, sortBy: ({ kind }) => kind },
    {
      name: "severity",
      title: "severity",
      kind: "word",
      show: ({ severity }) => <Badge tone={SEVERITY_TONES[severity]}>{severity}</Badge>,
      sortBy: ({ severity }) => ["info", "warning", "critical"].indexOf(severity),
    },
    numberColumn("broken", "hits", ({ broken }) => broken),
    { ...numberColumn("readings", "readings", ({ readings }) => readings), isExtra: true },
    { ...numberColumn("sensors", "sensors", ({ sensors }) => sensors), isExtra: true },
    {
      name: "cost",
      title: "ns a reading",
      kind: "number",
      isExtra: true,
      show: ({ nsPerReading }) => (nsPerReading === null ? "–" : formatNumber(nsPerReading, nsPerReading < 10 ? 1 : 0)),
      sortBy: ({ nsPerReading }) => nsPerReading,
    },
    {
      name: "memory",
      title: "memory",
      kind: "number",
      isExtra: true,
      show: ({ stateBytes }) => (stateBytes === 0 ? "–" : formatBytes(stateBytes)),
      sortBy: ({ stateBytes }) => stateBytes,
    },
    { ...numberColumn("errors", "errors", ({ errors }) => errors), isExtra: true },
    {
      name: "state",
      title: "state",
      kind: "word",
      show: (rule) => {
        const { tone, word, why } = conditionOf(rule, rules);
        return (
          <span title={why}>
            <Badge tone={tone}>{word}</Badge>
          </span>
        );
      },
      sortBy: (rule) => conditionOf(rule, rules).word,
    },
  ];
}

function numberColumn(name: string, title: string, value: (rule: WireRule) => number): Column<WireRule> {
  return { name, title, kind: "number", show: (rule) => formatNumber(value(rule)), sortBy: value };
}

function History({ rules: { history, isHistoryCut } }: { readonly rules: WireRules }) {
  if (history.length === 0) return null;
  return (
    <Card title="Rule sets, the newest first" aside={isHistoryCut ? `the newest ${history.length}` : null}>
      <SortedTable
        label="Switches of rule sets"
        columns={HISTORY}
        rows={history}
        keyOf={({ sinceMs, version }) => `${sinceMs} ${version}`}
      />
    </Card>
  );
}

const HISTORY: readonly Column<WireRuleSwitch>[] = [
  { name: "since", title: "in force since", kind: "word", show: ({ sinceMs }) => <Time atMs={sinceMs} as="full" /> },
  { name: "version", title: "version", kind: "word", show: ({ version }) => <code>{version}</code>, isExtra: true },
  {
    name: "count",
    title: "rules",
    kind: "number",
    isExtra: true,
    show: ({ count }) => (count === null ? "not known" : formatNumber(count)),
  },
  { name: "change", title: "what changed", kind: "text", show: changeText },
];

const NAMES_SHOWN = 10;

function changeText({ from, added, removed, changed }: WireRuleSwitch): string {
  if (from === null) return "the first set of this buffer";
  const listed = (word: string, names: readonly string[]) => {
    const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : "";
    return names.length === 0 ? [] : [`${word} ${names.slice(0, NAMES_SHOWN).join(", ")}${more}`];
  };
  const parts = [...listed("added", added), ...listed("removed", removed), ...listed("changed", changed)];
  return parts.join("; ") || "the same rules";
}
