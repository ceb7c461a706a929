/** The report of a running agent, gathered from its parts: for `status`, and for requests over HTTP. */

import { hostname } from "node:os";
import type { Outbox } from "../buffer/outbox.ts";
import type { SqliteBuffer } from "../buffer/sqlite-buffer.ts";
import type { Log } from "../core/log/log.ts";
import type { Problem } from "../core/problem.ts";
import { grouped } from "../core/readable-numbers.ts";
import type { Settings } from "../core/settings/settings.ts";
import { shellWord } from "../core/shell-word.ts";
import { BUILD_VERSION } from "../core/version.ts";
import { formatProblem, type RuleProblem, type RuleWarning } from "../rules/rule-set.ts";
import type { ObjectStore } from "../uplink/object-store.ts";
import type { Delivery } from "./delivery/delivery.ts";
import { sourceProblem } from "./input/source-trouble.ts";
import type { LiveReport } from "./live.ts";
import type { FailingRule, LiveRules } from "./live-rules.ts";
import type { Pipeline } from "./pipeline.ts";
import type { RateCounter } from "./rates.ts";
import { openingProblems } from "./recovery/old-epochs.ts";

/** Rules whose counts a report has, so that the file stays small. */
const RULES_SHOWN = 200;

type Constants = {
  readonly settings: Settings;
  readonly store: ObjectStore;
  readonly startedAtMs: number;
  readonly log: Log;
};
type Reported = {
  readonly buffer: SqliteBuffer;
  readonly outbox: Outbox;
  readonly delivery: Delivery;
  readonly pipeline: Pipeline;
  readonly rules: LiveRules;
  readonly rates: RateCounter;
  readonly heartbeat: () => LiveReport["heartbeat"];
  /** The problems of the agent itself. */
  readonly problems: () => readonly Problem[];
};

export function reporter(constants: Constants, parts: Reported): (nowMs: number) => LiveReport {
  const { settings, store, startedAtMs } = constants;
  const failures = new RuleFailures(constants.log);
  const { buffer, outbox, delivery, pipeline, rules } = parts;
  const { rulesDir } = settings;
  const check = rulesDir === null ? "agent rules check" : `agent rules check ${shellWord(rulesDir)}`;
  return (nowMs) => ({
    pid: process.pid,
    host: hostname(),
    agentVersion: BUILD_VERSION,
    startedAtMs,
    updatedAtMs: nowMs,
    store: store.uri,
    cwd: process.cwd(),
    buffer: { epoch: buffer.epoch, lastSeq: buffer.lastSeq, promisedThrough: outbox.plannedThrough },
    problems: [
      ...parts.problems(),
      ...linkProblems(delivery, store),
      ...rulesProblems(rules.refused, check),
      ...idleProblems(rules.warnings, check),
      ...failures.problems(rules.set.version, rules.failing()),
      ...openingProblems(buffer, nowMs),
      ...pipeline.taps.flatMap(({ source, trouble }) => sourceProblem(source.uri, trouble)),
    ],
    uplink: linkReport(delivery),
    rules: {
      version: rules.set.version,
      count: rules.set.names.length,
      loadedAtMs: rules.loadedAtMs,
      refused: rules.refused,
      warnings: rules.warnings,
      counts: rules
        .counts()
        .slice(0, RULES_SHOWN)
        .map(({ rule, sensors, readings, errors }) => ({ rule, sensors, readings, errors })),
      unmatched: rules.unmatched().slice(0, RULES_SHOWN),
      costs: rules.costliest(),
      silent: rules.silent(nowMs),
    },
    sources: pipeline.taps.map((tap) => ({
      uri: tap.source.uri,
      trouble: tap.trouble?.isReported === true ? tap.trouble.message : null,
      input: pipeline.inputProblems(tap, nowMs),
      notes: tap.source.notes?.() ?? [],
    })),
    parked: delivery.parked,
    heartbeat: parts.heartbeat() ?? null,
    bufferLimitBytes: settings.bufferMaxBytes,
    rates: parts.rates.read(),
  });
}

function rulesProblems(refused: readonly RuleProblem[], check: string): Problem[] {
  const [first] = refused;
  if (first === undefined) return [];
  const more = refused.length > 1 ? ` (and ${refused.length - 1} more)` : "";
  const message = `The rules folder is refused, the last good rule set is in force: ${formatProblem(first)}${more}`;
  return [{ code: "rules_refused", message, try: check }];
}

/** Warnings about limits are not problems: a limit that is hardly ever reached may be intended. */
function idleProblems(warnings: readonly RuleWarning[], check: string): Problem[] {
  const idle = warnings.filter((warning) => warning.idle);
  const [first] = idle;
  if (first === undefined) return [];
  const more = idle.length > 1 ? ` (and ${idle.length - 1} more)` : "";
  const message = `A rule in force cannot work as it is: ${formatProblem(first)}${more}`;
  return [{ code: "rules_idle", message, try: check }];
}

/** Rules that failed for every reading: a problem, and a line of the log for each of a set. */
class RuleFailures {
  readonly #log: Log;
  readonly #logged = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  problems(version: string, failing: readonly FailingRule[]): Problem[] {
    for (const found of failing) {
      const key = `${version} ${found.rule}`;
      if (!this.#logged.has(key)) this.#log.warn("rule_errors", failureOf(found), { try: "agent rules list" });
      this.#logged.add(key);
    }
    const [first] = failing;
    if (first === undefined) return [];
    const others = failing.length - 1;
    const more = others === 0 ? "" : ` (and ${others} more ${others === 1 ? "rule" : "rules"})`;
    return [{ code: "rule_errors", message: `${failureOf(first)}${more}`, try: "agent rules list" }];
  }
}

function failureOf({ rule, count, message: error }: FailingRule): string {
  const times = count === 1 ? "its only reading" : `all ${grouped(count)} readings that it could judge`;
  return `Rule "${rule}" failed for ${times}, and breaks none: ${error}`;
}

function linkReport({ link, linkSinceMs }: Delivery): LiveReport["uplink"] {
  return { state: link.state, sinceMs: linkSinceMs, error: link.state === "down" ? link.error : null };
}

/** The agent waits for an unreachable store; a store that denies access needs a person. */
function linkProblems({ link }: Delivery, store: ObjectStore): Problem[] {
  if (link.state === "up") return [];
  const code = link.denied ? "store_denied" : "store_unreachable";
  return [{ code, message: link.error, try: link.tryHint ?? `agent lake ls --store ${shellWord(store.uri)}` }];
}
