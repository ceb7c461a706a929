import { expect, test } from "bun:test";
import fc from "fast-check";
import { generate } from "mqtt-packet";
import { MALFORMED_KEPT_BYTES } from "../../core/reading.ts";
import { cases } from "../../testing/needs.ts";
import { Frames, type Message, messageIn, NotMqttError, PUBLISH } from "./frames.ts";

const MOST = 2_000;

type Sent = { topic: string; payload: Uint8Array; id: number; again: boolean; expiry: number | null };
const sent: fc.Arbitrary<Sent> = fc.record({
  topic: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }).filter((topic) => !/[#+\0]/.test(topic)),
  payload: fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(new Uint8Array(5_000).fill(7))),
  id: fc.integer({ min: 0, max: 65_535 }),
  again: fc.boolean(),
  expiry: fc.option(fc.integer({ min: 1, max: 1_000 })),
});

function packetOf({ topic, payload, id, again, expiry }: Sent, isV5: boolean): Buffer {
  const properties = expiry === null ? {} : { messageExpiryInterval: expiry, userProperties: { a: "b".repeat(200) } };
  const packet = { cmd: "publish", topic, payload: Buffer.from(payload), dup: again && id > 0, retain: false } as const;
  const qos = id > 0 ? ({ qos: 1, messageId: id } as const) : ({ qos: 0 } as const);
  return generate(Object.assign({ properties }, packet, qos), { protocolVersion: isV5 ? 5 : 4 });
}

/** Pushes `bytes` in pieces of these sizes, in turn. */
function readAll(bytes: Buffer, sizes: readonly number[], isV5: boolean): (Message | number)[] {
  const frames = new Frames(MOST);
  const found: (Message | number)[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    frames.push(bytes.subarray(at, at + size));
    at += size;
    while (frames.next()) found.push(frames.type === PUBLISH ? messageIn(frames, isV5) : frames.type);
  }
  expect(frames.waitingBytes).toBe(0);
  return found;
}

test("messages are as they were sent, however the stream is cut, and other packets between them are found", () => {
  fc.assert(
    fc.property(
      fc.array(sent, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      (all, sizes, isV5) => {
        const ping = generate({ cmd: "pingresp" });
        const found = readAll(Buffer.concat(all.flatMap((each) => [packetOf(each, isV5), ping])), sizes, isV5);
        expect(found.filter((each) => typeof each === "number")).toEqual(all.map(() => 13));
        const messages = found.filter((each) => typeof each !== "number");
        expect(
          messages.map(({ topic, payload, length, id, again }) => [
            topic.toString(),
            payload.length,
            length,
            id,
            again,
          ]),
        ).toEqual(
          all.map(({ topic, payload, id, again }) => [topic, payload.length, payload.length, id, again && id > 0]),
        );
        expect(messages.every(({ payload }, i) => payload.equals(all[i]?.payload ?? new Uint8Array([1])))).toBe(true);
      },
    ),
    { numRuns: cases(300) },
  );
});

test("of a message above the limit only the beginning is kept, however long it is", () => {
  const frames = new Frames(MOST);
  const head = Buffer.from([0x30, 0x80, 0x80, 0x80, 0x40, 0, 1, 0x61]);
  frames.push(head);
  const length = 0x40 * 2 ** 21 - 3;
  const chunk = Buffer.alloc(1_024 * 1_024, "x");
  for (let left = length; left > 0; left -= chunk.length) {
    frames.push(chunk.subarray(0, Math.min(left, chunk.length)));
    if (left > chunk.length) expect(frames.next()).toBe(false);
  }
  expect(frames.next()).toBe(true);
  const message = messageIn(frames, false);
  expect([message.length, message.topic.toString()]).toEqual([length, "a"]);
  expect(message.payload.length).toBeGreaterThanOrEqual(MALFORMED_KEPT_BYTES);
  expect(message.payload.length).toBeLessThan(MALFORMED_KEPT_BYTES * 4);
});

test("what is not MQTT is refused at once", () => {
  const nothing = new Frames(MOST);
  nothing.push(Buffer.from("\0\0\0\0"));
  expect(() => nothing.next()).toThrow(NotMqttError);
  const endless = new Frames(MOST);
  endless.push(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0xff]));
  expect(() => endless.next()).toThrow(NotMqttError);
  for (const packet of [
    [0x32, 1, 0],
    [0x32, 3, 0, 9, 0x61],
    [0x30, 4, 0, 1, 0x61, 0xff],
    [0x34, 5, 0, 1, 0x61, 0, 1],
  ]) {
    const frames = new Frames(MOST);
    frames.push(Buffer.from(packet));
    expect(frames.next()).toBe(true);
    expect(() => messageIn(frames, true)).toThrow(NotMqttError);
  }
});
