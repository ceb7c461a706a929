/** One trial: the power fails in a history, perhaps again while the agent repairs, and then the agent finishes and is judged. */
import { cpSync, rmSync } from "node:fs";
import { between, hashAt, hashText } from "../../src/core/random.ts";
import { Differences } from "../torture-run/check-readings.ts";
import type { Lie } from "./layer/cut.ts";
import type { ListedChange } from "./layer/main.ts";
import { lookAfterCut, lookAtLake } from "./look.ts";
import type { Judged } from "./scenes.ts";
import type { Stand } from "./stand.ts";

export const HISTORY = "history";
const NESTED = "nested";
/** The power fails at most this often again, in lives that last at most so long. */
const AGAIN = 3;
const LONGEST_MS = 1_500;

export type Scene = { readonly stand: Stand; readonly judged: Judged; readonly changes: readonly ListedChange[] };
/** `where`: what was cut. `found`: the differences, as sentences. */
export type Trial = { readonly cuts: number; readonly where: string; readonly found: readonly string[] };
type How = { readonly seed: number; readonly lie: Lie; readonly keepIn: string };
type CutOf = { readonly of: string; readonly at: number; readonly seed: number; readonly lie: Lie };

/** `keepIn`: a copy of the disk as it was after the last cut, for the one who looks for the defect. */
export async function tryCut(scene: Scene, { seed, lie, keepIn }: How): Promise<Trial> {
  const { stand, judged } = scene;
  const { at, where } = chooseCut(scene, seed, lie);
  let seen = seenBefore(scene.changes, at);
  let found = await cutAndLook(scene, { of: HISTORY, at, seed, lie }, seen);
  let cuts = 1;
  for (const most = between(hashText(seed, "again"), 0, AGAIN); found.length === 0 && cuts <= most; cuts++) {
    const again = hashAt(seed, cuts);
    const most = between(hashText(again, "until"), 0, 400);
    await stand.live("SIGKILL", ({ changes, aliveMs }) => changes > most || aliveMs > LONGEST_MS);
    const changes = stand.power.keep(NESTED);
    const at = between(hashText(again, "at"), 0, changes.length);
    seen = Math.max(seen, seenBefore(changes, at));
    found = await cutAndLook(scene, { of: NESTED, at, seed: again, lie }, seen);
    stand.power.forget(NESTED);
  }
  if (lie === "none") copyDisk(stand, keepIn);
  if (found.length === 0) {
    stand.setStore("up");
    const problem = await stand.finish();
    found = problem === null ? await judged.judge().catch((error: unknown) => [String(error)]) : [problem];
  }
  return { cuts, where: cuts > 1 ? `${where}, and again` : where, found };
}

export function copyDisk({ place }: Stand, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(place.folder, to, { recursive: true, filter: (path) => !path.endsWith("/.power") });
}

/** Where deliveries are settled: a folder that was not synced is missed there. */
const SETTLING = ["the lake", "the database's log"];

/** One kind of place after the other, each as often. */
function chooseCut({ changes, stand }: Scene, seed: number, lie: Lie): { at: number; where: string } {
  const places = new Map<string, number[]>();
  const add = (where: string, at: number) => places.set(where, [...(places.get(where) ?? []), at]);
  for (const [where, all] of Map.groupBy(changes.keys(), (at) => placeOf(changes[at]!))) places.set(where, all);
  for (const [from, to] of stand.starts) for (let at = from; at < to; at++) add("a start", at);
  const open = [...places].filter(([where]) => lie !== "folders" || SETTLING.includes(where));
  const [where, all] = open[between(hashText(seed, "where"), 0, open.length - 1)]!;
  // Before or behind the change.
  return {
    where,
    at: all[between(hashText(seed, "at"), 0, all.length - 1)]! + between(hashText(seed, "behind"), 0, 1),
  };
}

function placeOf({ op, path }: ListedChange): string {
  if (op === "mark" || path.endsWith("-shm")) return "anywhere";
  if (path.startsWith("/lake")) return "the lake";
  if (path.includes("/buffer.corrupt")) return "setting aside";
  if (path.endsWith("/buffer.db")) return "the database";
  if (path.endsWith("/buffer.db-wal")) return "the database's log";
  return "other files";
}

function seenBefore(changes: readonly ListedChange[], at: number): number {
  return changes.slice(0, at).reduce((seen, change) => Math.max(seen, change.seen ?? 0), 0);
}

/** The disk after the cut is looked at; then it is the same one again, untouched. */
async function cutAndLook({ stand, judged }: Scene, cut: CutOf, seen: number): Promise<readonly string[]> {
  const differences = new Differences();
  stand.power.cut(cut.of, cut.at, cut);
  if (judged.isSound) await lookAfterCut(stand.place.folder, seen, differences);
  else await lookAtLake(stand.place.folder, differences, "any");
  stand.power.cut(cut.of, cut.at, cut);
  return differences.list();
}
