import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readNamedQueries } from "../../lakehouse/named-queries.ts";
import { DAY_READINGS } from "./simulated-day.ts";

const ROOT = join(import.meta.dir, "../../..");
const picture = readFileSync(join(ROOT, "docs/lakehouse.svg"), "utf8");
const queries = readNamedQueries(readFileSync(join(ROOT, "notebooks/queries.sql"), "utf8"));

test("the picture has a panel for each named query, and is of the whole simulated day", () => {
  const panels = [...picture.matchAll(/<g id="(\w+)">/g)].map(([, name]) => name);
  expect(panels.toSorted()).toEqual(queries.map(({ name }) => name).toSorted());
  expect(picture).toContain(`50 sensors, ${DAY_READINGS.toLocaleString("en-US")} readings</text>`);
});

test("the picture fetches nothing and runs nothing", () => {
  expect(picture.replace('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(
    /https?:|href|url\(|@import|<script|<image|<foreignObject/i,
  );
});
