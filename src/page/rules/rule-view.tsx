/** One rule in force: what it says, its text, and a sensor that it applies to. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { WireRule, WireRules, WireRuleText } from "../../dashboard/rules-wire.ts";
import type { WireLimits, WireProblem } from "../../dashboard/wire.ts";
import { SeriesChart } from "../chart/series-chart.tsx";
import { problemOf } from "../shell/api.ts";
import { formatBytes, formatNumber, visibleName } from "../shell/format.ts";
import { Badge, Card, Empty, Loading, ProblemRow } from "../shell/parts.tsx";
import { linkTo } from "../shell/place.ts";
import { useRoute } from "../shell/use-route.ts";
import { heldSpan, readSeries, type SeriesRead } from "./series.ts";
import { conditionOf, SEVERITY_TONES, useRules } from "./state.ts";

export function RuleView({ name }: { readonly name: string }) {
  const { value: rules, problem } = useRules();
  const { value: text } = useRoute<WireRuleText>("/api/rules/rule", { name }, null, rules?.version);
  if (rules === null) return problem === null ? <Loading what="the rule" /> : <ProblemRow problem={problem} />;
  const rule = rules.rules.find((one) => one.name === name);
  if (rule === undefined) {
    return (
      <Card title={name} aside={<a href={linkTo("rules")}>All rules</a>}>
        <Empty>No rule of this name is in force now.</Empty>
      </Card>
    );
  }
  return (
    <>
      <Card title={rule.name} aside={<Links rule={rule} folder={rules.folder} />}>
        <Facts rule={rule} rules={rules} />
      </Card>
      {text === null || text.series.length === 0 ? null : <AppliesTo series={text.series} />}
      <Card title="As JSON">{text === null ? <Loading what="its text" /> : <RuleText text={text.text} />}</Card>
    </>
  );
}

function RuleText({ text }: { readonly text: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by key.
    <pre class="rule-text" tabIndex={0}>
      {text}
    </pre>
  );
}

function Links({ rule, folder }: { readonly rule: WireRule; readonly folder: string | null }) {
  return (
    <span class="toolbar">
      {rule.file === null ? (
        <span>{folder === null ? "in the binary" : "not in the folder as it is now"}</span>
      ) : (
        <a href={linkTo("rules", "file", rule.file)}>Edit {rule.file}</a>
      )}
      <a href={linkTo("rules")}>All rules</a>
    </span>
  );
}

function Facts({ rule, rules }: { readonly rule: WireRule; readonly rules: WireRules }) {
  const { tone, word, why } = conditionOf(rule, rules);
  const facts: readonly (readonly [string, string])[] = [
    ["hits since the agent started", formatNumber(rule.broken)],
    ["readings judged since the set was loaded", formatNumber(rule.readings)],
    ["sensors", formatNumber(rule.sensors)],
    ["errors", formatNumber(rule.errors)],
    ["cost", rule.nsPerReading === null ? "not measured yet" : `${formatNumber(rule.nsPerReading, 1)} ns a reading`],
    ["memory", rule.stateBytes === 0 ? "none" : formatBytes(rule.stateBytes)],
    ["own tests", formatNumber(rule.tests)],
  ];
  return (
    <>
      <p class="toolbar">
        <Badge tone={tone}>{word}</Badge> <Badge tone={SEVERITY_TONES[rule.severity]}>{rule.severity}</Badge>
        <span>
          {rule.kind}
          {rule.measures.length === 0 ? "" : ` of ${rule.measures.join(", ")}`}
        </span>
        <span class="quiet">{why}</span>
      </p>
      <p class="rule-about">
        {rule.description === "" ? <span class="quiet">It has no description.</span> : rule.description}
      </p>
      <dl class="rule-facts">
        {facts.map(([what, value]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

const SPAN_MS = 15 * 60_000;
const PIXELS = 600;

type Series = WireRuleText["series"];

function AppliesTo({ series }: { readonly series: Series }) {
  const chosen = useSignal("");
  const { key, unit } = series.find((one) => one.key === chosen.value) ?? series[0] ?? { key: "", unit: null };
  const read = useSignal<SeriesRead | null>(null);
  const failed = useSignal<WireProblem | null>(null);
  const { value: limits } = useRoute<WireLimits>("/api/limits", { series: [key] });
  useEffect(() => {
    const abort = new AbortController();
    const toMs = Date.now();
    const ask = { key, fromMs: toMs - SPAN_MS, toMs, pixels: PIXELS };
    readSeries(ask, abort.signal, (one) => {
      read.value = one;
    }).catch((error) => {
      if (!abort.signal.aborted) failed.value = problemOf(error);
    });
    return () => abort.abort();
  }, [key]);
  const [sensorId = "", measure = ""] = key.split("\0");
  return (
    <Card
      title="A sensor that it applies to"
      aside={
        <SeriesChoice
          series={series}
          chosen={key}
          onChoose={(one) => {
            chosen.value = one;
          }}
        />
      }
    >
      {failed.value !== null ? (
        <ProblemRow problem={failed.value} tone="info" />
      ) : read.value === null || read.value.key !== key ? (
        <Loading what="the chart" />
      ) : (
        <SeriesChart
          sensorId={sensorId}
          measure={measure}
          unit={unit}
          part={read.value.part}
          limits={limits?.[key] ?? []}
          span={heldSpan(read.value)}
          href={linkTo("sensors", sensorId)}
          isLarge
        />
      )}
    </Card>
  );
}

function SeriesChoice(props: {
  readonly series: Series;
  readonly chosen: string;
  readonly onChoose: (key: string) => void;
}) {
  if (props.series.length < 2) return null;
  return (
    <label>
      Sensor{" "}
      <select value={props.chosen} onChange={(event) => props.onChoose(event.currentTarget.value)}>
        {props.series.map(({ key }) => (
          <option key={key} value={key}>
            {key.split("\0").map(visibleName).join(" · ")}
          </option>
        ))}
      </select>
    </label>
  );
}
