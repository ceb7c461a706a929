/** Finds a reading in the buffer, with the rules that judged it. */
import { type OldEpoch, oldEpochs } from "../agent/recovery/old-epochs.ts";
import { conflictsOf } from "../buffer/conflicts.ts";
import { heldBy } from "../buffer/ledger/holdings.ts";
import { BufferLedger } from "../buffer/ledger/ledger.ts";
import { lossesOf } from "../buffer/ledger/losses.ts";
import { LedgerReadings } from "../buffer/ledger/readings.ts";
import { storedRuleSet } from "../buffer/ledger/rules.ts";
import { AgentError, UsageError } from "../core/errors.ts";
import { contains } from "../core/seq-range.ts";
import { type Rule, readRules } from "../rules/files/rule.ts";
import { measuresOf, type ReadingAt, readingJson, type ShownReading, sensorOf } from "./reading-view.ts";

/** `epoch`: null where only a seq was given, which is one of the buffer that is open. */
export type ReadingAsked = { readonly epoch: string | null; readonly seq: number };

const READING_ID = /^(?:([0-9a-hjkmnp-tv-z]{26})-)?(\d{1,16})$/;

/** Throws UsageError for a text that cannot be the id of a reading. */
export function readingAsked(text: string): ReadingAsked {
  // A ULID means the same in capitals.
  const [, epoch = null, digits] = READING_ID.exec(text.trim().toLowerCase()) ?? [];
  const seq = Number(digits);
  if (Number.isSafeInteger(seq) && seq >= 1) return { epoch, seq };
  const shown = JSON.stringify(text.length <= 80 ? text : `${text.slice(0, 80)}…`);
  throw new UsageError(`Cannot understand ${shown}: a reading's id is <epoch>-<seq>, or its seq, from 1 on`, {
    tryHint: "agent tail --stage anomalies",
  });
}

/** A rule of the set that judged the reading, and that applies to its sensor. */
export type AppliedRule = {
  readonly rule: string;
  readonly description: string;
  readonly broken: boolean;
  /** Measures that the rule reads and this reading lacks: an absent measure breaks nothing. */
  readonly absent: readonly string[];
};

/** The set that judged the reading. `rules`: their number; null where it is no longer known, and `because` says why. */
export type JudgedBy = {
  readonly version: string;
  readonly known: boolean;
  readonly since: string | null;
  readonly rules: number | null;
  readonly applied: readonly AppliedRule[] | null;
  readonly because: string | null;
};

export type Explanation = {
  readonly at: ReadingAt;
  readonly shown: ShownReading;
  readonly judgedBy: JudgedBy;
  /** The output of `--json`. */
  readonly json: ShownReading & {
    readonly rule_set: { known: boolean; since: string | null; rules: number | null };
    readonly applied: readonly { rule: string; broken: boolean; absent: readonly string[] }[] | null;
  };
};

/** Throws UsageError where there is no buffer, AgentError where the reading is not in it. */
export function explain(asked: ReadingAsked, dataDir: string): Explanation {
  return new Explainer(dataDir).explain(asked);
}

/** Each question has a snapshot of its own; the sensors, which may be many, are read again only where there are new ones. */
export class Explainer {
  readonly #dataDir: string;
  #readings: LedgerReadings | null = null;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Throws as `explain` does. */
  explain(asked: ReadingAsked): Explanation {
    const ledger = BufferLedger.open(this.#dataDir);
    try {
      this.#readings = new LedgerReadings(ledger, this.#readings);
      return explainIn(asked, this.#dataDir, ledger, this.#readings);
    } finally {
      ledger.close();
    }
  }
}

function explainIn(asked: ReadingAsked, dataDir: string, ledger: BufferLedger, readings: LedgerReadings): Explanation {
  const own = ledger.ownerOf(asked.seq);
  const owner = { ...own, epoch: replannedEpoch(asked, ledger) ?? own.epoch };
  if (asked.epoch !== null && asked.epoch !== owner.epoch) throw ofAnotherEpoch(asked, ledger, dataDir);
  const stored = readings.at(asked.seq);
  if (stored === null) throw notHeld(asked.seq, ledger, dataDir);
  const { epoch, nodeId } = owner;
  const at = { stored, row: 0, catalogue: readings.catalogue, epoch, nodeId };
  const shown = readingJson(at);
  const judgedBy = judgedByOf(at, shown, ledger);
  const { known, since, rules, applied } = judgedBy;
  return {
    at,
    shown,
    judgedBy,
    json: {
      ...shown,
      rule_set: { known, since, rules },
      applied: applied?.map(({ rule, broken, absent }) => ({ rule, broken, absent })) ?? null,
    },
  };
}

/** The epoch that was asked for, where the reading went out under it because another object had its key; else null. */
function replannedEpoch({ epoch, seq }: ReadingAsked, ledger: BufferLedger): string | null {
  if (epoch === null) return null;
  const own = new Set([ledger.epoch, ...ledger.earlier().map((one) => one.epoch)]);
  const isIt = conflictsOf(ledger).some(
    ({ range, under, epoch: other }) =>
      other === epoch && own.has(under) && range !== null && contains(range, { first: seq, last: seq }),
  );
  return isIt ? epoch : null;
}

function judgedByOf(at: ReadingAt, shown: ShownReading, ledger: BufferLedger): JudgedBy {
  const version = shown.rules_version;
  const known = storedRuleSet(ledger, version);
  const unknown = { version, rules: null, applied: null };
  if (known === null) {
    return { ...unknown, known: false, since: null, because: "this buffer does not know that set" };
  }
  const since = new Date(known.sinceMs).toISOString();
  const rules = readRules([{ name: version, text: known.canonical }]);
  if ("refused" in rules) {
    const [first] = rules.refused;
    return { ...unknown, known: true, since, because: `this binary cannot read that set: ${first?.message}` };
  }
  const applied = shown.outcome === "malformed" ? [] : appliedOf(at, shown, rules.ok);
  return { version, known: true, since, rules: rules.ok.length, applied, because: null };
}

function appliedOf(at: ReadingAt, shown: ShownReading, rules: readonly Rule[]): AppliedRule[] {
  const { identity } = sensorOf(at);
  const measures = measuresOf(at);
  return rules
    .filter(({ appliesTo }) => appliesTo.matches(identity))
    .map(({ name, description, condition }) => ({
      rule: name,
      description,
      broken: shown.verdict.some(({ rule }) => rule === name),
      absent: condition.measures.filter((measure) => (measures[measure] ?? null) === null),
    }));
}

function ofAnotherEpoch({ epoch, seq }: ReadingAsked, ledger: BufferLedger, dataDir: string): AgentError {
  const id = `${epoch}-${seq}`;
  const aside = oldEpochs(ledger).find((old: OldEpoch) => old.epoch === epoch);
  if (aside !== undefined) {
    return new AgentError(`Cannot explain ${id}: its buffer was corrupt and was set aside as "${aside.file}"`, {
      tryHint: inTheLake(id),
    });
  }
  return new AgentError(`Cannot explain ${id}: the buffer in "${dataDir}" has another epoch, ${ledger.epoch}`, {
    tryHint: inTheLake(id),
  });
}

function notHeld(seq: number, ledger: BufferLedger, dataDir: string): AgentError {
  const id = `${ledger.ownerOf(seq).epoch}-${seq}`;
  const accepted = ledger.accepted();
  if (seq > accepted) {
    const last = accepted === 0 ? "it has none yet" : `the last one has seq ${accepted}`;
    return new AgentError(`Cannot explain ${id}: the buffer in "${dataDir}" has no such reading, ${last}`, {
      tryHint: accepted === 0 ? "agent run" : `agent why ${accepted}`,
    });
  }
  const loss = lossesOf(ledger).find(
    ({ epoch, range }) => epoch === undefined && range !== null && contains(range, { first: seq, last: seq }),
  );
  if (loss !== undefined) {
    return new AgentError(`Cannot explain ${id}: it was lost (${loss.reason})`, { tryHint: "agent status" });
  }
  const { seqs } = heldBy(ledger);
  const held = seqs === null ? "none is left" : `the oldest left has seq ${seqs.first}`;
  return new AgentError(
    `Cannot explain ${id}: it was delivered, and the buffer has deleted it (${held}; AGENT_KEEP says when)`,
    { tryHint: inTheLake(id) },
  );
}

/** The row of an anomaly has its rules and its reason too. */
function inTheLake(id: string): string {
  return `agent lake head --stage anomalies --count 100000 --json | grep ${id}`;
}
