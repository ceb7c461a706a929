import { expect, test } from "bun:test";
import local from "../../notebooks/queries.local.sql" with { type: "text" };
import remote from "../../notebooks/queries.sql" with { type: "text" };
import { readNamedQueries } from "../lakehouse/named-queries.ts";
import { questions } from "./named-queries.ts";

test("every question is there for both engines, in the same order", () => {
  const names = (text: string) => readNamedQueries(text).map(({ name }) => name);
  expect(names(local)).toEqual(names(remote));
  expect(questions().length).toBeGreaterThanOrEqual(8);
});

test("every question has a sentence that says what it answers", () => {
  for (const { about } of questions()) expect(about).toMatch(/^[A-Z].{20,}[.]$/);
});
