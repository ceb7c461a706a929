/** Every command of the README is run on the compiled binary, in order, in one folder, as a reader would. */
import { afterAll, expect, test } from "bun:test";
import { accessSync, constants, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testWith } from "./needs.ts";

const ROOT = join(import.meta.dir, "../..");
const binaryTest = testWith("binary");
const folder = mkdtempSync(join(tmpdir(), "agent-readme-"));
const LENT = ["dist", "docs", "rules"];
for (const name of LENT) symlinkSync(join(ROOT, name), join(folder, name));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const blocks = readFileSync(join(ROOT, "README.md"), "utf8").matchAll(/^```sh\n([\s\S]*?)^```$/gm);
const lines = [...blocks].flatMap((block) => block[1]!.trim().split("\n"));

test("the README has commands", () => {
  expect(lines.length).toBeGreaterThan(5);
});

for (const line of lines) {
  const command = line.replace(/\s+#.*$/, "");
  binaryTest(
    `\`${command}\` works as the README says`,
    () => {
      // These two build and would run this test again; that they are there and can be started is checked here.
      const [script = ""] = command.split(" ");
      if (/^\.\/scripts\/\w+$/.test(script)) return accessSync(join(ROOT, script), constants.X_OK);
      const env = { PATH: process.env["PATH"], HOME: folder };
      const { exitCode, stdout, stderr } = Bun.spawnSync(["bash", "-o", "pipefail", "-c", command], {
        cwd: folder,
        env,
      });
      expect([command, exitCode, exitCode === 0 ? "" : stderr.toString()]).toEqual([command, 0, ""]);
      if (command.includes("lake head")) expect(stdout.toString()).toStartWith('{"sensor_id":');
    },
    600_000,
  );
}

binaryTest("git ignores all that the README's commands make", () => {
  // A pattern for a folder wants its path to look like one.
  const paths = readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !LENT.includes(name))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
  const { stdout } = Bun.spawnSync(["git", "check-ignore", ...paths], { cwd: ROOT });
  expect(stdout.toString().trim().split("\n").sort()).toEqual(paths.sort());
});
