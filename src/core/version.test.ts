import { expect, test } from "bun:test";
import { buildOf } from "./version.ts";

test("two builds of one version differ by their commit, as semantic versioning has it", () => {
  const built = { commit: "4dbd0411aa9012345678", committedAt: null, isChanged: false, target: "linux-x64" };
  expect(buildOf(built)).toBe("+4dbd041");
  expect(buildOf({ ...built, isChanged: true })).toBe("+4dbd041.local");
  expect([buildOf({ ...built, commit: null }), buildOf(null)]).toEqual(["", ""]);
});
