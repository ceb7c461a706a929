/** What every store must do: one suite, run by memory, folder and S3 (docs: the port's comment in object-store.ts). */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { TransientError } from "../core/errors.ts";
import { safeNodeId } from "../core/node-id.ts";
import type { Stage } from "../core/stage.ts";
import {
  type ListedObject,
  NotFoundError,
  type ObjectMetadata,
  type ObjectRef,
  type ObjectStore,
  type PutAnswer,
} from "./object-store.ts";

export type StoreUnderTest = {
  /** A store whose five places are empty (a bucket per stage, where there are buckets). */
  readonly open: () => Promise<ObjectStore>;
  readonly stop?: () => Promise<void>;
  /** Objects of the paging test: more than a page of a listing. */
  readonly manyObjects: number;
  /** That it looks for a key, and only then puts it: two puts at the same time may both be stored. */
  readonly isRacy?: boolean;
  /** One whole test's limit: a server that runs in a test may be slow. */
  readonly timeoutMs: number;
};

export const METADATA: ObjectMetadata = {
  node: "pump-7",
  stage: "raw",
  count: 3,
  agentVersion: "0.0.0",
  rulesVersion: "000000000000",
};

const THERE: readonly PutAnswer[] = ["already-there", "perhaps-own"];

type Run = { store: ObjectStore; timeoutMs: number; manyObjects: number; isRacy: boolean };

/** Every test writes under names of its own, in one store for all of them. */
export function describeObjectStore(name: string, under: StoreUnderTest): void {
  describe(name, () => {
    const { timeoutMs, manyObjects, isRacy = false } = under;
    const run: Run = { store: unopened(), timeoutMs, manyObjects, isRacy };
    beforeAll(async () => {
      run.store = await under.open();
    }, 600_000);
    afterAll(async () => {
      run.store.close();
      await under.stop?.();
    }, 600_000);
    testPuts(run);
    testLooks(run);
    testBodies(run);
    testListing(run);
    testAbsence(run);
    testAbort(run);
    testMetadata(run);
  });
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function reference(stage: Stage, name: string, node = "pump-7"): ObjectRef {
  return { stage, key: `date=2026-11-23/hour=08/${node}/${name}.json.gz` };
}

export async function listed(store: ObjectStore, stage: Stage, prefix?: string): Promise<ListedObject[]> {
  return await Array.fromAsync(store.list(stage, prefix));
}

function testPuts(run: Run): void {
  test("a put is stored, and can be read and listed at once", async () => {
    const ref = reference("raw", "put");
    expect(await run.store.put(ref, bytes("one"), METADATA)).toBe("stored");
    expect(await run.store.get(ref)).toEqual(bytes("one"));
    const [object] = await listed(run.store, "raw", ref.key);
    expect(object).toEqual({ ...ref, bytes: 3, storedMs: expect.any(Number) });
    // The clocks of a server and of a test may differ by some seconds, but not by an hour.
    expect(Math.abs(object!.storedMs - Date.now())).toBeLessThan(3_600_000);
  });

  test("a second put of a key changes nothing and says so", async () => {
    const ref = reference("raw", "twice");
    await run.store.put(ref, bytes("first"), METADATA);
    expect(THERE).toContain(await run.store.put(ref, bytes("second, and longer"), METADATA));
    expect(THERE).toContain(await run.store.put(ref, bytes("first"), METADATA));
    expect(await run.store.get(ref)).toEqual(bytes("first"));
  });

  test.skipIf(run.isRacy)(
    "of many puts of one key at the same time exactly one is stored, whole",
    async () => {
      for (let round = 0; round < 5; round++) {
        const ref = reference("validated", `race-${round}`);
        const bodies = Array.from({ length: 12 }, (_, i) => bytes(`${i}`.repeat(2_000 + i)));
        const answers = await Promise.all(bodies.map((body) => run.store.put(ref, body, METADATA)));
        expect(answers.filter((answer) => answer === "stored")).toHaveLength(1);
        expect(await run.store.get(ref)).toEqual(bodies[answers.indexOf("stored")]!);
      }
    },
    run.timeoutMs,
  );

  test("the same key in two stages is two objects", async () => {
    for (const stage of ["raw", "anomalies"] as const) {
      expect(await run.store.put(reference(stage, "same"), bytes(stage), METADATA)).toBe("stored");
    }
    expect(await run.store.get(reference("anomalies", "same"))).toEqual(bytes("anomalies"));
    expect(run.store.place("raw")).not.toBe(run.store.place("anomalies"));
  });
}

function testLooks(run: Run): void {
  test("a look says whether an object has the bytes of a body, and changes nothing", async () => {
    const ref = reference("raw", "looked-at");
    const body = bytes("the body that was put");
    await run.store.put(ref, body, METADATA);
    expect(await run.store.look(ref, body)).toEqual({ is: "same" });
    for (const wrong of ["shorter", "the body that was PUT", "the body that was put, and more", ""]) {
      const found = await run.store.look(ref, bytes(wrong));
      expect([wrong, found]).toEqual([wrong, { is: "other", bytes: body.length, storedMs: expect.any(Number) }]);
    }
    expect(await run.store.get(ref)).toEqual(body);
    const empty = reference("raw", "looked-at-empty");
    await run.store.put(empty, bytes(""), METADATA);
    expect(await run.store.look(empty, bytes(""))).toEqual({ is: "same" });
    const gone = await run.store.look(reference("raw", "never-there"), body).catch((error: unknown) => error);
    expect(gone).toBeInstanceOf(TransientError);
    const reason = new Error("stopped");
    await expect(run.store.look(ref, body, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
}

function testBodies(run: Run): void {
  test("an empty body is an object", async () => {
    const ref = reference("raw", "empty");
    expect(await run.store.put(ref, new Uint8Array(0), METADATA)).toBe("stored");
    expect(THERE).toContain(await run.store.put(ref, bytes("more"), METADATA));
    expect(await run.store.get(ref)).toEqual(new Uint8Array(0));
    expect(await listed(run.store, "raw", ref.key)).toMatchObject([{ ...ref, bytes: 0 }]);
  });

  test(
    "ten megabytes of any bytes come back as they were",
    async () => {
      const ref = reference("raw", "large");
      const body = new Uint8Array(10_000_000);
      let state = 1;
      for (let i = 0; i < body.length; i++) body[i] = state = (state * 75 + 74) % 65_537;
      expect(await run.store.put(ref, body, METADATA)).toBe("stored");
      expect(Bun.hash(await run.store.get(ref))).toBe(Bun.hash(body));
    },
    run.timeoutMs,
  );

  test("a body that is a view of a larger buffer is stored without its surroundings", async () => {
    const ref = reference("raw", "view");
    await run.store.put(ref, bytes("before-BODY-behind").subarray(7, 11), METADATA);
    expect(await run.store.get(ref)).toEqual(bytes("BODY"));
  });

  test("a node may have any name that is safe in a key", async () => {
    const names = ["UPPER.and-lower_1", "a", "x".repeat(64), "10.0.0.7", safeNodeId("Büro #7 (süd) = 50 %")];
    for (const node of names) await run.store.put(reference("schematized", "odd", node), bytes(node), METADATA);
    for (const node of names) {
      expect(await run.store.get(reference("schematized", "odd", node))).toEqual(bytes(node));
    }
    const keys = (await listed(run.store, "schematized")).map((object) => object.key);
    expect(keys).toEqual(names.map((node) => reference("schematized", "odd", node).key).sort());
  });
}

function testListing(run: Run): void {
  test(
    "a listing is in key order, over more than a page, and a prefix narrows it",
    async () => {
      const keys = Array.from({ length: run.manyObjects }, (_, i) => {
        // Names of which one is the start of another, and that differ before and behind a "/": the orders that a walk gets wrong.
        const node = ["a", "a-1", "a.1", "a0", "A"][i % 5];
        return `date=2026-11-${10 + (i % 7)}/hour=0${i % 10}/${node}/${String(i).padStart(6, "0")}.json.gz`;
      });
      const waiting = keys.values();
      const sender = async () => {
        for (const key of waiting) await run.store.put({ stage: "aggregated", key }, bytes("{}"), METADATA);
      };
      await Promise.all(Array.from({ length: 8 }, sender));
      keys.sort();
      expect((await listed(run.store, "aggregated")).map((object) => object.key)).toEqual(keys);
      for (const prefix of [
        "date=2026-11-13/",
        "date=2026-11-13/hour=0",
        "date=2026-11-12/hour=02/a",
        "date=2026-11-1",
        "x",
      ]) {
        const found = (await listed(run.store, "aggregated", prefix)).map((object) => object.key);
        expect(found).toEqual(keys.filter((key) => key.startsWith(prefix)));
      }
    },
    run.timeoutMs,
  );
}

function testAbsence(run: Run): void {
  test("a missing object is not found", async () => {
    const missing = await run.store.get(reference("raw", "missing")).catch((error: unknown) => error);
    expect(missing).toBeInstanceOf(NotFoundError);
    expect(await listed(run.store, "raw", "date=1999-01-01/")).toEqual([]);
  });

  test("a removed object is gone, its neighbours stay, and removing it again is not an error", async () => {
    const names = ["gone-1", "gone-2", "stays"].map((name) => reference("anomalies", name, "removal"));
    for (const ref of names) await run.store.put(ref, bytes("x"), METADATA);
    const gone = names.slice(0, 2).map((ref) => ref.key);
    await run.store.remove("anomalies", [...gone, "date=1999-01-01/hour=00/n/never-there.json.gz"]);
    await run.store.remove("anomalies", gone);
    await run.store.remove("anomalies", []);
    const left = await listed(run.store, "anomalies", "date=2026-11-23/hour=08/removal/");
    expect(left.map((object) => object.key)).toEqual([names[2]!.key]);
    expect(await run.store.put(names[0]!, bytes("again"), METADATA)).toBe("stored");
  });
}

function testAbort(run: Run): void {
  test("a put whose signal is aborted before it starts stores nothing and throws the signal's reason", async () => {
    const ref = reference("raw", "aborted");
    const reason = new Error("stopping");
    const outcome = await run.store.put(ref, bytes("x"), METADATA, AbortSignal.abort(reason)).catch((e: unknown) => e);
    expect(outcome).toBe(reason);
    expect(await listed(run.store, "raw", ref.key)).toEqual([]);
  });

  test(
    "a put that is aborted on its way throws the reason or is done, and can be repeated",
    async () => {
      const ref = reference("raw", "aborted-midway");
      const stop = new AbortController();
      const reason = new Error("stopping");
      const put = run.store.put(ref, new Uint8Array(4_000_000), METADATA, stop.signal).catch((e: unknown) => e);
      stop.abort(reason);
      const outcome = await put;
      expect(outcome === reason || outcome === "stored").toBe(true);
      expect(["stored", ...THERE]).toContain(await run.store.put(ref, new Uint8Array(4_000_000), METADATA));
      expect((await run.store.get(ref)).length).toBe(4_000_000);
    },
    run.timeoutMs,
  );
}

function unopened(): ObjectStore {
  const refuse = () => {
    throw new Error("the store of this suite is not open");
  };
  const metadata = { place: "", replace: refuse, list: refuse, get: refuse };
  return {
    uri: "",
    metadata,
    put: refuse,
    look: refuse,
    list: refuse,
    get: refuse,
    remove: refuse,
    place: refuse,
    close: () => {},
  };
}

function testMetadata(run: Run): void {
  test("an object of the metadata bucket is replaced, and read and listed as it is now; no stage shows it", async () => {
    const { metadata } = run.store;
    const [key, other] = ["nodes/pump-7/heartbeat.json", "nodes/pump-8/heartbeat.json"];
    await metadata.replace(key, bytes("one"));
    await metadata.replace(other, bytes("another's"));
    await metadata.replace(key, bytes("two, and longer"));
    expect(await metadata.get(key)).toEqual(bytes("two, and longer"));
    const listed = await Array.fromAsync(metadata.list("nodes/"));
    expect(listed).toEqual([
      { key, bytes: 15, storedMs: expect.any(Number) },
      { key: other, bytes: 9, storedMs: expect.any(Number) },
    ]);
    expect(await Array.fromAsync(metadata.list("nodes/pump-8"))).toHaveLength(1);
    expect(await Array.fromAsync(run.store.list("raw", "nodes/"))).toEqual([]);
    await expect(metadata.get("nodes/pump-9/heartbeat.json")).rejects.toBeInstanceOf(NotFoundError);
    const reason = new Error("stopped");
    await expect(metadata.replace(key, bytes("three"), AbortSignal.abort(reason))).rejects.toBe(reason);
  });
}
