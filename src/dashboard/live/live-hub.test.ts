import { expect, test } from "bun:test";
import { makeLog } from "../../core/log/log.ts";
import { resolveSettings } from "../../core/settings/settings.ts";
import type { StreamClient } from "../../http/route.ts";
import { type FakeNode, startFakeNode } from "../../testing/fake-node.ts";
import { testWith } from "../../testing/needs.ts";
import { Episodes } from "../episodes/episodes-reply.ts";
import type { DashboardNode } from "../node.ts";
import { seriesNames } from "../series/watched-series.ts";
import { Turns } from "../series/work-budget.ts";
import type { Episode, LiveEvent, LivePoints } from "../wire.ts";
import { LiveHub } from "./live-hub.ts";

/** What a client was sent, and whether it takes more. */
class FakeClient implements StreamClient {
  readonly events: { readonly event: string; readonly data: LiveEvent[keyof LiveEvent] }[] = [];
  readonly #left = new AbortController();
  #room: (() => void) | null = null;
  isSlow = false;

  get gone(): AbortSignal {
    return this.#left.signal;
  }

  send(bytes: Uint8Array | string): boolean {
    for (const text of String(bytes).split("\n\n")) {
      const [, event = "", data = ""] = /^event: (\w+)\ndata: (.*)$/.exec(text) ?? [];
      if (event !== "") this.events.push({ event, data: JSON.parse(data) });
    }
    return !this.isSlow;
  }

  drained(): Promise<void> {
    return new Promise((done) => {
      this.#room = done;
    });
  }

  async takesAll(): Promise<void> {
    this.isSlow = false;
    this.#room?.();
    await new Promise((resolve) => setImmediate(resolve));
  }

  leave(): void {
    this.#left.abort();
  }

  of<K extends keyof LiveEvent>(event: K): LiveEvent[K][] {
    return this.events.filter((one) => one.event === event).map(({ data }) => data as LiveEvent[K]);
  }
}

function hubOf(fake: FakeNode, opened: DashboardNode["opened"] = () => fake.opened) {
  const node: DashboardNode = {
    settings: resolveSettings({ flags: { "data-dir": fake.dataDir }, env: {} }),
    cwd: fake.dataDir,
    dataDir: fake.dataDir,
    rulesFolder: { shown: "rules", path: fake.dataDir },
    log: makeLog({ least: "error", secrets: [], now: Date.now, write: () => undefined }),
    opened,
    problems: () => [{ code: "starting", message: "It starts", try: "agent status" }],
    now: () => fake.clock.wallMs,
  };
  let turn: (() => void) | null = null;
  const turns = new Turns(() => performance.now());
  const episodes = new Episodes(node, turns);
  const every = (_ms: number, again: () => void) => {
    turn = again;
    return () => {
      turn = null;
    };
  };
  const hub = new LiveHub({ node, episodes, running: () => fake.clock.runningMs, every });
  /** Readings come, and the hub has its turns of a second. */
  const second = async (readings: number) => {
    fake.source.release(readings);
    for (let i = 0; i < 4; i++) {
      await fake.drive(400, 1);
      turn?.();
    }
  };
  return { hub, second, isAtWork: () => turn !== null };
}

const names = (...keys: string[]) => {
  const read = seriesNames(keys);
  if (typeof read === "string") throw new Error(read);
  return read;
};
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

function pointsOf(client: FakeClient, key: string): number[] {
  return client.of("points").flatMap((points: LivePoints) => [...(points[key]?.atMs ?? [])]);
}

test("two viewers hear of their own series, of the same state, and of episodes; without one nothing is at work", async () => {
  const fake = await startFakeNode({ count: 10_000, now: 0 });
  const { hub, second, isAtWork } = hubOf(fake);
  await second(200);
  expect(isAtWork()).toBe(false);
  const [one, two] = [new FakeClient(), new FakeClient()];
  const ends = [hub.join(one, names("s1\0temperature", "s2\0humidity")), hub.join(two, names("s3\0temperature"))];
  expect([one.of("state").length, isAtWork()]).toEqual([1, true]);
  for (let i = 0; i < 6; i++) {
    await second(100);
    await settled();
  }
  // Reading n is of sensor n mod 4, a second after the one before; malformed ones have none.
  const start = fake.opened.parts.buffer.db.query("SELECT time FROM reading WHERE seq = 1").values()[0]?.[0];
  const times = (sensor: number) =>
    Array.from({ length: 600 }, (_, i) => 201 + i)
      .filter((n) => n % 4 === sensor && n % 50 !== 0)
      .map((n) => Number(start) + (n - 1) * 1_000);
  expect(pointsOf(one, "s1\0temperature")).toEqual(times(1));
  expect(pointsOf(one, "s2\0humidity")).toEqual(times(2));
  expect(pointsOf(one, "s3\0temperature")).toEqual([]);
  expect(pointsOf(two, "s3\0temperature")).toEqual(times(3));
  expect(one.of("state").at(-1)).toMatchObject({ sensors: 4, status: { buffer: { accepted: 800 } } });
  expect(one.of("state")).toEqual(two.of("state"));
  expect(one.of("changed").length).toBe(1);
  const rules = new Set(one.of("episodes").flatMap((list) => list.map(({ rule }: Episode) => rule)));
  expect([...rules].sort()).toEqual(["malformed", "sensor-flag"]);
  const marked = one.of("points").flatMap((points) => Object.values(points).flatMap(({ anomalies }) => anomalies));
  expect(marked.length).toBeGreaterThan(3);
  expect(marked.every(({ reason, seq }) => reason.includes("anomaly_flag is 1") && seq > 200)).toBe(true);
  one.leave();
  two.leave();
  await Promise.all(ends);
  expect(isAtWork()).toBe(false);
  await fake.end();
});

testWith("time")(
  "a client that takes nothing is sent nothing more, and then the newest state, all episodes, and that points are missing",
  async () => {
    const fake = await startFakeNode({ count: 10_000, now: 0 });
    const { hub, second } = hubOf(fake);
    const client = new FakeClient();
    client.isSlow = true;
    const end = hub.join(client, names("s1\0temperature"));
    const sent = client.events.length;
    for (let i = 0; i < 20; i++) {
      await second(100);
      await settled();
    }
    expect(client.events.length).toBe(sent);
    await client.takesAll();
    await second(100);
    expect(client.of("state").length).toBe(2);
    expect(client.of("state").at(-1)?.status?.buffer.accepted).toBe(2_100);
    expect(client.of("points").at(-1)?.["s1\0temperature"]).toMatchObject({ isBroken: true });
    const episodes = client.of("episodes").at(-1) ?? [];
    expect(episodes.reduce((sum, { readings }) => sum + readings, 0)).toBeGreaterThan(100);
    await second(100);
    expect(client.of("points").at(-1)?.["s1\0temperature"]?.isBroken).toBeUndefined();
    client.leave();
    await end;
    await fake.end();
  },
);

test("while the agent starts, the state says for what it waits", async () => {
  const fake = await startFakeNode({ count: 10, now: 0 });
  let isOpen = false;
  const { hub, second } = hubOf(fake, () => (isOpen ? fake.opened : null));
  const client = new FakeClient();
  const end = hub.join(client, names("s1\0temperature"));
  expect(client.of("state")[0]).toMatchObject({ status: null, problems: [{ code: "starting" }], startedAtMs: null });
  isOpen = true;
  await second(5);
  await second(5);
  expect(client.of("state").at(-1)).toMatchObject({ problems: [], status: { buffer: { accepted: 10 } } });
  client.leave();
  await end;
  await fake.end();
});

testWith("time")(
  "where another buffer takes the place of this one, viewers are let go, and see it when they come again",
  async () => {
    const [before, after] = [await startFakeNode({ count: 10, now: 0 }), await startFakeNode({ count: 10, now: 0 })];
    let current = before;
    const { hub, second } = hubOf(before, () => current.opened);
    const client = new FakeClient();
    const end = hub.join(client, names("s1\0temperature"));
    await second(5);
    current = after;
    await second(5);
    // Its connection ends, although it did not leave.
    await end;
    const again = new FakeClient();
    const ends = hub.join(again, names("s1\0temperature"));
    expect(again.of("state").at(-1)).toMatchObject({ status: { epoch: after.opened.parts.buffer.epoch } });
    again.leave();
    await ends;
    await before.end();
    await after.end();
  },
);
