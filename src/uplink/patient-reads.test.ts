import { expect, test } from "bun:test";
import { AgentError, DeniedError, TransientError } from "../core/errors.ts";
import { patientReads, READ_PATIENCE_MS } from "./patient-reads.ts";

type Store = { readonly failures?: number; readonly retryAfterMs?: number; readonly random?: () => number };

/** A clock that only waiting moves, and a store that fails `failures` times. */
function world({ failures = 0, retryAfterMs, random = () => 0.5 }: Store = {}) {
  let now = 5_000;
  let asked = 0;
  const stop = new AbortController();
  const waits: number[] = [];
  const said: string[] = [];
  const reads = patientReads({
    random,
    nowMs: () => now,
    wait: async (ms) => {
      waits.push(ms);
      now += ms;
    },
    stop: stop.signal,
    waiting: (because, ms) => void said.push(`${because} ${ms}`),
  });
  const ask = async () => {
    asked++;
    if (asked <= failures) throw new TransientError("Cannot list bucket: SlowDown", { retryAfterMs });
    return "the answer";
  };
  return { reads, ask, waits, said, stop, spentMs: () => now - 5_000, asked: () => asked };
}

test("a store that fails for a moment is asked again, after waits that grow, and each is said", async () => {
  const { reads, ask, waits, said } = world({ failures: 4 });
  expect(await reads(ask)).toBe("the answer");
  expect(waits).toEqual([250, 500, 1_000, 2_000]);
  expect(said[0]).toBe("Cannot list bucket: SlowDown 250");
});

test("the waits are random between nothing and the ceiling", async () => {
  expect((await all(world({ failures: 3, random: () => 0 }))).waits).toEqual([0, 0, 0]);
  const { waits } = await all(world({ failures: 8, random: () => 0.999_999 }));
  expect(waits.slice(-2)).toEqual([10_000, 10_000]);
});

async function all(one: ReturnType<typeof world>) {
  await one.reads(one.ask).catch(() => undefined);
  return one;
}

test("Retry-After is waited for, and the jitter comes on top", async () => {
  const { waits } = await all(world({ failures: 2, retryAfterMs: 7_000 }));
  expect(waits).toEqual([7_250, 7_500]);
});

test("a store that stays away ends it within the bound, with the store's own words and how often it was tried", async () => {
  const one = world({ failures: Number.POSITIVE_INFINITY });
  const error = await one.reads(one.ask).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TransientError);
  const { message, advice } = error as TransientError;
  expect(message).toBe("Cannot list bucket: SlowDown");
  expect(advice).toMatch(/^It was tried \d+ times in \d+ s: nothing is known of what the store holds$/);
  expect(one.spentMs()).toBeLessThanOrEqual(READ_PATIENCE_MS);
  expect(one.spentMs()).toBeGreaterThan(READ_PATIENCE_MS / 2);
});

test("a Retry-After longer than the patience ends it at once", async () => {
  const one = world({ failures: 1, retryAfterMs: 300_000 });
  const error = (await one.reads(one.ask).catch((thrown: unknown) => thrown)) as TransientError;
  expect([one.waits, error.advice]).toEqual([
    [],
    "It was tried once; the store asks to wait 300 s: nothing is known of what the store holds",
  ]);
});

test("a refusal and a defect are not repeated", async () => {
  for (const error of [
    new DeniedError("no", { missing: "x", tryHint: "y" }),
    new AgentError("a"),
    new TypeError("b"),
  ]) {
    const { reads, waits } = world();
    expect(await reads(() => Promise.reject(error)).catch((thrown: unknown) => thrown)).toBe(error);
    expect(waits).toEqual([]);
  }
});

test("a command that is asked to stop does not try again", async () => {
  const one = world({ failures: 3 });
  one.stop.abort();
  const error = await one.reads(one.ask).catch((thrown: unknown) => thrown);
  expect([String(error), one.asked()]).toEqual([
    "AgentError: Cannot list bucket: SlowDown; it was stopped while it waited",
    1,
  ]);
});
