/** Which commit the files of this house are: of git, of an archive that git made, or unknown. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export type Commit = {
  readonly hash: string;
  /** ISO 8601, UTC, whole seconds. */
  readonly at: string;
  /** A file that git keeps or would keep is not as in the commit. */
  readonly isChanged: boolean;
};

/** `root`: the folder of package.json. Null: no git, or this folder is inside another repository, and the archive does not say it. */
export function commitOf(root: string): Commit | null {
  const inGit = git(root, "rev-parse", "--show-cdup") === "";
  const said = inGit ? git(root, "log", "-1", "--format=%H %cI") : archived(root);
  const [, hash, at] = /^([0-9a-f]{40}) (\S+)$/.exec(said ?? "") ?? [];
  if (hash === undefined || at === undefined) return null;
  const isChanged = inGit && git(root, "status", "--porcelain") !== "";
  return { hash, at: new Date(at).toISOString().replace(".000Z", "Z"), isChanged };
}

/** The time in packages: seconds since 1970, so that the same commit gives the same bytes. */
export function packageTime(commit: Commit | null, env: Readonly<Record<string, string | undefined>>): number {
  const given = env["SOURCE_DATE_EPOCH"];
  if (given !== undefined && /^\d{1,10}$/.test(given)) return Number(given);
  // Without a commit the first day that a zip archive can name.
  return Date.parse(commit?.at ?? "1980-01-01T00:00:00Z") / 1_000;
}

/** `git archive` replaces the format in this file by the commit: `.gitattributes`. */
function archived(root: string): string {
  return readFileSync(join(root, "scripts/package/commit.txt"), "utf8").trim();
}

/** What git answers, without the newline; null when it fails or is not here. */
function git(root: string, ...args: readonly string[]): string | null {
  try {
    const asked = Bun.spawnSync(["git", "-C", root, ...args], { stdin: "ignore", stderr: "ignore" });
    return asked.exitCode === 0 ? asked.stdout.toString().trim() : null;
  } catch {
    return null;
  }
}
