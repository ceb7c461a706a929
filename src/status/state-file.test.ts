import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeLog, textLine } from "../core/log/log.ts";
import { resolveSettings } from "../core/settings/settings.ts";
import { RunReporting } from "./reporting.ts";
import { StateFile } from "./state-file.ts";

const HOME = mkdtempSync(join(tmpdir(), "state-file-"));
afterAll(() => rmSync(HOME, { recursive: true }));

const said: string[] = [];
const log = makeLog({ least: "debug", secrets: [], now: () => 0, write: (entry) => void said.push(textLine(entry)) });
const path = join(HOME, "state");

test("it says whether the agent waits or works, one word a line", () => {
  const file = new StateFile(path, log);
  file.write("waiting");
  expect(readFileSync(path, "utf8")).toBe("waiting\n");
  file.write("running");
  expect([readFileSync(path, "utf8"), readdirSync(HOME)]).toEqual(["running\n", ["state"]]);
});

test("what a start waits for is a sign of life", () => {
  const reporting = new RunReporting(resolveSettings({ env: { AGENT_STATE_FILE: path } }), HOME, log);
  rmSync(path);
  reporting.waiting({ code: "disk_full", message: "no room", try: "df -h" });
  expect(readFileSync(path, "utf8")).toBe("waiting\n");
});

test("one that cannot be written is logged once, and the agent continues", () => {
  said.length = 0;
  const file = new StateFile(join(HOME, "no-such-folder", "state"), log);
  file.write("waiting");
  file.write("running");
  expect(said).toEqual([expect.stringContaining("WARN  state_unwritten: Cannot write AGENT_STATE_FILE")]);
  new StateFile(null, log).write("running");
  expect(said).toHaveLength(1);
});
