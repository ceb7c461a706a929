import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { see } from "../frame/command-line.suite.ts";
import { COMMANDS } from "../frame/commands.ts";

const cwd = mkdtempSync(join(tmpdir(), "agent-spec-"));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
const check = (...more: string[]) => see(["bacalhau", "check", ...more], COMMANDS, { cwd });

const SPEC = `Name: a
Type: ops
Tasks:
  - Name: a
    Engine: {Type: docker, Params: {Image: "{{.image}}"}}
    Timeouts: {QueueTimeout: 5}
`;
writeFileSync(join(cwd, "a.yaml"), SPEC);

test("a spec that is right exits 0, with its warnings and the names of its variables", async () => {
  const { code, stdout } = await check("a.yaml", "--template-vars", "image=debian,other=a=b");
  expect([code, stdout.split("\n")]).toEqual([
    0,
    [
      "a.yaml: Tasks[0].Timeouts.QueueTimeout: warning: does nothing in ops: without a node that matches the job fails at once",
      "a.yaml is fine; its variables: image",
      "",
    ],
  ]);
});

test("what is wrong is named with its place and exits 1; a file that is not there exits 2", async () => {
  const { code, stdout } = await check("a.yaml");
  expect([code, stdout]).toEqual([1, 'a.yaml: line 5: the variable "image" has no value: -V image=…\n']);
  const json = await check("a.yaml", "--json");
  expect([json.code, JSON.parse(json.stdout)]).toMatchObject([
    1,
    { ok: false, findings: [{ level: "error", path: "line 5" }] },
  ]);
  expect((await check("none.yaml")).code).toBe(2);
  expect((await check("a.yaml", "--template-vars", "image")).code).toBe(2);
});
