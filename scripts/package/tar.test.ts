/** Archives as the real tar reads them. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { foldersAbove, tar } from "./tar.ts";

test("tar reads names, modes, owners, links, sizes and the time", () => {
  const folder = mkdtempSync(join(tmpdir(), "agent-tar-"));
  const entries = [
    ...foldersAbove(["opt/agent/agent", "usr/bin/agent"]),
    { path: "opt/agent/agent", mode: 0o755, bytes: new Uint8Array(1_234).fill(65) },
    { path: "usr/bin/agent", mode: 0o777, link: "../../opt/agent/agent" },
    { path: "var/lib/agent/", mode: 0o700, owner: 65_532 },
    { path: "empty", mode: 0o600, bytes: new Uint8Array() },
  ];
  try {
    writeFileSync(join(folder, "a.tar"), tar(entries, 1_700_000_000));
    const listed = Bun.spawnSync(["tar", "--numeric-owner", "-tvf", join(folder, "a.tar")], { env: { TZ: "UTC" } });
    expect([listed.exitCode, listed.stderr.toString()]).toEqual([0, ""]);
    expect(listed.stdout.toString().replace(/ +/g, " ").trim().split("\n")).toEqual([
      "drwxr-xr-x 0/0 0 2023-11-14 22:13 opt/",
      "drwxr-xr-x 0/0 0 2023-11-14 22:13 opt/agent/",
      "drwxr-xr-x 0/0 0 2023-11-14 22:13 usr/",
      "drwxr-xr-x 0/0 0 2023-11-14 22:13 usr/bin/",
      "-rwxr-xr-x 0/0 1234 2023-11-14 22:13 opt/agent/agent",
      "lrwxrwxrwx 0/0 0 2023-11-14 22:13 usr/bin/agent -> ../../opt/agent/agent",
      "drwx------ 65532/65532 0 2023-11-14 22:13 var/lib/agent/",
      "-rw------- 0/0 0 2023-11-14 22:13 empty",
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a name or a link that does not fit is refused, never cut", () => {
  for (const path of ["a".repeat(101), "/etc/passwd", "", "é"]) {
    expect(() => tar([{ path, mode: 0o644, bytes: new Uint8Array() }], 0)).toThrow(RangeError);
  }
  expect(() => tar([{ path: "a", mode: 0o777, link: "b".repeat(101) }], 0)).toThrow(RangeError);
});
