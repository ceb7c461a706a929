/** From rules to a RuleSet over one catalogue: every rule is a loop over a block's columns, compiled once. */
import type { Profile } from "../core/profile.ts";
import type { Finding, ReadingBlock } from "../core/reading.ts";
import type { SensorCatalogue } from "../core/sensor.ts";
import { Columns, type SelectionRef } from "./columns.ts";
import type { Broken, BrokenRow, ConditionJudge } from "./condition.ts";
import type { Rule } from "./files/rule.ts";
import { suspiciousRules } from "./files/suspicious.ts";
import type {
  EvaluationProblem,
  RuleCost,
  RuleCount,
  RuleSet,
  RuleSummary,
  RuleWarning,
  SilentSensor,
} from "./rule-set.ts";
import type { Memory } from "./state.ts";
import { Tally } from "./tally.ts";

const VERSION_LENGTH = 12;
const BLOCKS_A_TIMING = 64;

/** The canonical JSON of a set: a list of its rules by name, without `$schema`. */
function canonicalOf(rules: readonly Rule[]): string {
  return `[${rules.map((rule) => rule.canonical).join(",")}]`;
}

/**
 * `rules` are sorted by name, as `readRules` gives them; the catalogue may grow while the set is in use. `ignored`: what was
 * beside the rules and was not read.
 */
export function compileRules(
  rules: readonly Rule[],
  catalogue: SensorCatalogue,
  ignored: readonly RuleWarning[] = [],
): RuleSet {
  return new CompiledRules(rules, catalogue, ignored);
}

type Compiled = {
  readonly rule: Rule;
  readonly selection: SelectionRef;
  readonly judge: ConditionJudge;
  readonly broken: BrokenRow;
};

class CompiledRules implements RuleSet {
  readonly version: string;
  readonly canonical: string;
  readonly names: readonly string[];
  readonly rules: readonly RuleSummary[];
  readonly #columns: Columns;
  readonly #compiled: readonly Compiled[];
  readonly #states: readonly Memory[];
  readonly #tally: Tally;
  #blocks = 0;
  /** Readings whose judging was timed, and the time that each rule took for them. */
  #timed = 0;
  readonly #spentMs: number[];
  /** The findings of the block that is being judged: the lists that its own map holds, but open for more. */
  readonly #lists = new Map<number, Finding[]>();

  readonly #ignored: readonly RuleWarning[];

  constructor(rules: readonly Rule[], catalogue: SensorCatalogue, ignored: readonly RuleWarning[]) {
    this.#ignored = ignored;
    this.canonical = canonicalOf(rules);
    this.version = new Bun.CryptoHasher("sha256").update(this.canonical).digest("hex").slice(0, VERSION_LENGTH);
    this.names = rules.map((rule) => rule.name);
    this.rules = rules.map(summaryOf);
    this.#columns = new Columns(catalogue);
    this.#compiled = rules.map((rule) => ({
      rule,
      selection: this.#columns.selection(rule.appliesTo),
      judge: rule.condition.compile(this.#columns),
      broken: (row, what) => this.#add(rule, row, what),
    }));
    this.#spentMs = rules.map(() => 0);
    this.#tally = new Tally(this.#compiled.map(({ rule: { name }, selection, judge }) => ({ name, selection, judge })));
    this.#states = this.#compiled.flatMap(({ judge }) => judge.state ?? []);
  }

  judge(block: ReadingBlock): void {
    this.#lists.clear();
    block.findings.clear();
    this.#columns.grow();
    this.#rollBack();
    this.#tally.begin();
    // Reading the clock for each rule would cost more than most rules: one block of many is timed, and none of the first,
    // whose code is still cold.
    if (++this.#blocks % BLOCKS_A_TIMING === 0) this.#judgeTimed(block);
    else this.#judgeAll(block);
    for (const [row, list] of this.#lists) block.findings.set(row, list);
  }

  warnings(profiles: readonly Profile[]): readonly RuleWarning[] {
    const rules = this.#compiled.map(({ rule }) => rule);
    return [...suspiciousRules(rules, profiles), ...this.#ignored];
  }

  costs(): readonly RuleCost[] {
    return this.#compiled.map(({ rule, judge }, i) => ({
      rule: rule.name,
      nsPerReading: this.#timed === 0 ? null : ((this.#spentMs[i] ?? 0) * 1e6) / this.#timed,
      subjects: judge.state?.size ?? 0,
      stateBytes: judge.state?.bytes ?? 0,
    }));
  }

  #judgeAll(block: ReadingBlock): void {
    for (const { selection, judge, broken } of this.#compiled) {
      if (selection.sensors > 0) judge.judge(block, selection.mask, broken);
    }
  }

  #judgeTimed(block: ReadingBlock): void {
    let from = performance.now();
    for (const [i, { selection, judge, broken }] of this.#compiled.entries()) {
      if (selection.sensors > 0) judge.judge(block, selection.mask, broken);
      const until = performance.now();
      this.#spentMs[i] = (this.#spentMs[i] ?? 0) + until - from;
      from = until;
    }
    this.#timed += block.count;
  }

  keep(): void {
    for (const state of this.#states) state.keep();
  }

  count(block: Pick<ReadingBlock, "count" | "sensor">): void {
    this.#tally.add(block, this.#columns.catalogue.sensors.length);
  }

  counts(): readonly RuleCount[] {
    return this.#tally.counts();
  }

  #rollBack(): void {
    for (const state of this.#states) state.rollBack();
  }

  saveState(): ReadonlyMap<string, Uint8Array> {
    this.#rollBack();
    return this.saveJudged();
  }

  saveJudged(): ReadonlyMap<string, Uint8Array> {
    const saved = new Map<string, Uint8Array>();
    for (const { rule, judge } of this.#compiled) if (judge.state) saved.set(rule.canonical, judge.state.save());
    return saved;
  }

  loadState(saved: ReadonlyMap<string, Uint8Array>, keeps?: (subject: string) => boolean): readonly string[] {
    const fresh: string[] = [];
    for (const { rule, judge } of this.#compiled) {
      const bytes = saved.get(rule.canonical);
      if (judge.state !== undefined && (bytes === undefined || !judge.state.load(bytes, keeps))) fresh.push(rule.name);
    }
    return fresh;
  }

  evaluationProblems(): readonly EvaluationProblem[] {
    return this.#compiled.flatMap(({ rule, judge }) =>
      Array.from(judge.problems ?? [], ([message, count]) => ({ rule: rule.name, message, count })),
    );
  }

  silentSensors(nowMs: number): readonly SilentSensor[] {
    return this.#compiled.flatMap(({ rule, judge }) =>
      (judge.silentAt?.(nowMs) ?? []).map(({ sensor, sinceMs }) => ({ rule: rule.name, sensor, sinceMs })),
    );
  }

  #add({ name, severity }: Rule, row: number, { reason, observed, limit, window }: Broken): void {
    const finding: Finding = { rule: name, severity, reason, observed, limit, window };
    const list = this.#lists.get(row);
    if (list === undefined) this.#lists.set(row, [finding]);
    else list.push(finding);
  }
}

function summaryOf(rule: Rule): RuleSummary {
  const { name, description, severity, kind, condition, tests, places } = rule;
  return { name, description, severity, kind, measures: condition.measures, tests: tests.length, file: places.file };
}
