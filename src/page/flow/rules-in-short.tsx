/** The rules in force, in short, and files that are refused. */
import type { WireRules } from "../../dashboard/rules-wire.ts";
import { formatNumber } from "../shell/format.ts";
import { changed, state } from "../shell/live.ts";
import { Badge, Card, Empty, Loading, ProblemRow } from "../shell/parts.tsx";
import { useRoute } from "../shell/use-route.ts";

const SHOWN = 8;
const EVERY_MS = 5_000;

export function RulesInShort() {
  const { value, problem } = useRoute<WireRules>("/api/rules", {}, EVERY_MS, changed.value?.rules);
  const refused = state.value?.status?.rules.refused ?? [];
  const rules = (value?.rules ?? []).toSorted((a, b) => b.broken - a.broken).slice(0, SHOWN);
  return (
    <Card title={`Rules${value === null ? "" : ` · ${value.rules.length} in force`}`} aside={<a href="#rules">all</a>}>
      <ul class="lines">
        {refused.map(({ file, line, column, message }) => (
          <li key={`${file}:${line}:${column}:${message}`} class="refused">
            <Badge tone="critical">refused</Badge>{" "}
            <code>
              {file}:{line}:{column}
            </code>{" "}
            {message}
          </li>
        ))}
        {rules.map(({ name, kind, broken }) => (
          <li key={name} class="rule">
            <strong>{name}</strong>
            <span class="quiet">{kind}</span>
            <span class="number">
              {formatNumber(broken)} <span class="unit">broken</span>
            </span>
          </li>
        ))}
      </ul>
      {problem === null ? null : <ProblemRow problem={problem} />}
      {value === null && problem === null ? <Loading what="rules" /> : null}
      {value !== null && rules.length === 0 ? <Empty>No rule is in force: every valid reading is normal.</Empty> : null}
    </Card>
  );
}
