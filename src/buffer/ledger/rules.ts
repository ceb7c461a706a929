/** The rules that judged a buffer's readings: the sets, how often each rule was broken, and the switches. */

import { text as textShape } from "../../core/outside/scalar-shapes.ts";
import { storedEntries } from "../../core/outside/stored-json.ts";
import type { RuleSwitch } from "../rule-memory.ts";
import type { BufferLedger } from "./ledger.ts";

/** A rule set as it was stored when it first came into force; null where this buffer does not have it. */
export function storedRuleSet(ledger: BufferLedger, version: string): { canonical: string; sinceMs: number } | null {
  return ledger.db
    .query<{ canonical: string; sinceMs: number }, [string]>(
      "SELECT canonical, since AS sinceMs FROM rule_set WHERE version = ?",
    )
    .get(version);
}

/** How many of the readings that are held and were committed from `sinceMs` on broke each rule. */
export function brokenSince(ledger: BufferLedger, sinceMs: number): ReadonlyMap<string, number> {
  // By commit: a clock that was wrong once must not move the border for all.
  const rows = ledger.db
    .query<{ rule: string; n: number }, [number]>(
      `SELECT json_extract(f.value, '$.rule') AS rule, count(*) AS n FROM commit_group g
       JOIN finding ON finding.seq BETWEEN g.first_seq AND g.last_seq, json_each(finding.findings) f
       WHERE g.ingested_at >= ? GROUP BY 1 ORDER BY 1`,
    )
    .all(sinceMs);
  return new Map(rows.map(({ rule, n }) => [rule, n]));
}

/** How many rules each of these sets has, where the buffer still has it whole. */
export function ruleCounts({ db }: Pick<BufferLedger, "db">, versions: readonly string[]): ReadonlyMap<string, number> {
  const rows = db
    .query<{ version: string; n: number | null }, [string]>(
      `SELECT version, CASE WHEN json_valid(canonical) THEN json_array_length(canonical) END AS n FROM rule_set
       WHERE version IN (SELECT value FROM json_each(?))`,
    )
    .all(JSON.stringify(versions));
  return new Map(rows.flatMap(({ version, n }) => (n === null ? [] : [[version, n] as const])));
}

/** The newest switches, the oldest of them first; none where the buffer is older than the table. */
export function ruleSwitches(ledger: Pick<BufferLedger, "db">, limit: number): RuleSwitch[] {
  const table = ledger.db.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'rule_switch'").get();
  if (table === null) return [];
  type SwitchRow = { at: number; from_version: string | null; to_version: string } & Record<
    "added" | "removed" | "changed",
    string | null
  >;
  return ledger.db
    .query<SwitchRow, [number]>(
      `SELECT at, from_version, to_version, added, removed, changed FROM rule_switch ORDER BY rowid DESC LIMIT ?`,
    )
    .all(limit)
    .map(({ at, from_version: from, to_version: to, added, removed, changed }) => ({
      atMs: at,
      from,
      to,
      added: namesIn(added),
      removed: namesIn(removed),
      changed: namesIn(changed),
    }))
    .reverse();
}

const NAME = textShape(/^/, "a rule's name");

function namesIn(text: string | null): readonly string[] {
  return storedEntries(NAME, text ?? "[]") ?? [];
}
