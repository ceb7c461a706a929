import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Finding } from "../../core/reading.ts";
import { cases } from "../../testing/needs.ts";
import { EPISODES_MOST, type Episode } from "../wire.ts";
import { EpisodeBook, type KnownRule } from "./episode-book.ts";

const GAP = 100;
const OPEN = 20;
const RULES = new Map<string, KnownRule>([
  ["r1", { kind: "range", severity: "critical", measures: ["t"] }],
  ["r2", { kind: "flag", severity: "warning", measures: [] }],
  ["quiet", { kind: "gap", severity: "warning", measures: [] }],
]);
const book = () => new EpisodeBook({ gapMs: () => GAP, openMs: () => OPEN, rules: () => RULES });
const finding = (rule: string, window: unknown = null): Finding => {
  return { rule, severity: "warning", reason: `${rule} is broken`, observed: null, limit: null, window };
};

type Broken = { readonly sensor: string; readonly rule: string; readonly at: number };
type PlainEpisode = Pick<Episode, "id" | "sensorId" | "sinceMs" | "untilMs" | "readings" | "firstSeq" | "lastSeq">;

/** Clusters of times, by sensor and rule: what the episodes are, whatever the order. */
function modelled(all: readonly (Broken & { readonly seq: number })[]): PlainEpisode[] {
  const groups = Map.groupBy(all, ({ sensor, rule }) => `${rule} ${sensor}`);
  return [...groups.values()].flatMap((group) => {
    const episodes: (typeof group)[] = [];
    for (const one of group.toSorted((a, b) => a.at - b.at)) {
      const last = episodes.at(-1);
      if (last !== undefined && one.at - (last.at(-1)?.at ?? 0) <= GAP) last.push(one);
      else episodes.push([one]);
    }
    return episodes.map((readings) => {
      const seqs = readings.map(({ seq }) => seq);
      return {
        id: `${readings[0]?.rule} ${Math.min(...seqs)}`,
        sensorId: readings[0]?.sensor ?? "",
        sinceMs: readings[0]?.at ?? 0,
        untilMs: readings.at(-1)?.at ?? 0,
        readings: readings.length,
        firstSeq: Math.min(...seqs),
        lastSeq: Math.max(...seqs),
      };
    });
  });
}

function plain(list: readonly PlainEpisode[]): string[] {
  const text = (one: PlainEpisode) =>
    [one.id, one.sensorId, one.sinceMs, one.untilMs, one.readings, one.firstSeq, one.lastSeq].join("|");
  return list.map(text).sort();
}

function follow(client: Map<string, Episode>, changed: readonly Episode[]): void {
  for (const episode of changed) {
    if (episode.isGone) client.delete(episode.id);
    else client.set(episode.id, episode);
  }
}

const broken: fc.Arbitrary<Broken> = fc.record({
  sensor: fc.constantFrom("a", "b"),
  rule: fc.constantFrom("r1", "r2"),
  at: fc.integer({ min: 0, max: 3_000 }),
});

test("episodes are those of a plain model, in whatever order readings came; a client that follows has the same", () => {
  fc.assert(
    fc.property(
      fc.array(broken, { maxLength: 80 }),
      fc.boolean(),
      fc.integer({ min: 1, max: 9 }),
      (all, isBack, step) => {
        const numbered = all.map((one, i) => ({ ...one, seq: i + 1 }));
        const kept = book();
        const client = new Map<string, Episode>();
        let changes = 0;
        for (const [i, { seq, at, sensor, rule }] of (isBack ? numbered.toReversed() : numbered).entries()) {
          kept.add({ seq, atMs: at, committedMs: 0, sensorId: sensor, findings: [finding(rule)] });
          // While a buffer is read back, the names of episodes still change.
          if (isBack || i % step !== 0) continue;
          follow(client, kept.changedSince(changes));
          changes = kept.changes;
        }
        expect(plain(kept.newest(EPISODES_MOST))).toEqual(plain(modelled(numbered)));
        if (isBack) return;
        follow(client, kept.changedSince(changes));
        expect(plain([...client.values()])).toEqual(plain(modelled(numbered)));
      },
    ),
    { numRuns: cases(1_000) },
  );
});

test("an episode is open until nothing was added for a while, opens again within the gap, and says which measure it is about", () => {
  const kept = book();
  kept.add({ seq: 1, atMs: 0, committedMs: 1_000, sensorId: "a", findings: [finding("r1"), finding("r2")] });
  expect(kept.newest(9).map(({ rule, isOpen, measure }) => [rule, isOpen, measure])).toEqual([
    ["r1", true, "t"],
    ["r2", true, null],
  ]);
  kept.settle(1_000 + OPEN);
  expect(kept.newest(9).every(({ isOpen }) => isOpen)).toBe(true);
  const { changes } = kept;
  kept.settle(1_001 + OPEN);
  expect(kept.changedSince(changes).map(({ isOpen }) => isOpen)).toEqual([false, false]);
  kept.add({ seq: 2, atMs: 50, committedMs: 2_000, sensorId: "a", findings: [finding("r1")] });
  expect(kept.newest(9).find(({ rule }) => rule === "r1")).toMatchObject({ isOpen: true, readings: 2, id: "r1 1" });
});

test("a silence is open while the rule misses the sensor; the reading that ends it closes the same episode", () => {
  const kept = book();
  kept.silences([{ rule: "quiet", sensor: "a", sinceMs: 5_000 }], 9_000);
  kept.silences([{ rule: "quiet", sensor: "a", sinceMs: 5_000 }], 10_000);
  const [open] = kept.newest(9);
  expect(open).toMatchObject({ rule: "quiet", sensorId: "a", isOpen: true, readings: 0, firstSeq: 0, untilMs: 10_000 });
  kept.settle(1e9);
  expect(kept.newest(9)[0]?.isOpen).toBe(true);
  const window = { from: new Date(5_000).toISOString(), to: new Date(11_000).toISOString() };
  kept.add({ seq: 7, atMs: 11_000, committedMs: 11_000, sensorId: "a", findings: [finding("quiet", window)] });
  kept.silences([], 11_500);
  expect(kept.newest(9)).toMatchObject([
    { id: String(open?.id), isOpen: false, sinceMs: 5_000, untilMs: 11_000, readings: 1, firstSeq: 7 },
  ]);
  // One that ended without a verdict: what came was late.
  kept.silences([{ rule: "quiet", sensor: "b", sinceMs: 6_000 }], 12_000);
  kept.silences([], 13_000);
  expect(kept.newest(9).find(({ sensorId }) => sensorId === "b")).toMatchObject({ isOpen: false, untilMs: 12_000 });
});

test("of more episodes than are kept the newest are, and a client hears which are gone", () => {
  const kept = book();
  const client = new Map<string, Episode>();
  let changes = 0;
  for (let i = 0; i < EPISODES_MOST + 65; i++) {
    kept.add({ seq: i + 1, atMs: i * 1_000, committedMs: 0, sensorId: "a", findings: [finding("r1")] });
    if (i !== EPISODES_MOST - 1) continue;
    follow(client, kept.changedSince(changes));
    changes = kept.changes;
  }
  follow(client, kept.changedSince(changes));
  const newest = kept.newest(1_000);
  expect([newest.length, newest.at(-1)?.firstSeq, newest[0]?.firstSeq]).toEqual([
    EPISODES_MOST,
    66,
    EPISODES_MOST + 65,
  ]);
  expect([...client.keys()].sort()).toEqual(newest.map(({ id }) => id).sort());
});
