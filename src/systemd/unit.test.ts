/** The unit as text, and what systemd itself says of it. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testWith } from "../testing/needs.ts";
import { ownersOf, type UnitOptions, unitText, usualUnit } from "./unit.ts";

/** Of a person; written so that no place of one machine is in the text. */
const HOME = ["", "home", "pi"].join("/");
const folder = mkdtempSync(join(tmpdir(), "agent-unit-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The values of a setting, in order. */
function valuesOf(name: string, options: UnitOptions): string[] {
  const lines = unitText(options).split("\n");
  return lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1));
}

test("the usual unit runs /opt/agent/agent in /etc/agent, as its own user, with its data in /var/lib/agent", () => {
  const unit = usualUnit(null);
  expect(valuesOf("ExecStart", unit)).toEqual(["/opt/agent/agent run"]);
  expect(valuesOf("WorkingDirectory", unit)).toEqual(["/etc/agent"]);
  expect(valuesOf("StateDirectory", unit)).toEqual(["agent"]);
  expect(valuesOf("Environment", unit)).toEqual(["AGENT_DATA_DIR=/var/lib/agent"]);
  expect([valuesOf("User", unit), valuesOf("ReadWritePaths", unit)]).toEqual([["agent"], []]);
  expect(valuesOf("ExecStart", usualUnit("west"))).toEqual(["/opt/agent/agent run"]);
  expect(valuesOf("StateDirectory", usualUnit("west"))).toEqual(["agent-west"]);
});

test("a data dir elsewhere, a folder that is written and one that is read are let in, those that are hidden are bound", () => {
  const unit: UnitOptions = {
    ...usualUnit(null),
    dataDir: "/mnt/card/agent",
    writes: ["/srv/lake", `${HOME}/lake`],
    reads: ["/srv/plc", `${HOME}/my plc`, "/tmp"],
    groups: ["plc", "dialout"],
  };
  expect(valuesOf("StateDirectory", unit)).toEqual([]);
  expect(valuesOf("ReadWritePaths", unit)).toEqual(["/mnt/card/agent", "/srv/lake"]);
  expect(valuesOf("BindPaths", unit)).toEqual([`${HOME}/lake`]);
  expect(valuesOf("BindReadOnlyPaths", unit)).toEqual([`"${HOME}/my plc"`, "/tmp"]);
  expect(valuesOf("SupplementaryGroups", unit)).toEqual(["plc dialout"]);
  expect(valuesOf("RequiresMountsFor", unit)).toEqual([
    `/mnt/card/agent /srv/lake ${HOME}/lake /srv/plc "${HOME}/my plc" /tmp`,
  ]);
});

test("a path cannot add a line, a variable or a specifier to the unit", () => {
  const unit = { ...usualUnit(null), dataDir: '/mnt/100%/$HOME "a"' };
  expect(valuesOf("ReadWritePaths", unit)).toEqual(['"/mnt/100%%/$$HOME \\"a\\""']);
  expect(ownersOf(unitText(unit))).toEqual({ user: "agent", dataDir: unit.dataDir });
  expect(() => unitText({ ...unit, dataDir: "/mnt\nUser=root" })).toThrow(RangeError);
});

test("back-off is only where systemd knows it", () => {
  expect(valuesOf("RestartSteps", usualUnit(null))).toEqual([]);
  expect(valuesOf("RestartSteps", { ...usualUnit(null), hasBackOff: true })).toEqual(["6"]);
});

const OPTIONS: Readonly<Record<string, UnitOptions>> = {
  usual: usualUnit(null),
  named: usualUnit("west"),
  changed: {
    ...usualUnit(null),
    dataDir: "/mnt/my card/100%/$x",
    writes: ["/srv/lake"],
    reads: [`${HOME}/my plc`],
    groups: ["dialout"],
  },
};
for (const [what, options] of Object.entries(OPTIONS)) {
  testWith("systemd-analyze")(
    `systemd understands every line of the ${what} unit, and rates its exposure at most 2.0`,
    () => {
      const path = join(folder, `${options.name}.service`);
      // "verify" wants a program that is there.
      writeFileSync(path, unitText({ ...options, binary: process.execPath }));
      const analyze = (...command: readonly string[]) => {
        const done = Bun.spawnSync(["systemd-analyze", ...command, path], { stderr: "pipe" });
        return { code: done.exitCode, said: done.stderr.toString(), answer: done.stdout.toString() };
      };
      expect(analyze("verify", "--man=no")).toEqual({ code: 0, said: "", answer: "" });
      const rated = analyze("security", "--offline=true", "--no-pager", "--threshold=20");
      expect(rated.answer).toContain("Overall exposure level");
      expect([rated.code, rated.answer.trimEnd().split("\n").at(-1)]).toEqual([0, expect.stringMatching(/: [01]\.\d/)]);
    },
  );
}
