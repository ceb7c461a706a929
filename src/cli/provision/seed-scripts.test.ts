/**
 * What people had before: a script for each of these. Each has a command that does it, in the manual's table, and a test
 * that says so by its name.
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../frame/commands.ts";

const SRC = join(import.meta.dir, "../..");

/** The script, the command, and the test: its file below src/, and its name. */
const ROWS: readonly (readonly [script: string, command: string, file: string, name: string])[] = [
  [
    "validate-env.sh",
    "agent config check --live",
    "provision/lake/lake.binary.test.ts",
    "config check --live asks the workspace too, and says what is missing by its name",
  ],
  [
    "create-all-buckets.sh",
    "agent provision apply --only aws",
    "provision/apply.binary.test.ts",
    "an empty account: the plan says what will be, apply makes it, and the second apply has nothing to do",
  ],
  [
    "create-databricks-iam-role.sh",
    "agent provision apply",
    "provision/lake/lake.binary.test.ts",
    "from two credentials to a lake, proved, and back to nothing",
  ],
  [
    "update-iam-role-for-new-buckets.sh",
    "agent provision apply",
    "provision/lake/golden.binary.test.ts",
    "every state is reported, repaired by the calls that it needs, and by no other",
  ],
  [
    "setup-unity-catalog-storage.py",
    "agent provision apply --only databricks",
    "provision/lake/side.test.ts",
    "in an empty workspace everything is made; the second plan has nothing to do, and the second apply calls nothing",
  ],
  [
    "fix-external-locations-individual.py",
    "agent provision apply",
    "provision/lake/drift.test.ts",
    "a location that points to the wrong bucket is tried first, then repaired, read back and tried again",
  ],
  [
    "seed-buckets-for-autoloader.py",
    "agent provision seed",
    "provision/faults.binary.test.ts",
    "seed writes a batch for each stage under the agent's own keys, and agent lake reads it",
  ],
  [
    "upload-and-run-notebook.py",
    "agent provision run",
    "provision/load/run.test.ts",
    "a run is started once for a token, followed to its end, and reports what the notebook returned or why it failed",
  ],
  [
    "check-bucket-structure.sh",
    "agent lake ls",
    "cli/lake/lake.test.ts",
    "lake ls shows objects, rows and the span of event time by stage",
  ],
  [
    "verify-databricks-setup.py",
    "agent provision verify",
    "provision/load/run.test.ts",
    "verify tries the role on every bucket and asks every table; a choice of warehouses is not made for anybody",
  ],
  [
    "clean-all-data.sh",
    "agent provision clean",
    "provision/faults.binary.test.ts",
    "clean empties the stages and the checkpoints with all versions, and keeps metadata and the set-up",
  ],
  [
    "turbo-delete-buckets.py",
    "agent provision destroy --only aws",
    "provision/killed.binary.test.ts",
    "destroy, killed at a call of each kind, and run again: nothing is left",
  ],
  [
    "cleanup-unity-catalog.py",
    "agent provision destroy --only databricks",
    "provision/lake/drift.test.ts",
    "destroy leaves what others put into the schema and the catalog, and names it",
  ],
];

test("each script of old is in the manual with the command that does it now", () => {
  const manual = readFileSync(join(SRC, "../docs/provision.md"), "utf8");
  const rows = [...manual.matchAll(/^\| `([\w-]+\.(?:sh|py))` \| `([^`]+)`/gm)].map(([, script, command]) => [
    script,
    command,
  ]);
  expect(rows).toEqual(ROWS.map(([script, command]) => [script, command]));
});

test("each of these commands is there, with its flags", async () => {
  for (const [, line] of ROWS) {
    const [, group = "", name = "", ...flags] = line.split(" ");
    const loaded = await COMMANDS[group]!();
    if (!("group" in loaded)) throw new Error(`${group} is no group`);
    const { args = {} } = await loaded.group.commands[name]!();
    const known = Object.keys(args).map((flag) => `--${flag}`);
    for (const flag of flags.filter((one) => one.startsWith("--")))
      expect([line, known]).toEqual([line, expect.arrayContaining([flag])]);
  }
});

test("each has a test that says by its name that it is done", () => {
  for (const [script, , file, name] of ROWS) {
    const said = readFileSync(join(SRC, file), "utf8").includes(`"${name}"`);
    expect([script, file, name, said]).toEqual([script, file, name, true]);
  }
});
