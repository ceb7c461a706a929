/**
 * What the buffer knows of rules: the sets that judged its readings, when which was in force, and what the rules remember.
 * A memory is stored in the transaction of the last reading that is in it, with its seq. The readings behind that are
 * still there (retention waits), so judging them again gives the memory of now: it need not be stored with each commit.
 */
import { META_MEMORY_DUE } from "./forget-sensors.ts";
import type { SqliteBuffer } from "./sqlite-buffer.ts";

export type RuleSwitch = {
  readonly atMs: number;
  /** Null: the first set of this buffer. */
  readonly from: string | null;
  readonly to: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
};

/** By a rule's canonical JSON. */
export type RuleMemories = ReadonlyMap<string, Uint8Array>;

/** Switches that are kept: a year with one a day. */
const SWITCHES_KEPT = 366;

export class RuleLedger {
  readonly #buffer: SqliteBuffer;

  constructor(buffer: SqliteBuffer) {
    this.#buffer = buffer;
  }

  /** The memories that were stored for these rules, and the last reading that is in them (0: none is). */
  load(canonicals: Iterable<string>): { readonly through: number; readonly memories: RuleMemories } {
    const find = this.#buffer.db.query<{ state: Uint8Array }, [string]>("SELECT state FROM rule_state WHERE rule = ?");
    const memories = new Map<string, Uint8Array>();
    for (const canonical of canonicals) {
      const found = find.get(keyOf(canonical));
      if (found !== null) memories.set(canonical, found.state);
    }
    return { through: Number(this.#buffer.meta("rules_through") ?? "0"), memories };
  }

  /** The sensors that rules may remember, where some were forgotten since the memories were stored; null: all of them. */
  sensorsLeft(): ReadonlySet<string> | null {
    if (this.#buffer.meta(META_MEMORY_DUE) === null) return null;
    return new Set(this.#buffer.catalogue.sensors.map(({ identity: [sensorId] }) => String(sensorId ?? "")));
  }

  /** Stores the memories as they are after the last committed reading. */
  save(memories: RuleMemories): void {
    this.#buffer.transact(() => this.write(memories, this.#buffer.lastSeq));
  }

  /** The same in a transaction that is under way, with the readings through `through` in it. */
  write(memories: RuleMemories, through: number): void {
    const { db } = this.#buffer;
    db.run("DELETE FROM rule_state");
    const insert = db.query("INSERT INTO rule_state VALUES (?, ?)");
    for (const [canonical, state] of memories) insert.run(keyOf(canonical), state);
    // Where no rule remembers anything, no reading need be kept for one.
    if (memories.size > 0) this.#buffer.setMeta("rules_through", String(through));
    else db.run("DELETE FROM meta WHERE key = 'rules_through'");
    db.query("DELETE FROM meta WHERE key = ?").run(META_MEMORY_DUE);
  }

  /** Another set is in force from the next reading on; its memories are stored with that. */
  switchTo(set: { version: string; canonical: string }, change: RuleSwitch, memories: RuleMemories): void {
    const { db } = this.#buffer;
    this.#buffer.transact(() => {
      this.#buffer.rememberRules(set.version, set.canonical, change.atMs);
      this.#buffer.setMeta("rules_version", set.version);
      const lists = [change.added, change.removed, change.changed].map((names) => JSON.stringify(names));
      db.query("INSERT INTO rule_switch VALUES (?, ?, ?, ?, ?, ?)").run(change.atMs, change.from, change.to, ...lists);
      db.query("DELETE FROM rule_switch WHERE rowid <= (SELECT max(rowid) FROM rule_switch) - ?").run(SWITCHES_KEPT);
      this.write(memories, this.#buffer.lastSeq);
    });
  }
}

function keyOf(canonical: string): string {
  return new Bun.CryptoHasher("sha256").update(canonical).digest("hex");
}
