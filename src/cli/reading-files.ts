/** The files and places that the settings name: checked together, so that one run reports all their problems. */
import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { codeOf, messageOf, UsageError } from "../core/errors.ts";
import type { Profile } from "../core/profile.ts";
import { SensorCatalogue } from "../core/sensor.ts";
import type { Settings } from "../core/settings/settings.ts";
import { DEFAULT_RULES_DIR, hasRuleFiles } from "../rules/files/folder-names.ts";
import { loadRules } from "../rules/files/load.ts";
import { formatProblem } from "../rules/rule-set.ts";
import { httpToken } from "../sensor/http/token.ts";
import { type HttpAccess, sourceProblems } from "../sensor/open-source.ts";
import { loadProfile, shippedProfiles } from "../sensor/profile/shipped.ts";
import { SourceMaps } from "../sensor/source-maps.ts";
import { rulesFolder } from "./rules/folder.ts";

export type ReadingFiles = {
  readonly profile: Profile;
  /** Those that a row's sensor_type may choose instead. A profile that the user named holds for every row. */
  readonly otherProfiles: readonly Profile[];
  readonly maps: SourceMaps;
  readonly http: HttpAccess;
};

type Reading = {
  readonly cwd: string;
  readonly once: boolean;
  /** Gets a sentence where no row has a name of a map. */
  readonly report?: (line: string) => void;
};

type FilesAndProblems = { readonly files: ReadingFiles; readonly problems: readonly UsageError[] };

/** Loads the profile and the maps, and checks the sources. Throws a UsageError with every problem of all three. */
export function loadReadingFiles(settings: Settings, reading: Reading): ReadingFiles {
  const { files, problems } = readingFiles(settings, reading);
  if (problems.length === 0) return files;
  const [first] = problems;
  const tryHint = problems.length === 1 ? first?.tryHint : "agent config check";
  throw new UsageError(problems.map(({ message }) => message).join("\n"), tryHint === undefined ? {} : { tryHint });
}

/** The problems that `run` would refuse, and those that it would wait for a person to repair, one a line. */
export function fileProblems(settings: Settings, cwd: string): string[] {
  const { problems } = readingFiles(settings, { cwd, once: false });
  return [
    ...problems.flatMap(({ message }) => message.split("\n")),
    ...rulesProblems(settings, cwd),
    ...placeProblem(settings.dataDir, cwd, `write to data dir "${settings.dataDir}"`),
    ...(settings.store.startsWith("dir:")
      ? placeProblem(settings.store.slice(4), cwd, `deliver to store "${settings.store}"`)
      : []),
  ];
}

function readingFiles(settings: Settings, { cwd, once, report = () => {} }: Reading): FilesAndProblems {
  const problems: UsageError[] = [];
  const attempt = <T>(load: () => T, fallback: T): T => {
    try {
      return load();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problems.push(error);
      return fallback;
    }
  };
  const profile = attempt(() => loadProfile(settings.profile, cwd), loadProfile("environmental"));
  const otherProfiles = settings.origins.profile === "default" ? shippedProfiles() : [];
  // The measures of an invalid profile are unknown: then a mapping may name any measure.
  const known = problems.length === 0 ? [profile, ...otherProfiles] : null;
  const maps = new SourceMaps({ file: settings.map, profiles: known, cwd, report });
  // Also where every source has a map of its own.
  if (settings.map !== null) maps.read(settings.map);
  const http: HttpAccess = {
    token: attempt(() => httpToken(settings, cwd), null),
    maxBodyBytes: settings.httpMaxBytes,
  };
  const found = sourceProblems(settings.source, { profile, maps, cwd, once, http });
  problems.push(...maps.problems, ...simulatedProblem(settings), ...found);
  return { files: { profile, otherProfiles, maps, http }, problems };
}

/** Simulated readings in real buckets cannot be distinguished from real ones, so a simulator must be named there. */
function simulatedProblem({ origins, store }: Settings): UsageError[] {
  if (origins.source !== "default" || !store.startsWith("s3:")) return [];
  const message = `Cannot run without a source into "${store}": the simulator, the default, fills buckets only when it is named`;
  return [new UsageError(message, { tryHint: "agent run --source sqlite:field.db --store s3:" })];
}

function rulesProblems(settings: Settings, cwd: string): string[] {
  // A run takes a folder that no setting names from its first rule file on.
  if (settings.rulesDir === null && !hasRuleFiles(resolve(cwd, DEFAULT_RULES_DIR))) return [];
  try {
    const dir = rulesFolder(settings.rulesDir, cwd, "agent config check --rules");
    const loaded = dir === null ? null : loadRules(resolve(cwd, dir), new SensorCatalogue(), dir);
    return loaded !== null && "refused" in loaded ? loaded.refused.map(formatProblem) : [];
  } catch (error) {
    if (error instanceof UsageError) return [error.message];
    throw error;
  }
}

/** `run` creates a missing folder; that is impossible when the path, or a parent of it, is a file. */
function placeProblem(path: string, cwd: string, work: string): string[] {
  for (let at = resolve(cwd, path); ; at = dirname(at)) {
    try {
      if (statSync(at).isDirectory()) return [];
      return [`Cannot ${work}: "${at}" is a file, not a folder`];
    } catch (error) {
      const code = codeOf(error);
      if (code !== "ENOENT" && code !== "ENOTDIR") return [`Cannot ${work}: ${messageOf(error)}`];
      if (dirname(at) === at) return [];
    }
  }
}
