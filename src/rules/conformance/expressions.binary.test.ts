/** Expressions in the compiled binary: the library of patterns is in it, and the zone of the machine decides nothing. */
import { afterAll, expect } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";

const binaryTest = testWith("binary");
const folder = mkdtempSync(join(tmpdir(), "agent-expressions-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const RULES = [
  {
    name: "pattern",
    when: { expression: "sensor_id.matches('^\\\\pL+-[[:digit:]]+\\\\z')" },
    tests: [
      { reading: { sensor_id: "höhe-1" }, breaks: true },
      { reading: { sensor_id: "1-1" }, breaks: false },
    ],
  },
  {
    name: "local-time",
    when: { expression: "timestamp.getHours('Europe/Brussels') == 3 && timestamp.getDayOfYear() == 90" },
    tests: [
      { reading: { timestamp: "2024-03-31T01:00:00Z" }, breaks: true },
      { reading: { timestamp: "2024-03-31T00:59:59Z" }, breaks: false },
    ],
  },
];

binaryTest("patterns and times have one meaning, whatever the time zone of the machine", () => {
  writeFileSync(join(folder, "rules.json"), JSON.stringify(RULES));
  for (const zone of ["UTC", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati", "Australia/Lord_Howe"]) {
    const { exitCode, stdout } = Bun.spawnSync([AGENT_BINARY, "rules", "test", folder], {
      cwd: folder,
      env: { TZ: zone, PATH: process.env["PATH"] ?? "" },
    });
    expect([zone, exitCode, stdout.toString()]).toEqual([
      zone,
      0,
      "pass  local-time (2 tests)\npass  pattern (2 tests)\n4 passed, 0 failed\n",
    ]);
  }
});
