import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileSchemas } from "./file-schemas.ts";

const ROOT = join(import.meta.dir, "../..");
const json = (path: string): unknown => JSON.parse(readFileSync(join(ROOT, path), "utf8"));

test("docs/schema has the schemas that the shapes give (bun scripts/generate/schemas.ts)", () => {
  for (const [name, schema] of Object.entries(fileSchemas())) {
    // As the file has it: without what only the generator reads.
    const written: unknown = JSON.parse(JSON.stringify(schema));
    expect([name, json(`docs/schema/${name}.schema.json`)]).toEqual([name, written]);
  }
});

test("every key of the files that ship and of the examples is one that the schema knows", () => {
  const { profile, map } = fileSchemas();
  const known = (schema: unknown) => Object.keys(Object(Object(schema).properties));
  const profiles = readdirSync(join(ROOT, "src/sensor/profile")).filter((name) => name.endsWith(".json"));
  expect(profiles.length).toBeGreaterThan(1);
  for (const name of profiles) {
    const keys = Object.keys(Object(json(`src/sensor/profile/${name}`)));
    expect([name, keys.filter((key) => !known(profile).includes(key))]).toEqual([name, []]);
  }
  const keys = Object.keys(Object(json("docs/examples/occupancy/map.json")));
  expect(keys.filter((key) => !known(map).includes(key))).toEqual([]);
});
