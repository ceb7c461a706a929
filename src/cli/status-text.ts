/** `agent status` for people: health first, then what to do, then how far delivery is, then how much of everything. */
import { oneLine } from "../core/log/log.ts";
import { grouped, roughAge, roughBytes, roughDelay, roughRate } from "../core/readable-numbers.ts";
import { STAGES } from "../core/stage.ts";
import { formatProblem } from "../rules/rule-set.ts";
import type { Status } from "../status/status.ts";
import { silenceText } from "../status/status-line.ts";
import { textTable } from "./frame/table.ts";
import { factLines } from "./frame/wrap.ts";

export function statusText(status: Status, nowMs: number, columns?: number): string {
  const facts = [
    ...ratesFact(status),
    ...bufferFacts(status),
    ["uplink", uplinkText(status, nowMs)] as const,
    ...status.sources.map((source) => ["source", sourceText(source)] as const),
    ["rules", rulesText(status, nowMs)] as const,
    ...status.rules.warnings.map((warning) => ["warning", formatProblem(warning)] as const),
    ...flawFacts(status),
    ...lossFacts(status),
    ...status.silent_sensors.map(({ sensor_id, rule, since: from }): Fact => {
      return ["silent", `${sensor_id}  since ${from} (${rule})`];
    }),
    ...newFieldsFact(status),
    ...heartbeatFact(status.heartbeat, nowMs),
    ["epoch", status.epoch] as const,
  ];
  return [
    headline(status, nowMs),
    ...status.problems.flatMap(({ message, try: hint }) => [
      // The command is not broken, so that it can be pasted.
      ...factLines([["!", oneLine(message)]], columns, " "),
      `  Try: ${oneLine(hint)}`,
    ]),
    "",
    stagesText(status, nowMs, columns),
    ...factLines(
      facts.map(([name, text]) => [name, oneLine(text)]),
      columns,
    ),
    "",
  ].join("\n");
}

type Fact = readonly [name: string, text: string];

function headline(status: Status, nowMs: number): string {
  const { node_id: node, health, pid, waiting, agent_version: version } = status;
  const silence = silenceText(status, nowMs);
  const heard = silence === null ? "" : `, ${silence}`;
  const idle = waiting === null ? "no agent is running" : `an agent waits, pid ${waiting.pid}`;
  return `${node}: ${health} (${pid === null ? idle : `agent ${version}, pid ${pid}${heard}`})`;
}

/** Of a running agent, over the last minute. */
function ratesFact({ rates }: Status): Fact[] {
  if (rates === null) return [];
  const lag = rates.lagP95Ms === null ? "" : `, lag p95 ${roughDelay(rates.lagP95Ms)}`;
  const { readingsPerSecond, anomaliesPerMinute, bytesPerSecond } = rates;
  const taken = `${roughRate(readingsPerSecond)} readings/s, ${roughRate(anomaliesPerMinute)} anomalies/min`;
  return [["rates", `${taken}, ${roughBytes(bytesPerSecond)}/s sent${lag}`]];
}

function bufferFacts({ buffer }: Status): Fact[] {
  const held = buffer.first_seq === null ? "none held" : `${buffer.first_seq} to ${buffer.last_seq} held`;
  return [
    ["readings", `${grouped(buffer.accepted)} accepted, ${held}`],
    ["buffer", `${roughBytes(buffer.bytes)} of ${roughBytes(buffer.limit_bytes)}`],
  ];
}

function uplinkText({ uplink }: Status, nowMs: number): string {
  const { state, since, error, as_of: asOf } = uplink;
  const why = error === null ? "" : `: ${error}`;
  if (asOf !== null) return `was ${state} when an agent last reported, at ${asOf}${why}`;
  return `${state}${sinceText(since, nowMs)}${why}`;
}

/** ` for 5 min, since 2026-11-23T08:00:00.000Z` */
function sinceText(time: string | null, nowMs: number): string {
  return time === null ? "" : ` for ${roughAge(nowMs - Date.parse(time))}, since ${time}`;
}

function sourceText({ uri, accepted, refused, trouble, notes }: Status["sources"][number]): string {
  const trailer = [...notes, ...(trouble === null ? [] : [`in trouble: ${trouble}`])].map((note) => `; ${note}`);
  return `${uri}  ${grouped(accepted)} accepted, ${grouped(refused)} of them malformed${trailer.join("")}`;
}

function rulesText({ rules }: Status, nowMs: number): string {
  if (rules.version === null) return "none yet";
  const since = sinceText(rules.loaded_at, nowMs);
  return `${rules.count} in force${since}, version ${rules.version}${unmatchedText(rules.unmatched)}`;
}

function flawFacts({ sources, refused_by_reason: refused }: Status): Fact[] {
  const flaws = sources.flatMap(({ uri, flaws: ofSource }) =>
    ofSource.slice(0, FLAWS_SHOWN).map(({ reason, field, count }): Fact => {
      const from = sources.length === 1 ? "" : `  from ${uri}`;
      if (reason === "filtered") return ["left out", `${grouped(count)} records that the map does not want${from}`];
      return ["flaw", `${field === null ? "" : `${field}  `}${reason}  ${grouped(count)}${from}`];
    }),
  );
  return [...flaws, ...Object.entries(refused).map(([reason, n]): Fact => ["malformed", `${reason}  ${grouped(n)}`])];
}

function lossFacts({ losses }: Status): Fact[] {
  return losses.map(({ reason, count, counted, first_seq, last_seq, until, epoch }) => {
    const whose = epoch === null ? "" : ` of epoch ${epoch}`;
    const range = first_seq === null ? whose : ` (seq ${first_seq} to ${last_seq}${whose})`;
    const many = counted ? grouped(count) : "an unknown number of";
    return ["lost", `${many} readings, ${reason}${range}${until === null ? "" : `, last at ${until}`}`];
  });
}

/** A rule for sensors that this node does not have is usual; one that should have some is found here. */
function unmatchedText({ length }: Status["rules"]["unmatched"]): string {
  return length === 0 ? "" : `; ${length === 1 ? "1 applies" : `${length} apply`} to no sensor seen so far`;
}

/** Rates where an agent runs; batches that the store refused where there are any. */
function stagesText(status: Status, nowMs: number, columns: number | undefined): string {
  const { rates } = status;
  const hasParked = STAGES.some((stage) => status.stages[stage].parked > 0);
  const rows = STAGES.map((stage) => {
    const { delivered, pending, oldest_pending_at: oldest, parked } = status.stages[stage];
    const rate = rates?.stages[stage];
    const lag = rate?.lagP95Ms ?? null;
    const speed = rate === undefined ? [] : [roughRate(rate.rowsPerSecond), lag === null ? "-" : roughDelay(lag)];
    const age = oldest === null ? "" : `${roughAge(nowMs - Date.parse(oldest))} old`;
    return [stage, grouped(delivered), ...speed, grouped(pending), ...(hasParked ? [grouped(parked)] : []), age];
  });
  const speed = rates === null ? [] : ["rows/s", "lag p95"];
  const numbers = ["delivered", ...speed, "pending", ...(hasParked ? ["parked"] : [])];
  return textTable({ head: ["stage", ...numbers, ""], rows, right: numbers.map((_, at) => at + 1), columns });
}

function heartbeatFact(heartbeat: Status["heartbeat"], nowMs: number): Fact[] {
  if (heartbeat === null) return [];
  const { sent_at: sent, error } = heartbeat;
  const when = sent === null ? "not sent yet" : `sent ${roughAge(nowMs - Date.parse(sent))} ago, at ${sent}`;
  return [["heartbeat", `${when}${error === null ? "" : `; ${error}`}`]];
}

const FIELDS_SHOWN = 10;
/** Of each source, those that came most often. */
const FLAWS_SHOWN = 10;

function newFieldsFact({ new_fields: fields }: Status): Fact[] {
  if (fields.length === 0) return [];
  const shown = fields.slice(0, FIELDS_SHOWN).map(({ name, first_seq: seq }) => `${name} (from seq ${seq})`);
  const more = fields.length > FIELDS_SHOWN ? ` and ${fields.length - FIELDS_SHOWN} more` : "";
  return [["new fields", `${shown.join(", ")}${more}: kept in "extra"`]];
}
