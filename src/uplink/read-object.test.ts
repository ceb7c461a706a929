import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { AgentError } from "../core/errors.ts";
import { gunzipLines, gunzipRows, UNPACKED_BYTES } from "./read-object.ts";

const NAME = "raw/date=2026-11-23/hour=08/n/e.json.gz";
const failure = (body: Uint8Array): unknown => {
  try {
    return [...gunzipRows(body, NAME)];
  } catch (error) {
    return error;
  }
};

test("all members of a body are read, empty ones included", () => {
  const members = ['{"a":1}\n{"a":2}\n', "", '{"a":3}\n'].map((text) => gzipSync(text));
  expect([...gunzipRows(Buffer.concat(members), NAME)]).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
});

test("many large members are read to the last row", () => {
  const rows = Array.from({ length: 50 }, (_, m) => Array.from({ length: 1_000 }, (_, i) => `{"m":${m},"i":${i}}`));
  const body = Buffer.concat(rows.map((lines) => gzipSync(`${lines.join("\n")}\n`)));
  expect([...gunzipLines(body, NAME)]).toEqual(rows.flat());
});

test("a row may go over the border of two members", () => {
  const body = Buffer.concat([gzipSync('{"te'), gzipSync('xt":"é"}')]);
  expect([...gunzipRows(body, NAME)]).toEqual([{ text: "é" }]);
});

test("an empty object has no rows, and a last line needs no end", () => {
  expect([...gunzipLines(gzipSync(""), NAME)]).toEqual([]);
  expect([...gunzipLines(gzipSync("\n\na\n\nb"), NAME)]).toEqual(["a", "b"]);
});

test("a body that unpacks to more than the stated size is refused, and the memory stays within it", () => {
  const member = gzipSync(Buffer.alloc(16 * 1024 * 1024, "\n"));
  const members = Array.from({ length: (4 * UNPACKED_BYTES) / (16 * 1024 * 1024) }, () => member);
  const script = `
    const { gunzipLines } = await import(${JSON.stringify(import.meta.resolve("./read-object.ts"))});
    const body = new Uint8Array(await Bun.stdin.arrayBuffer());
    try { for (const line of gunzipLines(body, "bomb")); } catch (error) { console.log(error.message); }
    // Of this process alone: the peak of getrusage(2) begins with that of the process which started this one.
    const peak = process.platform === "linux" ? await Bun.file("/proc/self/status").text() : "";
    console.log(/VmHWM:\\s*(\\d+) kB/.exec(peak)?.[1] ?? process.memoryUsage().rss / 1_024);
  `;
  const done = Bun.spawnSync([process.execPath, "-e", script], { stdin: Buffer.concat(members) });
  const [message, peakKib] = done.stdout.toString().trim().split("\n");
  expect(message).toBe('Cannot read "bomb": it unpacks to more than 256MiB, and is left alone');
  expect(Number(peakKib) * 1_024).toBeLessThan(2.5 * UNPACKED_BYTES);
}, 30_000);

describe("a corrupt body names its object", () => {
  const whole = gzipSync('{"a":1}\n'.repeat(1_000));
  const flipped = Uint8Array.from(whole);
  flipped[Math.floor(whole.length / 2)]! ^= 1;
  const bodies: Record<string, Uint8Array> = {
    "not gzip": new TextEncoder().encode("<html>"),
    "nothing at all": new Uint8Array(0),
    truncated: whole.subarray(0, whole.length - 9),
    "truncated in its second member": Buffer.concat([whole, whole.subarray(0, 20)]),
    "a flipped bit": flipped,
    "not JSON": gzipSync("nope\n"),
    "not an object": gzipSync("[1]\n"),
    "not UTF-8": gzipSync(Uint8Array.of(0x22, 0xff, 0x22)),
  };
  for (const [what, body] of Object.entries(bodies)) {
    test(what, () => {
      const error = failure(body);
      expect(error).toBeInstanceOf(AgentError);
      expect((error as AgentError).message).toStartWith(`Cannot read "${NAME}": `);
    });
  }
});
