/**
 * Every map in docs/mapping.md is one that the agent takes, and its examples give what the page says. In the page, ```json map is
 * followed by ```json lines (what is known beside them behind it: `@topic=a/b`) and ```json readings.
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readLines } from "../../testing/mapped-lines.ts";
import type { ContextName } from "../context.ts";
import { loadProfile, shippedProfiles } from "../profile/shipped.ts";
import { parseMapping } from "./map-file.ts";

const PAGE = readFileSync(join(import.meta.dir, "../../../docs/mapping.md"), "utf8");

type Block = { readonly kind: string; readonly said: readonly string[]; readonly text: string };

const BLOCKS = [...PAGE.matchAll(/^```json (\w+)(.*)\n([\s\S]*?)^```$/gm)].map(
  ([, kind = "", said = "", text = ""]): Block => {
    return { kind, said: said.split(" ").filter((word) => word !== ""), text };
  },
);

const lines = (block: Block | undefined): string[] => block?.text.split("\n").filter((line) => line !== "") ?? [];

const profileOf = ({ said }: Block) => said.find((word) => word.startsWith("profile="))?.slice("profile=".length);

for (const [i, block] of BLOCKS.entries()) {
  if (block.kind !== "map") continue;
  const { text } = block;
  const [input, readings] = [BLOCKS[i + 1], BLOCKS[i + 2]];
  test(`the page's map ${text.slice(0, 60).replaceAll(/\s+/g, " ")}… is one`, () => {
    const profile = profileOf(block);
    parseMapping(text, "docs/mapping.md", profile === undefined ? shippedProfiles() : [loadProfile(profile)]);
  });
  if (input?.kind !== "lines") continue;
  test(`and gives the readings that the page shows, of ${lines(input)[0]?.slice(0, 60)}…`, () => {
    const context = Object.fromEntries(
      input.said.map((word): [ContextName, string] => {
        const [name = "", value = ""] = word.split("=");
        return [name as ContextName, value];
      }),
    );
    expect(readings?.kind).toBe("readings");
    const { readings: read } = readLines(JSON.parse(text), lines(input), context, "docs/map.json");
    const parsed = read.map((reading) => {
      const { extra } = reading;
      return typeof extra === "string" ? Object.assign({}, reading, { extra: JSON.parse(extra) }) : reading;
    });
    expect(parsed).toEqual(lines(readings).map((line) => JSON.parse(line)));
  });
}

test("the page has examples, and no map of it is without a mark", () => {
  expect(BLOCKS.filter(({ kind }) => kind === "readings").length).toBeGreaterThan(4);
  const unmarked = [...PAGE.matchAll(/^```json\n([\s\S]*?)^```$/gm)].filter(([, text]) => text?.includes('"fields"'));
  expect(unmarked).toEqual([]);
});
