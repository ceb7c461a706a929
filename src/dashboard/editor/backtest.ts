/**
 * A backtest of an edited rule file over what the buffer holds, beside the running agent: in slices of some milliseconds, at most
 * a tenth of a core, and with a limit of readings. It reads the database itself, never the blocks that the agent has in memory.
 */
import type { Database } from "bun:sqlite";
import { heldBy } from "../../buffer/ledger/holdings.ts";
import { BlockReader } from "../../buffer/read-back.ts";
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import { AgentError } from "../../core/errors.ts";
import type { SeqRange } from "../../core/seq-range.ts";
import { inSlices, type SliceLimits } from "../../core/time/steps.ts";
import type { StreamClient } from "../../http/route.ts";
import { compileRules } from "../../rules/compile.ts";
import type { EditCheck } from "../../rules/files/check-edit.ts";
import type { RuleSet } from "../../rules/rule-set.ts";
import { changesOf } from "../../verdicts/backtest.ts";
import { BacktestTally, type RuleTally } from "../../verdicts/tally.ts";
import type { BacktestCounts, BacktestLine, BacktestResult } from "../rules-wire.ts";
import { BacktestMarks } from "./marks.ts";
import type { RulesAtWork } from "./parts.ts";

/** `sliceMs` and a last step of a few more stay below 10 ms. */
const LIMITS: SliceLimits = { sliceMs: 5, share: 0.08 };
/** A step reads and judges this many readings; fewer where they take longer than `STEP_MS`. */
const STEP_ROWS = { least: 20, first: 50, most: 2_000 };
const STEP_MS = 3;
/** Readings that count, and older ones that only fill the rules' memory. */
export const BACKTEST_READINGS = { counted: 1_000_000, warming: 100_000 };
const PROGRESS_MS = 250;

export type BacktestAsked = {
  readonly check: EditCheck & { readonly all: NonNullable<EditCheck["all"]> };
  readonly sinceMs: number;
  readonly nowMs: number;
};

/** Sends progress and the result, while the client is there. */
export async function streamBacktest(atWork: RulesAtWork, asked: BacktestAsked, client: StreamClient): Promise<void> {
  const run = new BacktestRun(atWork, asked);
  let saidAt = performance.now();
  const startedAt = saidAt;
  const say = (line: BacktestLine) => client.send(`${JSON.stringify(line)}\n`);
  function* steps(): Generator<void, BacktestResult> {
    for (const _ of run.steps()) {
      const now = performance.now();
      if (now - saidAt >= PROGRESS_MS) {
        saidAt = now;
        const { done, total } = run;
        say({
          progress: { done, total, leftMs: Math.round(((now - startedAt) / Math.max(1, done)) * (total - done)) },
        });
      }
      yield;
    }
    return run.result();
  }
  say({ progress: { done: 0, total: run.total, leftMs: 0 } });
  say({ result: await inSlices(steps(), LIMITS, client.gone) });
  await client.drained();
}

class BacktestRun {
  readonly total: number;
  done = 0;
  readonly #buffer: SqliteBuffer;
  readonly #asked: BacktestAsked;
  readonly #set: RuleSet;
  readonly #reader: BlockReader;
  readonly #tally: BacktestTally;
  readonly #marks: BacktestMarks;
  readonly #changes: ReturnType<typeof changesOf>;
  readonly #edited: ReadonlySet<string>;
  readonly #range: { readonly first: number; readonly counted: number; readonly last: number; readonly isCut: boolean };
  #warmedUp = 0;

  constructor({ buffer, rules }: RulesAtWork, asked: BacktestAsked) {
    const { catalogue } = buffer;
    this.#buffer = buffer;
    this.#asked = asked;
    this.#set = compileRules(asked.check.all, catalogue);
    this.#reader = new BlockReader(buffer.db, catalogue);
    this.#changes = changesOf(rules.set.canonical, this.#set.canonical);
    this.#tally = new BacktestTally(catalogue, [...this.#changes.keys()], []);
    this.#edited = new Set(asked.check.rules.map(({ rule }) => rule.name));
    const gone = rules.set.rules.filter(({ name }) => this.#changes.get(name) === "removed");
    const own = this.#set.rules.filter(({ name }) => this.#edited.has(name));
    this.#marks = new BacktestMarks(catalogue, [...gone, ...own]);
    this.#range = rangeOf(buffer, asked.sinceMs);
    this.total = Math.max(0, this.#range.last - this.#range.first + 1);
  }

  *steps(): Generator<void, void> {
    const { first, last } = this.#range;
    let rows = STEP_ROWS.first;
    for (let next = first; next <= last; ) {
      if (!isOpen(this.#buffer)) {
        throw new AgentError("Cannot finish the backtest: the agent opened its buffer again meanwhile");
      }
      const startedAt = performance.now();
      const until = Math.min(last, next + rows - 1);
      this.#judge(next, until);
      this.done += until - next + 1;
      next = until + 1;
      const tookMs = performance.now() - startedAt;
      const wanted = tookMs > STEP_MS ? rows / 2 : tookMs < STEP_MS / 2 ? rows * 2 : rows;
      rows = Math.round(Math.min(STEP_ROWS.most, Math.max(STEP_ROWS.least, wanted)));
      yield;
    }
  }

  #judge(first: number, last: number): void {
    for (const stored of this.#reader.read({ first, last })) {
      const { block, firstSeq } = stored;
      const did = new Map(block.findings);
      this.#set.judge(block);
      this.#set.keep();
      if (firstSeq < this.#range.counted) {
        this.#warmedUp += block.count;
        continue;
      }
      this.#tally.add(stored, did);
      this.#marks.add(stored, did);
    }
  }

  result(): BacktestResult {
    const { would, did, onlyWould, onlyDid } = this.#tally.anomalous;
    return {
      readings: this.#tally.readings,
      warmedUp: this.#warmedUp,
      sinceMs: this.#asked.sinceMs,
      untilMs: this.#asked.nowMs,
      isCut: this.#range.isCut,
      any: { would, did, onlyWould, onlyDid },
      rules: [...this.#tally.rules]
        .filter(([name]) => this.#changes.has(name))
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, tally]) => {
          const change = this.#changes.get(name) ?? "removed";
          return { name, ...countsOf(tally), change, isEdited: this.#edited.has(name) };
        }),
      ...this.#marks.shown(),
      problems: this.#set.evaluationProblems(),
    };
  }
}

function countsOf({ would, did, both }: RuleTally): BacktestCounts {
  return { would, did, onlyWould: would - both, onlyDid: did - both };
}

/** Readings from `counted` on count; those from `first` on are judged. */
function rangeOf({ db }: SqliteBuffer, sinceMs: number) {
  const { seqs } = heldBy({ db });
  if (seqs === null) return { first: 1, counted: 1, last: 0, isCut: false };
  const since = committedFrom(db, seqs, sinceMs);
  const counted = Math.max(since, seqs.last - BACKTEST_READINGS.counted + 1);
  const first = Math.max(seqs.first, counted - BACKTEST_READINGS.warming);
  // Where nothing counts, nothing need be warm.
  return { first: counted > seqs.last ? counted : first, counted, last: seqs.last, isCut: counted > since };
}

/**
 * The first reading that was committed then or later, by halving: a look at every commit of weeks would take too long. Where the
 * clock was set back meanwhile the border is near it.
 */
function committedFrom(db: Database, { first, last }: SeqRange, sinceMs: number): number {
  const commitOf = db.query<{ seq: number; at: number }, [number]>(
    "SELECT last_seq AS seq, ingested_at AS at FROM commit_group WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
  );
  let [low, high] = [first, last + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const commit = commitOf.get(middle);
    if (commit === null || commit.at < sinceMs) low = Math.max(middle, commit?.seq ?? middle) + 1;
    else high = middle;
  }
  return low;
}

function isOpen(buffer: SqliteBuffer): boolean {
  try {
    buffer.db.query("SELECT 1").get();
    return true;
  } catch {
    return false;
  }
}
