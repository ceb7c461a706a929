/** Snapshots of a running agent, as `curl` takes them: while it works, when a client leaves, over a kill. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ENOUGH_MS } from "../../testing/agent-process.ts";
import { canRun, testWith } from "../../testing/needs.ts";
import { DashboardAgent } from "../../testing/page/dashboard-agent.ts";
import type { SnapshotProgress, SnapshotSize } from "../wire.ts";

setDefaultTimeout(2 * ENOUGH_MS);
const withAgent = testWith("binary");
const READINGS = 60_000;

let agent: DashboardAgent | null = null;
beforeAll(async () => {
  if (!canRun("binary")) return;
  agent = await DashboardAgent.start({ args: ["--source", "simulator:?sensors=50&rate=200&anomaly=0.03&seed=5"] });
  await until(async () => (await size()).held > READINGS);
});
afterAll(() => agent?.close());

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const giveUp = performance.now() + ENOUGH_MS; !(await isSo()); await Bun.sleep(5))
    if (performance.now() > giveUp) throw new Error(`It did not come to that: ${agent?.heard}`);
}

async function get<T>(path: string): Promise<T> {
  return (await (await fetch(`${agent?.address}${path}`)).json()) as T;
}
const size = () => get<SnapshotSize>(`api/snapshot/size?readings=${READINGS}`);
const progress = () => get<SnapshotProgress>("api/snapshot/progress");
const isThere = () => existsSync(join(agent?.folder ?? "", "agent-data/snapshot.db"));
const take = (signal: AbortSignal | null = null) =>
  fetch(`${agent?.address}api/snapshot?readings=${READINGS}`, { signal });

withAgent("while a snapshot is made the agent takes readings and says how far it is", async () => {
  const before = await size();
  const making = take();
  const seen: SnapshotProgress[] = [];
  await until(async () => {
    const now = await progress();
    seen.push(now);
    return now.state === "idle" && seen.length > 1 && seen.some(({ state }) => state === "making");
  });
  const answer = await making;
  const db = Database.deserialize(new Uint8Array(await answer.arrayBuffer()));
  expect(db.query("SELECT count(*) AS n FROM sensor_readings").get()).toEqual({ n: READINGS });
  expect(Number(answer.headers.get("x-snapshot-readings"))).toBe(READINGS);
  db.close();
  const copied = seen.filter(({ state }) => state === "making").map(({ readings }) => readings);
  expect(copied).toEqual(copied.toSorted((a, b) => a - b));
  expect((await size()).held).toBeGreaterThan(before.held);
  expect(isThere()).toBe(false);
});

withAgent("a client that leaves while it is made stops it, and the next one has its own", async () => {
  const leaving = new AbortController();
  const left = take(leaving.signal).catch(() => null);
  await until(isThere);
  leaving.abort();
  await left;
  await until(async () => !isThere() && (await progress()).state === "idle");
  const next = await take();
  expect([next.status, (await next.arrayBuffer()).byteLength]).toEqual([
    200,
    Number(next.headers.get("content-length")),
  ]);
});

withAgent("a question that is none is refused with what it needs", async () => {
  for (const query of ["", "?readings=0", "?readings=x", "?hours=-1", "?readings=5&hours=1"]) {
    const answer = await fetch(`${agent?.address}api/snapshot${query}`);
    expect([query, answer.status, await answer.text()]).toEqual([query, 400, expect.stringContaining("readings=N")]);
  }
});

withAgent("what a killed agent left of one is gone after the next start", async () => {
  const making = take().catch(() => null);
  await until(isThere);
  await agent?.kill();
  await making;
  expect(isThere()).toBe(true);
  await agent?.begin();
  await until(() => !isThere());
  expect((await take()).status).toBe(200);
});
