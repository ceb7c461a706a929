import { expect, test } from "bun:test";
import fc from "fast-check";
import { Deliveries, type DeliveriesText, NAMED_MOST, NO_DELIVERIES } from "./deliveries.ts";

const idOf = (n: number) => (n % 65_535) + 1;

/** Takes messages `[from, to)` of a broker that numbers them one after the other. */
function taking(deliveries: Deliveries, from: number, to: number): void {
  for (let n = from; n < to; n++) {
    const delivery = deliveries.add(idOf(n), n & 0xffffff);
    delivery.state = "kept";
    delivery.isAnswered = true;
    deliveries.taken(delivery);
  }
}

const stored = (text: DeliveriesText): DeliveriesText => JSON.parse(JSON.stringify(text));

test("after a kill, those that were kept are known, from whichever the broker sends again, and no others", () => {
  fc.assert(
    fc.property(fc.nat(200_000), fc.nat(30_000), fc.nat(30_000), fc.nat(60_000), (start, kept, read, ahead) => {
      const before = new Deliveries(NO_DELIVERIES);
      taking(before, start, start + kept);
      const after = new Deliveries(stored(before.text()));
      after.begin();
      // The broker has read some acknowledgements, and has sent messages that the cursor does not know.
      const first = start + Math.min(read, kept);
      const wrong: number[] = [];
      const step = Math.max(1, Math.floor((kept + ahead) / 500));
      for (let n = first; n < start + kept + ahead && n - first < 65_535; n += n < start + kept + 5 ? 1 : step) {
        const isKnown = after.earlier(idOf(n), n & 0xffffff, true) !== null;
        if (!isKnown) after.add(idOf(n), n & 0xffffff);
        if (isKnown !== n < start + kept) wrong.push(n);
      }
      return wrong.length === 0;
    }),
    { numRuns: 30 },
  );
});

test("the cursor is short, however many were kept", () => {
  const deliveries = new Deliveries(NO_DELIVERIES);
  taking(deliveries, 0, 5_000);
  const { ids, run } = deliveries.text();
  expect([ids.length, run]).toEqual([Math.ceil((NAMED_MOST * 5) / 3) * 4, 5_000]);
});

test("an acknowledgement that the broker has read makes older ids free", () => {
  const deliveries = new Deliveries(NO_DELIVERIES);
  taking(deliveries, 0, 5_000);
  deliveries.confirmed(idOf(3_999));
  const after = new Deliveries(deliveries.text());
  after.begin();
  expect(after.text().run).toBe(1_000);
  expect(after.earlier(idOf(3_999), 3_999, true)).toBeNull();
  expect(after.earlier(idOf(4_000), 4_000, true)).toMatchObject({ state: "kept" });
});

test("the same id with other contents, or without the mark of being sent again, is a new message", () => {
  const before = new Deliveries(NO_DELIVERIES);
  taking(before, 0, 10);
  const after = new Deliveries(before.text());
  after.begin();
  expect(after.earlier(idOf(5), 99, true)).toBeNull();
  expect(after.earlier(idOf(5), 5, false)).toBeNull();
  expect(after.earlier(idOf(5), 5, true)).not.toBeNull();
});

test("what this process never acknowledged is known without the mark too", () => {
  const deliveries = new Deliveries(NO_DELIVERIES);
  const delivery = deliveries.add(7, 70);
  expect(deliveries.earlier(7, 70, false)).toBe(delivery);
});

test("a broker that gives free ids to new messages at once: equal contents are taken rather twice than never", () => {
  const before = new Deliveries(NO_DELIVERIES);
  for (const hash of [1, 1, 2]) {
    const delivery = before.add(5, hash);
    delivery.state = "kept";
    delivery.isAnswered = true;
    before.taken(delivery);
  }
  expect(before.text()).toMatchObject({ usesIdsAgain: true, run: 1 });
  const after = () => {
    const made = new Deliveries(before.text());
    made.begin();
    return made;
  };
  expect(after().earlier(5, 2, true)).not.toBeNull();
  const repeating = after();
  repeating.add(6, 2);
  expect(repeating.earlier(5, 2, true)).toBeNull();
});

test("a lost session frees all ids", () => {
  const deliveries = new Deliveries(NO_DELIVERIES);
  taking(deliveries, 0, 100);
  deliveries.forgetAll();
  deliveries.begin();
  expect(deliveries.earlier(idOf(50), 50, true)).toBeNull();
  expect(deliveries.text()).toEqual(NO_DELIVERIES);
});
