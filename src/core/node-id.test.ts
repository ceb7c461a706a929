import { expect, test } from "bun:test";
import fc from "fast-check";
import { makeNodeId, NODE_ID, safeNodeId } from "./node-id.ts";

test("a node id is safe in a key, a path and a listing, whatever the host's name is", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      const id = safeNodeId(text);
      expect(id).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
      expect(safeNodeId(id)).toBe(id);
      expect(id).toMatch(NODE_ID);
    }),
  );
  expect(safeNodeId("pump-7.site.example")).toBe("pump-7.site.example");
  expect(safeNodeId("Büro Süd")).toBe("B-ro-S-d");
  expect(safeNodeId("../..")).toBe("node");
  expect(safeNodeId("_hidden")).toBe("hidden");
  expect(safeNodeId("")).toBe("node");
});

test("a node that was given no id has its host's name and a random part, whatever the host's name is", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.uint8Array({ minLength: 6, maxLength: 6 }),
      (host, chance) => {
        const id = makeNodeId(host, chance);
        expect(id).toMatch(NODE_ID);
        expect(safeNodeId(id)).toBe(id);
      },
    ),
  );
  expect(makeNodeId("raspberrypi", Uint8Array.of(0, 1, 2, 30, 31, 255))).toBe("raspberrypi-abc9ah");
  expect(makeNodeId("x".repeat(80), new Uint8Array(6))).toBe(`${"x".repeat(57)}-aaaaaa`);
});
