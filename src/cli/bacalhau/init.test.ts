import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { see } from "../frame/command-line.suite.ts";
import { COMMANDS } from "../frame/commands.ts";
import { SPECS } from "./specs.ts";

const JOBS = join(import.meta.dir, "../../../jobs");
const cwd = mkdtempSync(join(tmpdir(), "agent-specs-"));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

test("all specs of the repository are in the binary; a file that is there stays as it is", async () => {
  expect(Object.keys(SPECS).sort()).toEqual(readdirSync(JOBS).sort());
  const { code, stdout } = await see(["bacalhau", "init"], COMMANDS, { cwd });
  expect([code, stdout.match(/ written /g)?.length]).toEqual([0, 5]);
  for (const name of readdirSync(JOBS)) {
    expect(readFileSync(join(cwd, "jobs", name), "utf8")).toBe(readFileSync(join(JOBS, name), "utf8"));
  }
  writeFileSync(join(cwd, "jobs/fetch.yaml"), "mine");
  const again = await see(["bacalhau", "init", "--json"], COMMANDS, { cwd });
  expect(JSON.parse(again.stdout)).toMatchObject({ dir: "jobs", files: Array(5).fill({ outcome: "kept" }) });
  expect(readFileSync(join(cwd, "jobs/fetch.yaml"), "utf8")).toBe("mine");
});
