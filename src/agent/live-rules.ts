/**
 * The rules in force while the agent runs: they judge, they remember, and they are exchanged when their folder changes. A new
 * set takes over between two commits, whole and tested, or not at all. Rules that did not change keep their memory.
 */
import { RuleLedger, type RuleMemories } from "../buffer/rule-memory.ts";
import type { SqliteBuffer } from "../buffer/sqlite-buffer.ts";
import type { Log } from "../core/log/log.ts";
import type { Profile } from "../core/profile.ts";
import type { ReadingBlock } from "../core/reading.ts";
import type { SensorCatalogue } from "../core/sensor.ts";
import { chunksOf } from "../core/seq-range.ts";
import { subjectsOf } from "../rules/columns.ts";
import { diffRules, diffText, type RuleDiff } from "../rules/files/diff.ts";
import { loadRuleTexts } from "../rules/files/load.ts";
import {
  formatProblem,
  type Loaded,
  type RuleCost,
  type RuleCount,
  type RuleProblem,
  type RuleSet,
  type RuleWarning,
  type SilentSensor,
} from "../rules/rule-set.ts";
import { Warned } from "../rules/warned.ts";

export type RulesInForce = {
  readonly set: RuleSet;
  /** Why the content of the rules folder is not in force; empty when it is. */
  readonly refused: readonly RuleProblem[];
  /**
   * The set that is there now, or why it is refused; null when nothing has changed since the last look, unless `isAsked`. Absent:
   * not watched.
   */
  readonly look?: (runningMs: number, isAsked: boolean) => FoundRules | null;
  /** The folder, as the user named it; null: the rules in the binary. */
  readonly dir?: string | null;
  /** Every measure that a reading may have, by which legal rules are checked for mistakes. */
  readonly profiles?: readonly Profile[];
};
/** `dir`: as above; absent: as before. */
export type FoundRules = Loaded<RuleSet> & { readonly dir?: string | null };
/** The rule set that was in force with this data dir before: its canonical text and its folder, if any. */
export type LastRules = { readonly canonical: string | null; readonly dir: string | null };

export type LiveRulesParts = {
  readonly buffer: SqliteBuffer;
  readonly log: Log;
  readonly now: () => number;
};

/** `count`: evaluations that failed. */
export type FailingRule = { readonly rule: string; readonly count: number; readonly message: string };

const COSTS_SHOWN = 50;
const SILENT_SHOWN = 50;
/** A change is in force after two looks. */
const LOOK_MS = 200;
/** Memories are stored with the commit that brings this many readings, or later where they are large: 64 bytes a reading. */
const SAVE_ROWS = 20_000;
const SAVE_BYTES_A_ROW = 64;
/** In the buffer's `meta`: the folder of the last set that was accepted; empty: the rules in the binary. */
const DIR_KEY = "rules_dir";
/** Readings that one step of the replay after a restart judges. */
const REPLAY_ROWS = 5_000;

export class LiveRules {
  #set: RuleSet;
  #refused: readonly RuleProblem[];
  readonly #look: RulesInForce["look"];
  readonly #parts: LiveRulesParts;
  readonly #ledger: RuleLedger;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #waiting: FoundRules | null = null;
  #isAsked = false;
  #unsaved = 0;
  #savedBytes = 0;
  /** The memories that the commit in progress stores. */
  #saving: RuleMemories | null = null;
  loadedAtMs: number;
  /** Readings judged and committed since the agent started, and how many of these broke each rule. */
  judged: number;
  readonly #broken: Map<string, number>;
  readonly #warned: Warned;

  /** `before`: the rules in force with a buffer that is gone; their memories continue with this one. */
  constructor(first: RulesInForce, parts: LiveRulesParts, before?: LiveRules) {
    this.#parts = parts;
    this.#ledger = new RuleLedger(parts.buffer);
    this.#look = first.look;
    this.#refused = before?.refused ?? first.refused;
    this.loadedAtMs = before?.loadedAtMs ?? parts.now();
    this.judged = before?.judged ?? 0;
    this.#broken = before === undefined ? new Map() : before.#broken;
    this.#set = before?.set ?? this.#restored(first.set);
    if (parts.buffer.meta("rules_version") !== this.#set.version) this.#switch(this.#set, null);
    // The same buffer, opened again: the memories cover everything that was committed.
    else if (before !== undefined) this.#ledger.save(this.#set.saveState());
    if (first.refused.length === 0) parts.buffer.setMeta(DIR_KEY, first.dir ?? "");
    for (const problem of this.#refused) parts.log.warn("rules_refused", formatProblem(problem));
    this.#warned = before === undefined ? new Warned(first.profiles ?? null, parts.log) : before.#warned;
    // The rules in the binary give no warning: they are for all shipped profiles.
    const isFolder = first.look !== undefined && first.dir !== null;
    if (before === undefined && isFolder && this.#refused.length === 0) this.#warned.note(first.set);
  }

  static last(buffer: SqliteBuffer): LastRules {
    return { canonical: buffer.lastRules(), dir: buffer.meta(DIR_KEY) || null };
  }

  get set(): RuleSet {
    return this.#set;
  }

  get refused(): readonly RuleProblem[] {
    return this.#refused;
  }

  /** Problems of the rules in force, although they are legal. */
  get warnings(): readonly RuleWarning[] {
    return this.#warned.warnings;
  }

  costliest(): readonly RuleCost[] {
    return this.#set
      .costs()
      .toSorted((a, b) => (b.nsPerReading ?? 0) - (a.nsPerReading ?? 0))
      .slice(0, COSTS_SHOWN);
  }

  /** By rule in force, since its set was loaded. */
  counts(): readonly RuleCount[] {
    return this.#set.counts();
  }

  /** Rules whose evaluation failed for every reading that it could judge, with their first error. */
  failing(): readonly FailingRule[] {
    const errors = this.#set.evaluationProblems();
    return this.#set.counts().flatMap(({ rule, errors: count, decided }) => {
      const message = errors.find((error) => error.rule === rule)?.message;
      return count > 0 && decided === 0 && message !== undefined ? [{ rule, count, message }] : [];
    });
  }

  /** Rules that apply to none of the sensors seen so far; none before the first reading. */
  unmatched(): readonly string[] {
    if (this.judged === 0) return [];
    return this.#set.counts().flatMap(({ rule, sensors }) => (sensors === 0 ? [rule] : []));
  }

  /** Sensors that should have sent a reading by now; at most as many as a status page shows. */
  silent(nowMs: number): readonly SilentSensor[] {
    return this.#set
      .silentSensors(nowMs)
      .toSorted((a, b) => a.sinceMs - b.sinceMs)
      .slice(0, SILENT_SHOWN);
  }

  /** For each rule in force, how many readings broke it since the agent started. */
  broken(): readonly { readonly rule: string; readonly count: number }[] {
    return this.#set.names.map((rule) => ({ rule, count: this.#broken.get(rule) ?? 0 }));
  }

  /** In the transaction that commits the block that the set judged last: stores what the rules remember, where that is due. */
  commit({ count }: Pick<ReadingBlock, "count">, lastSeq: number): void {
    this.#saving = this.#isSaveDue(this.#unsaved + count) ? this.#set.saveJudged() : null;
    if (this.#saving !== null && this.#saving.size > 0) this.#ledger.write(this.#saving, lastSeq);
  }

  /** The block that the set judged last is in the buffer. */
  committed(block: Pick<ReadingBlock, "count" | "findings" | "sensor">): void {
    const { count, findings } = block;
    this.#set.keep();
    this.#set.count(block);
    this.#unsaved += count;
    if (this.#saving !== null) this.#noteSaved(this.#saving);
    this.#saving = null;
    this.judged += count;
    for (const list of findings.values()) {
      for (const { rule } of list) this.#broken.set(rule, (this.#broken.get(rule) ?? 0) + 1);
    }
  }

  /** Between two commits, as often as the caller likes: takes over the set that is in the folder now. */
  watch(runningMs: number): void {
    if (!this.#isAsked && runningMs - this.#lookedAtMs < LOOK_MS) return;
    this.#lookedAtMs = runningMs;
    // A set that could not be written down (a full disk) is tried again.
    const found = this.#look?.(runningMs, this.#isAsked) ?? this.#waiting;
    if (found !== null) {
      this.#waiting = found;
      this.#takeIn(found);
      this.#waiting = null;
    }
    this.#isAsked = false;
  }

  /** The next `watch` reads the rules again, and says that it did, also where nothing has changed. */
  readAgain(): void {
    this.#isAsked = true;
  }

  #takeIn(loaded: FoundRules): void {
    const { log, buffer } = this.#parts;
    if ("refused" in loaded) {
      this.#refused = loaded.refused;
      for (const problem of loaded.refused) log.warn("rules_refused", formatProblem(problem));
      log.warn("rules_kept", `The rule set in force does not change: version ${this.#set.version}`);
      return;
    }
    const wasRefused = this.#refused.length > 0;
    if (loaded.ok.version !== this.#set.version) this.#exchange(loaded.ok);
    else if (wasRefused) log.info("rules_restored", `No rule file is refused any more: version ${this.#set.version}`);
    else if (this.#isAsked)
      log.info("rules_same", `The rules were read again and are the same: version ${this.#set.version}`);
    this.#refused = [];
    if (loaded.dir !== undefined) buffer.setMeta(DIR_KEY, loaded.dir ?? "");
    if (loaded.dir !== null) this.#warned.note(loaded.ok);
  }

  /** Stores the memories, however little is new: before an end, or so that readings can be deleted when room is short. */
  save(): void {
    if (this.#unsaved === 0) return;
    const memories = this.#set.saveState();
    if (memories.size > 0) this.#ledger.save(memories);
    this.#noteSaved(memories);
  }

  #isSaveDue(unsaved: number): boolean {
    return unsaved >= Math.max(SAVE_ROWS, this.#savedBytes / SAVE_BYTES_A_ROW);
  }

  /** The set with the memory that it had when the last reading was committed. */
  #restored(set: RuleSet): RuleSet {
    const { buffer, log, now } = this.#parts;
    const version = buffer.meta("rules_version");
    const canonical = buffer.lastRules();
    if (version === null || canonical === null) return set;
    const last = version === set.version ? set : compiled(canonical, buffer.catalogue);
    if (last === null) {
      log.warn("rules_forgotten", `Cannot read rule set ${version} any more: the memory of its rules is lost`);
      return set;
    }
    this.#replay(last);
    if (last === set) return set;
    this.#set = last;
    this.#exchange(set, now());
    return set;
  }

  #replay(set: RuleSet): void {
    const { buffer } = this.#parts;
    const keys = set.saveState();
    if (keys.size === 0) return;
    const { through, memories } = this.#ledger.load(keys.keys());
    const left = this.#ledger.sensorsLeft();
    set.loadState(memories, left === null ? undefined : subjectsOf(left));
    if (left !== null) buffer.transact(() => this.#ledger.write(set.saveState(), through));
    for (const range of chunksOf({ first: through + 1, last: buffer.lastSeq }, REPLAY_ROWS)) {
      for (const { block } of buffer.read(range)) {
        set.judge(block);
        set.keep();
      }
    }
  }

  #exchange(next: RuleSet, atMs = this.#parts.now()): void {
    const before = this.#set;
    const forgotten = next.loadState(before.saveState());
    const diff = this.#switch(next, before);
    this.#set = next;
    // Names change with every edit: counts of rules that are no longer in force are dropped.
    for (const rule of diff.removed) this.#broken.delete(rule);
    this.loadedAtMs = atMs;
    const { log } = this.#parts;
    log.info("rules_changed", `Rule set ${before.version} -> ${next.version}: ${diffText(diff)}`);
    const forgot = forgotten.filter((name) => diff.changed.includes(name));
    if (forgot.length > 0) log.info("rules_anew", `These rules changed and start without memory: ${forgot}`);
  }

  #switch(to: RuleSet, before: RuleSet | null): RuleDiff {
    const { now } = this.#parts;
    const from = before === null ? null : before.version;
    const diff = diffRules(before?.canonical ?? null, to.canonical);
    const memories = to.saveState();
    this.#ledger.switchTo(to, { atMs: now(), from, to: to.version, ...diff }, memories);
    this.#noteSaved(memories);
    return diff;
  }

  #noteSaved(memories: RuleMemories): void {
    this.#unsaved = 0;
    this.#savedBytes = [...memories.values()].reduce((sum, { length }) => sum + length, 0);
  }
}

function compiled(canonical: string, catalogue: SensorCatalogue): RuleSet | null {
  const loaded = loadRuleTexts([{ name: "last-good.json", text: canonical }], catalogue);
  return "ok" in loaded ? loaded.ok : null;
}
