/** Idempotency keys: a request that is repeated is answered again and taken once, over a restart too. */
import { afterEach, expect, test } from "bun:test";
import { testWith } from "../../testing/needs.ts";
import { KEY_LIMITS, KeyBook } from "./keys.ts";
import { HttpRig, type RigOptions } from "./rig.suite.ts";

const rigs: HttpRig[] = [];
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.source.close();
});

async function started(options: RigOptions = {}): Promise<{ rig: HttpRig; url: string }> {
  const rig = new HttpRig(options);
  rigs.push(rig);
  return { rig, url: await rig.listen() };
}

const lines = (count: number) =>
  Array.from(
    { length: count },
    (_, n) => `{"sensor_id":"s${n}","timestamp":"2026-01-01T00:00:00Z","temperature":${n}}`,
  );

async function post(url: string, body: string, key: string) {
  const response = await fetch(url, { method: "POST", body, headers: { "idempotency-key": key } });
  return [response.status, (await response.text()).trim(), response.headers.get("idempotency-replayed")];
}
const TWO = '{"accepted":2,"malformed":0,"filtered":0}';

test("the same key gets the same answer and takes nothing again, also after a restart", async () => {
  const { rig, url } = await started();
  const body = lines(2).join("\n");
  expect(await post(url, body, "a")).toEqual([200, TWO, null]);
  expect(await post(url, body, "a")).toEqual([200, TWO, "true"]);
  expect(await post(url, body, "b")).toEqual([200, TWO, null]);
  expect(rig.readings.length).toBe(4);
  const again = await started({ state: rig.state });
  expect(await post(again.url, body, "b")).toEqual([200, TWO, "true"]);
  expect(again.rig.readings.length).toBe(0);
});

test("the same key with another body is a mistake of the sender", async () => {
  const { rig, url } = await started();
  await post(url, lines(2).join("\n"), "a");
  expect((await post(url, lines(3).join("\n"), "a"))[0]).toBe(422);
  expect((await post(`${url}?sensor=b`, lines(2).join("\n"), "a"))[0]).toBe(422);
  expect(rig.readings.length).toBe(2);
});

test("a repetition of a request that waits for its commit hears the same answer", async () => {
  const { rig, url } = await started();
  rig.isRunning = false;
  const body = lines(2).join("\n");
  const both = [post(url, body, "a"), post(url, body, "a")];
  const other = post(url, lines(1).join("\n"), "a");
  expect((await other)[0]).toBe(422);
  // The two that wait came before it, or are on their way.
  rig.isRunning = true;
  rig.turn();
  expect((await Promise.all(both)).map(([status, text]) => [status, text])).toEqual([
    [200, TWO],
    [200, TWO],
  ]);
  expect(rig.readings.length).toBe(2);
});

testWith("time")(
  "a request that was committed in part continues behind that part after a restart: lines, an array, CSV and points",
  async () => {
    const count = 12_000;
    const csv = (n: number) => `s${n},2026-01-01T00:00:00Z,${n % 50}`;
    const point = (n: number) => `air,sensor_id=s${n} temperature=${n % 50} 1700000000`;
    const all = Array.from({ length: count }, (_, n) => n);
    const bodies: [uri: string, body: string][] = [
      ["http://:0/in", lines(count).join("\n")],
      ["http://:0/in", `[${lines(count).join(",\n")}]`],
      ["http://:0/in?format=csv", `sensor_id,timestamp,temperature\n${all.map(csv).join("\n")}`],
      ["http://:0/in?format=influx", all.map(point).join("\n")],
    ];
    for (const [uri, body] of bodies) {
      const { rig, url } = await started({ uri, maxBodyBytes: 8 << 20 });
      // The first commit is the last one before the kill.
      rig.onCommit = () => (rig.isRunning = false);
      const lost = post(url, body, "k").catch(() => null);
      while (rig.commits.length === 0) await new Promise(setImmediate);
      rig.source.close();
      await lost;
      expect(rig.commits).toEqual([10_000]);
      const again = await started({ uri, maxBodyBytes: 8 << 20, state: rig.state });
      const [status, text] = await post(again.url, body, "k");
      if (status === 200) expect(text).toBe(`{"accepted":${count},"malformed":0,"filtered":0}`);
      else expect(status).toBe(204);
      const ids = new Set([...rig.readings, ...again.rig.readings].map(({ identity }) => identity[0]));
      expect([uri, again.rig.readings.length, ids.size]).toEqual([uri, count - 10_000, count]);
    }
  },
);

test("the last keys are remembered, up to a number and an age; damaged ones are not known", () => {
  const entry = (atMs: number) => ({ hash: "h", atMs, accepted: 1, malformed: 0, filtered: 0, part: null });
  const stored = new Map<string, string>();
  const commit = (book: KeyBook) => {
    for (const [key, value] of book.changes()) {
      if (value === null) stored.delete(key);
      else stored.set(key, value);
    }
    book.committed();
  };
  const book = new KeyBook(stored);
  for (let n = 0; n < KEY_LIMITS.keys + 5; n++) book.set(`k${n}`, entry(n));
  commit(book);
  expect([stored.size, book.find("k4"), book.find("k5")?.atMs]).toEqual([KEY_LIMITS.keys, null, 5]);
  book.set("late", entry(KEY_LIMITS.ms + 100));
  commit(book);
  expect([book.find("k99"), book.find("k100")?.atMs, stored.size]).toEqual([null, 100, KEY_LIMITS.keys + 5 - 100 + 1]);
  stored.set("torn", '{"hash":');
  const again = new KeyBook(stored);
  expect([again.find("late")?.hash, again.find("torn"), again.find("k99")]).toEqual(["h", null, null]);
  // The buffer is another one.
  again.changeAll();
  expect(again.changes().size).toBe(stored.size - 1);
});
