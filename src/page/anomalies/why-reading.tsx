/** Why a reading is an anomaly, as `agent why` has it: what each rule saw, its limit, and the readings that it looked at. */
import { IDENTITY_COLUMNS } from "../../core/sensor.ts";
import type { WireWhy } from "../../dashboard/wire.ts";
import { formatNumber, formatValue } from "../shell/format.ts";
import { Badge, CopyButton, Outside, Time } from "../shell/parts.tsx";

type Finding = WireWhy["verdict"][number];

/** `units`: by measure. */
export function WhyReading(props: {
  readonly why: WireWhy;
  readonly rule: string;
  readonly units: ReadonlyMap<string, string>;
}) {
  const { why, rule, units } = props;
  // The rule that was asked about first.
  const verdict = why.verdict.toSorted((a, b) => Number(b.rule === rule) - Number(a.rule === rule));
  const { reading } = why;
  return (
    <div class="why">
      <h2>
        Why reading <code>{String(reading["reading_id"] ?? "")}</code> is {OUTCOMES[why.outcome]}
      </h2>
      {verdict.map((finding) => (
        <Broken key={finding.rule} finding={finding} />
      ))}
      <Values why={why} units={units} />
      <Judged why={why} />
      <p class="quiet">
        The same in a terminal: <code>{`agent why ${reading["reading_id"] ?? ""}`}</code>{" "}
        <CopyButton text={`agent why ${reading["reading_id"] ?? ""}`} />
      </p>
    </div>
  );
}

const OUTCOMES: Record<WireWhy["outcome"], string> = {
  valid: "valid",
  anomalous: "an anomaly",
  malformed: "malformed",
};

function Broken({ finding }: { readonly finding: Finding }) {
  const { rule, severity, reason, observed, limit } = finding;
  return (
    <article class="why-rule">
      <p>
        <strong>{rule}</strong> <Badge tone={severity}>{severity}</Badge> <Outside text={reason} />
      </p>
      <dl>
        {observed === null ? null : <Fact name="Observed" value={shown(observed)} />}
        {limit === null ? null : <Fact name="Limit" value={limit} />}
        {factsOf(finding.window).map(([name, value]) => (
          <Fact key={name} name={name} value={value} />
        ))}
      </dl>
    </article>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>
        <Outside text={name} />
      </dt>
      <dd>
        <Outside text={value} />
      </dd>
    </div>
  );
}

/** What a rule that remembers looked at: each kind has its own names. */
function factsOf(window: unknown): readonly (readonly [string, string])[] {
  if (window === null || typeof window !== "object") return [];
  return Object.entries(window).map(([name, value]) => [`Window: ${name.replaceAll("_", " ")}`, shown(value)]);
}

function withItsUnit(value: string, unit: string | undefined): string {
  return unit === undefined ? value : `${value} ${unit}`;
}

function shown(value: unknown): string {
  if (typeof value === "number") return formatValue(value);
  if (typeof value === "string") return value;
  return value === null || value === undefined ? "–" : JSON.stringify(value);
}

const BESIDE = ["timestamp", "ingested_at", "status_code", "anomaly_flag", "anomaly_type", "time_quality"] as const;
const ABOUT_SENSOR: ReadonlySet<string> = new Set([
  ...IDENTITY_COLUMNS,
  "reading_id",
  "node_id",
  "agent_version",
  "rules_version",
  "extra",
]);

/** The measures first, then what the sensor said of itself. */
function Values({ why, units }: { readonly why: WireWhy; readonly units: ReadonlyMap<string, string> }) {
  const { reading } = why;
  const beside: readonly string[] = BESIDE;
  const measures = Object.keys(reading).filter((name) => !ABOUT_SENSOR.has(name) && !beside.includes(name));
  return (
    <>
      <h2>The reading</h2>
      <dl>
        {[...measures, ...BESIDE]
          .filter((name) => (reading[name] ?? null) !== null)
          .map((name) => (
            <Fact key={name} name={name} value={withItsUnit(shown(reading[name]), units.get(name))} />
          ))}
      </dl>
      {why.malformed === null ? null : <pre class="why-received">{shown(why.malformed.received)}</pre>}
    </>
  );
}

function Judged({ why }: { readonly why: WireWhy }) {
  const { rule_set: set, applied, rules_version: version } = why;
  const kept = applied?.filter(({ broken }) => !broken) ?? [];
  return (
    <>
      <p class="quiet">
        Judged by rules <code>{version}</code>
        {set.rules === null ? null : ` of ${formatNumber(set.rules)} rules`}
        {set.since === null ? null : (
          <>
            , in this buffer since <Time atMs={Date.parse(set.since)} as="full" />
          </>
        )}
        {set.known ? "." : ". This buffer no longer has that set."}
      </p>
      {kept.length === 0 ? null : (
        <details>
          <summary>
            {formatNumber(kept.length)} {kept.length === 1 ? "rule judges" : "rules judge"} its sensor too and found
            nothing
          </summary>
          <p>
            {kept
              .map(({ rule, absent }) => (absent.length === 0 ? rule : `${rule} (without ${absent.join(", ")})`))
              .join(" · ")}
          </p>
        </details>
      )}
    </>
  );
}
