import { expect, test } from "bun:test";
import fc from "fast-check";
import { NODE_ID, safeNodeId } from "./node-id.ts";

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
