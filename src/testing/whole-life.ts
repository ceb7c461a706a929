/** An agent's whole life in this process, on any store: it takes what there is, delivers it and ends, or dies in the middle. */
import { cpSync } from "node:fs";
import { collisionProblems } from "../agent/delivery/collision-problems.ts";
import { openAgent } from "../agent/open-agent.ts";
import { type LogEntry, makeLog } from "../core/log/log.ts";
import { resolveSettings } from "../core/settings/settings.ts";
import type { Stage } from "../core/stage.ts";
import { builtInRules } from "../rules/files/shipped.ts";
import type { ObjectStore } from "../uplink/object-store.ts";
import type { Audit } from "./audit.ts";
import { FIRST_EVENT_MS, ListedSource } from "./listed-source.ts";
import { MortalStore } from "./mortal-store.ts";

export type Life = {
  readonly log: readonly LogEntry[];
  /** Of taken keys, by code. */
  readonly problems: readonly string[];
  /** Rows that were settled as delivered. */
  readonly delivered: Readonly<Record<Stage, number>>;
  readonly parked: number;
  /** Puts before the store was said to be down; all of them where it never was. */
  readonly putsBeforeDown: number;
};

export type LifeOptions = {
  readonly dataDir: string;
  readonly store: ObjectStore;
  /** Readings of `ListedSource`. */
  readonly count: number;
  /** It dies at this call of the store, as by kill -9: the data dir as it is then is copied to `to`. */
  readonly dies?: { readonly atCall: number; readonly to: string };
};

export const LIFE_SETTINGS = {
  AGENT_NODE_ID: "node-1",
  AGENT_COMMIT_ROWS: "100",
  AGENT_BATCH_ROWS: "200",
  AGENT_KEEP: "365d",
};

export async function live({ dataDir, store, count, dies }: LifeOptions): Promise<Life> {
  const log: LogEntry[] = [];
  const mortal = new MortalStore(store, dies?.atCall ?? Number.POSITIVE_INFINITY);
  let putsBeforeDown: number | null = null;
  const write = (entry: LogEntry) => {
    log.push(entry);
    if (entry.code === "uplink_down") putsBeforeDown ??= mortal.puts;
  };
  const opened = await openAgent({
    settings: resolveSettings({ flags: { "data-dir": dataDir }, env: LIFE_SETTINGS }),
    log: makeLog({ least: "info", secrets: [], now: Date.now, write }),
    store: mortal,
    sources: (catalogue, committed) => [ListedSource.resumed(catalogue, committed, { count })],
    stop: new AbortController().signal,
    now: () => FIRST_EVENT_MS,
    // Waits are a thousandth of what they are.
    random: () => 0.001,
    rules: (catalogue) => ({ set: builtInRules(catalogue), refused: [] }),
  });
  mortal.onDeath = () => {
    if (dies !== undefined) cpSync(dataDir, dies.to, { recursive: true });
    opened.stop(0);
  };
  await opened.run();
  const { buffer, outbox, delivery } = opened.parts;
  const { parked } = delivery;
  const problems = collisionProblems({ db: buffer.db, meta: (key) => buffer.meta(key) }, FIRST_EVENT_MS);
  const delivered = { ...outbox.deliveredRows };
  await opened.close();
  putsBeforeDown ??= mortal.puts;
  return { log, problems: problems.map(({ code }) => code), delivered, parked, putsBeforeDown };
}

/** The same audit, with a reading known by its seq alone, and a window by its start: whatever epoch their ids are of. */
export function bySeq({ ids, windows, objects }: Audit): Audit {
  const { raw, validated, anomalies, schematized } = ids;
  const seqs = {
    raw: bare(raw),
    validated: bare(validated),
    anomalies: bare(anomalies),
    schematized: bare(schematized),
  };
  const newest: Audit["windows"] = new Map();
  for (const [id, window] of windows) {
    const name = withoutEpoch(id);
    if ((newest.get(name)?.revision ?? -1) < window.revision) newest.set(name, window);
  }
  return { ids: seqs, windows: newest, objects };
}

const withoutEpoch = (id: string) => id.slice(id.indexOf("-") + 1);

function bare(ids: ReadonlyMap<string, number>): Map<string, number> {
  const seqs = new Map<string, number>();
  for (const [id, times] of ids) seqs.set(withoutEpoch(id), (seqs.get(withoutEpoch(id)) ?? 0) + times);
  return seqs;
}
