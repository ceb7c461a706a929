/** `agent status` for people: health first, then what to do, then how much of everything. */
import { oneLine } from "../core/log/log.ts";
import { grouped, roughAge, roughBytes } from "../core/readable-numbers.ts";
import { STAGES } from "../core/stage.ts";
import { formatProblem } from "../rules/rule-set.ts";
import type { Status } from "../status/status.ts";
import { textTable } from "./frame/table.ts";
import { factLines } from "./frame/wrap.ts";

export function statusText(status: Status, nowMs: number, columns?: number): string {
  const { buffer, rules, uplink } = status;
  const idle = status.waiting === null ? "no agent is running" : `an agent waits, pid ${status.waiting.pid}`;
  const agent = status.pid === null ? idle : `agent ${status.agent_version}, pid ${status.pid}`;
  const held = buffer.first_seq === null ? "none held" : `${buffer.first_seq} to ${buffer.last_seq} held`;
  const since = (time: string | null) => (time === null ? "" : ` since ${time}`);
  const facts: [string, string][] = [
    ["epoch", status.epoch],
    ["readings", `${grouped(buffer.accepted)} accepted, ${held}`],
    ["buffer", `${roughBytes(buffer.bytes)} of ${roughBytes(buffer.limit_bytes)}`],
    [
      "rules",
      rules.version === null
        ? "none yet"
        : `${rules.version}, ${rules.count} in force${since(rules.loaded_at)}${unmatchedText(rules.unmatched)}`,
    ],
    ...rules.warnings.map((warning): [string, string] => ["warning", formatProblem(warning)]),
    ["uplink", `${uplink.state}${since(uplink.since)}${uplink.error === null ? "" : `: ${uplink.error}`}`],
    ...heartbeatFact(status.heartbeat),
    ...status.sources.map(({ uri, accepted, refused, trouble, notes }): [string, string] => {
      const trailer = [
        ...notes.map((note) => `; ${note}`),
        ...(trouble === null ? [] : [`; in trouble: ${trouble}`]),
      ].join("");
      return ["source", `${uri}  ${grouped(accepted)} accepted, ${grouped(refused)} of them malformed${trailer}`];
    }),
    ...status.sources.flatMap(({ uri, flaws }) =>
      flaws.slice(0, FLAWS_SHOWN).map(({ reason, field, count }): [string, string] => {
        const from = status.sources.length === 1 ? "" : `  from ${uri}`;
        if (reason === "filtered") return ["left out", `${grouped(count)} records that the map does not want${from}`];
        return ["flaw", `${field === null ? "" : `${field}  `}${reason}  ${grouped(count)}${from}`];
      }),
    ),
    ...Object.entries(status.refused_by_reason).map(([reason, n]): [string, string] => [
      "malformed",
      `${reason}  ${grouped(n)}`,
    ]),
    ...status.losses.map(({ reason, count, counted, first_seq, last_seq, until, epoch }): [string, string] => {
      const whose = epoch === null ? "" : ` of epoch ${epoch}`;
      const range = first_seq === null ? whose : ` (seq ${first_seq} to ${last_seq}${whose})`;
      const many = counted ? grouped(count) : "an unknown number of";
      return ["lost", `${many} readings, ${reason}${range}${until === null ? "" : `, last at ${until}`}`];
    }),
    ...status.silent_sensors.map(({ sensor_id, rule, since: from }): [string, string] => {
      return ["silent", `${sensor_id}  since ${from} (${rule})`];
    }),
    ...newFieldsFact(status),
  ];
  return [
    `${status.node_id}: ${status.health} (${agent})`,
    ...status.problems.flatMap(({ message, try: hint }) => [
      // The command is not broken, so that it can be pasted.
      ...factLines([["!", oneLine(message)]], columns, " "),
      `  Try: ${oneLine(hint)}`,
    ]),
    "",
    ...factLines(
      facts.map(([name, text]) => [name, oneLine(text)]),
      columns,
    ),
    "",
    stagesText(status, nowMs, columns),
  ].join("\n");
}

/** A rule for sensors that this node does not have is usual; one that should have some is found here. */
function unmatchedText({ length }: Status["rules"]["unmatched"]): string {
  return length === 0 ? "" : `; ${length === 1 ? "1 applies" : `${length} apply`} to no sensor seen so far`;
}

function stagesText(status: Status, nowMs: number, columns: number | undefined): string {
  const hasParked = STAGES.some((stage) => status.stages[stage].parked > 0);
  const rows = STAGES.map((stage) => {
    const { delivered, pending, oldest_pending_at: oldest, parked } = status.stages[stage];
    const age = oldest === null ? "" : `${roughAge(nowMs - Date.parse(oldest))} old`;
    return [stage, grouped(delivered), grouped(pending), ...(hasParked ? [grouped(parked)] : []), age];
  });
  const head = ["stage", "delivered", "pending", ...(hasParked ? ["parked"] : []), ""];
  return textTable({ head, rows, right: [1, 2, 3], columns });
}

function heartbeatFact(heartbeat: Status["heartbeat"]): [string, string][] {
  if (heartbeat === null) return [];
  const { sent_at: sent, error } = heartbeat;
  return [["heartbeat", `${sent === null ? "not sent yet" : `sent at ${sent}`}${error === null ? "" : `; ${error}`}`]];
}

const FIELDS_SHOWN = 10;
/** Of each source, those that came most often. */
const FLAWS_SHOWN = 10;

function newFieldsFact({ new_fields: fields }: Status): [string, string][] {
  if (fields.length === 0) return [];
  const shown = fields.slice(0, FIELDS_SHOWN).map(({ name, first_seq: seq }) => `${name} (from seq ${seq})`);
  const more = fields.length > FIELDS_SHOWN ? ` and ${fields.length - FIELDS_SHOWN} more` : "";
  return [["new fields", `${shown.join(", ")}${more}: kept in "extra"`]];
}
