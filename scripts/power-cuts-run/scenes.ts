/** What the agent does while the power is cut: each scene leaves a history, and says what must hold after a cut in it. */
import { closeSync, fsyncSync, openSync, statSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { dataDirOf } from "../torture-run/agent-command.ts";
import { judgeDropped, judgeSalvaged, judgeWhole, salvagedIn } from "./judge.ts";
import type { Stand } from "./stand.ts";

export type SceneName = "lives" | "salvage" | "drops";
/** How a history is judged after a cut in it. */
export type Judged = {
  readonly judge: () => Promise<readonly string[]>;
  /** The buffer was never damaged: it is sound right after a cut, too. */
  readonly isSound: boolean;
};

export const SCENES: Readonly<Record<SceneName, (stand: Stand) => Promise<Judged>>> = { lives, salvage, drops };

const LONGEST_MS = 5_000;

/** Starts, commits, deliveries, two rule sets in turns, kills, and orderly stops that fold the log into the database. */
async function lives(stand: Stand): Promise<Judged> {
  for (let life = 0; life < 4; life++) {
    if (life === 0 && stand.random() < 0.5) stand.setStore("down");
    else stand.setStore("up");
    stand.write(60);
    // Some die in their start.
    const most = stand.random() < 0.2 ? stand.random() * 100 : 150 + stand.random() * 800;
    let turn = 0;
    await stand.live(stand.random() < 0.4 ? "SIGTERM" : "SIGKILL", ({ changes, aliveMs }) => {
      if (changes > turn * 50) {
        turn++;
        stand.write(10);
      }
      return changes > most || aliveMs > LONGEST_MS;
    });
  }
  return { judge: () => judgeWhole(stand), isSound: true };
}

/** A buffer that is full again and again: the log is folded into the database, the oldest readings are dropped and counted. */
async function drops(stand: Stand): Promise<Judged> {
  stand.with({
    AGENT_BUFFER_MAX_BYTES: "1MiB",
    AGENT_BUFFER_FULL: "drop-oldest",
    AGENT_WINDOW_KEEP: "365d",
    AGENT_COMMIT_ROWS: "500",
    AGENT_BATCH_ROWS: "2000",
    AGENT_BATCH_MS: "1s",
  });
  stand.write(12_000);
  stand.setStore("down");
  await stand.live("SIGKILL", ({ seen, runsMs }) => seen >= 12_000 || runsMs > 20_000);
  stand.setStore("up");
  await stand.live("SIGKILL", ({ runsMs }) => runsMs > 800);
  return { judge: () => judgeDropped(stand), isSound: true };
}

/** A damaged buffer is set aside and salvaged. */
async function salvage(stand: Stand): Promise<Judged> {
  // The first half is in the database and delivered, the second waits in its log: read again, it would be there twice.
  for (const [rows, end] of [
    [300, "SIGTERM"],
    [600, "SIGKILL"],
  ] as const) {
    stand.with(rows === 600 ? { AGENT_BATCH_MS: "1h" } : {});
    stand.write(300);
    await stand.live(end, ({ seen, runsMs }) => seen >= rows || runsMs > 20_000);
  }
  stand.with({});
  damage(join(dataDirOf(stand.place.folder), "buffer.db"), stand.random);
  stand.power.settle();
  stand.power.keep("damaged");
  const problem = await stand.finish();
  if (problem !== null) throw new Error(problem);
  const expected = await salvagedIn(stand);
  stand.power.cut("damaged", 0, { seed: 0, lie: "none" });
  stand.starts.length = 0;
  await stand.live("SIGKILL", ({ runsMs }) => runsMs > 1_200);
  return { judge: () => judgeSalvaged(stand, expected), isSound: false };
}

/** A page of zeros, half of the file gone, or no header. */
function damage(path: string, random: () => number): void {
  const { size } = statSync(path);
  const how = random();
  if (how < 0.3) truncateSync(path, Math.floor(size / 8_192) * 4_096);
  const file = openSync(path, "r+");
  const page = how < 0.6 ? 0 : 1 + Math.floor(random() * (size / 4_096 - 1));
  if (how >= 0.3) writeSync(file, new Uint8Array(4_096), 0, 4_096, page * 4_096);
  fsyncSync(file);
  closeSync(file);
}
