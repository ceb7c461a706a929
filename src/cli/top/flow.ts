/** The way of readings as lines: sources, buffer, rules, the five stages, the store. */
import { grouped, roughAge, roughBytes, roughDelay, roughRate } from "../../core/readable-numbers.ts";
import { STAGES } from "../../core/stage.ts";
import type { Status } from "../../status/status.ts";
import { gauge, type Ink, type Line, padded, span } from "./cells.ts";
import type { TopLook } from "./look.ts";

const NAME = 10;
const GAUGE = 20;
/** Sources that have a line of their own. */
const SOURCES = 3;
/** Of the limit: from here on the bar is yellow, and red. */
const HIGH_SHARE = 0.75;
const FULL_SHARE = 0.95;

export function flowLines(status: Status, look: TopLook): Line[] {
  return [
    ...sourceLines(status),
    bufferLine(status, look.fullInMs),
    rulesLine(status),
    stageHead(),
    ...STAGES.map((stage) => stageLine(status, stage, look.atMs)),
    storeLine(status, look),
  ];
}

function named(name: string, ...spans: Line): Line {
  return [span(padded(name, NAME), "dim"), ...spans];
}

function sourceLines({ sources }: Status): Line[] {
  if (sources.length === 0) return [named("source", span("none has given a reading yet", "dim"))];
  const lines = sources.slice(0, SOURCES).map(({ uri, accepted, refused, trouble }) => {
    const malformed = refused === 0 ? "" : `, ${grouped(refused)} malformed`;
    const counts = span(`${grouped(accepted)} accepted${malformed}  `);
    const state = trouble === null ? [] : [span(trouble, "red"), span("  ")];
    return named("source", counts, ...state, span(uri, "dim"));
  });
  const more = sources.length - SOURCES;
  return more > 0 ? [...lines, named("", span(`and ${grouped(more)} more (agent status)`, "dim"))] : lines;
}

function bufferLine({ buffer }: Status, fullInMs: number | null): Line {
  const share = buffer.limit_bytes > 0 ? buffer.bytes / buffer.limit_bytes : 0;
  const ink: Ink = share >= FULL_SHARE ? "red" : share >= HIGH_SHARE ? "yellow" : "accent";
  const held = buffer.first_seq === null || buffer.last_seq === null ? 0 : buffer.last_seq - buffer.first_seq + 1;
  return named(
    "buffer",
    span(gauge(share, GAUGE), ink),
    span(` ${percent(share)} of ${roughBytes(buffer.limit_bytes)}`),
    ...(fullInMs === null ? [] : [span(`  full in ${roughAge(fullInMs)} at this rate`, ink)]),
    span(`  ${grouped(held)} readings held`, "dim"),
  );
}

function percent(share: number): string {
  return share > 0 && share < 0.01 ? "< 1 %" : `${Math.round(share * 100)} %`;
}

function rulesLine({ rules }: Status): Line {
  if (rules.version === null) return named("rules", span("none yet", "dim"));
  const refused = rules.refused.length;
  return named(
    "rules",
    span(`${rules.count} in force`),
    span(`  version ${rules.version}`, "dim"),
    ...(refused === 0 ? [] : [span(`  ${refused} refused`, "red")]),
  );
}

const WIDTHS = { stage: 12, rate: 10, lag: 10, pending: 12, oldest: 9, delivered: 15 };

function stageHead(): Line {
  const { stage, rate, lag, pending, oldest, delivered } = WIDTHS;
  const cells = [
    padded("stage", stage),
    padded("rows/s", rate, "right"),
    padded("lag p95", lag, "right"),
    padded("pending", pending, "right"),
    padded("oldest", oldest, "right"),
    padded("delivered", delivered, "right"),
  ];
  return [span(cells.join(""), "dim")];
}

function stageLine({ stages, rates, uplink }: Status, stage: (typeof STAGES)[number], nowMs: number): Line {
  const { delivered, pending, oldest_pending_at: oldest, parked } = stages[stage];
  const rate = rates?.stages[stage] ?? null;
  const lag = rate?.lagP95Ms ?? null;
  const cells = [
    padded(rate === null ? "-" : roughRate(rate.rowsPerSecond), WIDTHS.rate, "right"),
    padded(lag === null ? "-" : roughDelay(lag), WIDTHS.lag, "right"),
  ];
  const waits = [
    padded(grouped(pending), WIDTHS.pending, "right"),
    padded(oldest === null ? "" : roughAge(nowMs - Date.parse(oldest)), WIDTHS.oldest, "right"),
  ];
  return [
    span(padded(stage, WIDTHS.stage), "bold"),
    span(cells.join("")),
    span(waits.join(""), pending > 0 && uplink.state === "down" ? "yellow" : "plain"),
    span(padded(grouped(delivered), WIDTHS.delivered, "right")),
    ...(parked === 0 ? [] : [span(`  ${grouped(parked)} parked`, "red")]),
  ];
}

function storeLine({ uplink, pid, problems }: Status, { store, atMs }: TopLook): Line {
  const since = uplink.since === null ? "" : ` for ${roughAge(atMs - Date.parse(uplink.since))}`;
  const where = span(store === null ? "" : `  ${store}`, "dim");
  if (pid === null) return named("store", span("no agent delivers now", "yellow"), where);
  if (uplink.as_of !== null) {
    const time = uplink.as_of.slice(11, 19);
    return named("store", span(`was ${uplink.state} at ${time} UTC`, "yellow"), where);
  }
  if (uplink.state === "up") return named("store", span(`up${since}`, "green"), where);
  // The problem at the top says it, too, with what to try.
  const isSaid = problems.some(({ message }) => message === uplink.error);
  const why = uplink.error === null || isSaid ? "" : `: ${uplink.error}`;
  return named("store", span(`DOWN${since}`, "red"), where, span(why, "red"));
}
