import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { placeOf } from "./places.ts";

const PAGE = readFileSync(join(import.meta.dir, "../../../docs/operations.md"), "utf8");
/** By the headings of the page for operators. */
const SECTIONS = {
  "The disk and the buffer": "buffer",
  "The store": "store",
  "The rules": "rules",
  "What comes in": "sensors",
};
/** In a section of others, and of the agent itself or of its disk here. */
const ELSEWHERE = new Set(["two_agents", "data_dir_copied"]);

test("a problem is shown where the page for operators explains it", () => {
  for (const [heading, place] of Object.entries(SECTIONS)) {
    const section = PAGE.split(`### ${heading}\n`)[1]?.split("\n### ")[0]?.split("\n## ")[0] ?? "";
    const codes = [...section.matchAll(/^\| `([a-z_]+)`/gm)].map(([, code = ""]) => code);
    expect(codes.length).toBeGreaterThan(2);
    const elsewhere = codes.filter((code) => !ELSEWHERE.has(code) && placeOf(code) !== place);
    expect([heading, elsewhere]).toEqual([heading, []]);
  }
});

test("what is not of a station is of the agent", () => {
  expect(["starting", "waiting_for_lock", "not_listening", "agent_silent"].map(placeOf)).toEqual([
    "agent",
    "agent",
    "agent",
    "agent",
  ]);
});
