/** The same commit gives the same bytes, wherever it is built; the binary knows of which commit it is. */
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { createHash } from "node:crypto";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canRun, testWith } from "../../src/testing/needs.ts";
import { ROOT } from "./compile.ts";

setDefaultTimeout(600_000);
const folder = mkdtempSync(join(tmpdir(), "agent-same-bytes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);
const FIRST = "first";
const OTHER = "another place/for it";

function shell(script: string, ...args: readonly string[]): string {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_AUTHOR_DATE: WHEN, GIT_COMMITTER_DATE: WHEN };
  const done = Bun.spawnSync(["bash", "-euc", script, "test", ...args], { cwd: ROOT, env });
  expect([done.exitCode, done.exitCode === 0 ? "" : done.stderr.toString()]).toEqual([0, ""]);
  return done.stdout.toString();
}
const WHEN = "2026-01-02T03:04:05+01:00";

/** The files as they are now, as the one commit of a repository, at a place of its own. Answers the commit. */
const COMMIT = `
  mkdir -p "$1"
  git ls-files -co --exclude-standard -z | while IFS= read -rd "" file; do [ ! -e "$file" ] || printf '%s\\0' "$file"; done |
    tar -c --null -T - | tar -x -C "$1"
  cd "$1"
  git init -q && git add -A && git -c user.name=t -c user.email=t@t.invalid commit -qm t
  git rev-parse HEAD
`;
/** With the packages as links to files: Bun resolves a link to a folder, and the place must differ. */
const PACKAGES = 'cp -al node_modules "$1/" 2>/dev/null || { rm -rf "$1/node_modules"; cp -a node_modules "$1/"; }';

function built(place: string): { readonly sum: string; readonly commit: string } {
  shell('cd "$1" && "$2" scripts/build.ts', place, process.execPath);
  const binary = join(place, "dist/agent");
  const [, commit = ""] = shell('"$1" --version', binary).split("\n");
  return { sum: createHash("sha256").update(readFileSync(binary)).digest("hex"), commit };
}

let commit = "";
beforeAll(() => {
  if (!canRun("time")) return;
  commit = shell(COMMIT, at(FIRST)).trim();
  expect(shell(COMMIT, at(OTHER)).trim()).toBe(commit);
  for (const place of [FIRST, OTHER]) shell(PACKAGES, at(place));
});

testWith("time")("two builds of a commit in different folders are the same file; a change is said, and undone", () => {
  const first = built(at(FIRST));
  expect(first.commit).toBe(`commit ${commit} of 2026-01-02T02:04:05Z`);
  expect(built(at(OTHER))).toEqual(first);
  appendFileSync(join(at(OTHER), "README.md"), "\n");
  expect(built(at(OTHER)).commit).toBe(`commit ${commit} of 2026-01-02T02:04:05Z, with local changes`);
});

testWith("time")("an archive of git says its commit, plain files say none, inside another repository too", () => {
  const archive = at("archive");
  shell('mkdir "$2" && cd "$1" && git archive HEAD | tar -x -C "$2"', at(FIRST), archive);
  shell(PACKAGES, archive);
  expect(built(archive).commit).toBe(`commit ${commit} of 2026-01-02T02:04:05Z`);
  const inside = join(at(FIRST), "inside");
  shell('mkdir "$2" && cd "$1" && git ls-files -z | tar -c --null -T - | tar -x -C "$2"', at(FIRST), inside);
  shell(PACKAGES, inside);
  expect(built(inside).commit).toBe("commit unknown");
});
