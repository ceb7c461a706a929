/** From the settings of a service to the places that it must read and write, and what a person should know of them. */
import { closeSync, openSync, readSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { UsageError } from "../../core/errors.ts";
import { dotenvProblems, parseDotenv } from "../../core/settings/dotenv.ts";
import { envExample } from "../../core/settings/example.ts";
import { checkSettings, type Settings } from "../../core/settings/settings.ts";
import { foldersOf } from "../../sensor/file/uri.ts";
import { isStdin } from "../../sensor/lines/stdin-uri.ts";
import { parseSqliteUri } from "../../sensor/sqlite/uri.ts";
import { mapFileOf } from "../../sensor/uri-parameters.ts";
import type { Account, HostView } from "../../systemd/host.ts";
import type { UnitOptions } from "../../systemd/unit.ts";

export type Places = Pick<UnitOptions, "dataDir" | "writes" | "reads" | "groups"> & {
  /** Sentences: a source that it cannot read, a default that surprises. */
  readonly notes: readonly string[];
};

/** The text of a new `.env`: its store is where the service may write. */
export function newDotenv({ name, configDir, dataDir }: UnitOptions): string {
  const head = [
    `# The settings of the service "${name}". It reads them when it starts, and at: systemctl reload ${name}`,
    `# Type "sudo agent service install" again after a path below changed. Ask the node: cd ${configDir} && sudo agent status`,
    `AGENT_DATA_DIR=${dataDir}`,
    `AGENT_STORE=dir:${dataDir}/lake`,
  ];
  return envExample(head.join("\n"));
}

/**
 * What `.env` in the folder of the service says. Throws a UsageError with every problem of it: the service would only end, again
 * and again. `usual`: where nothing is set. `text`: of `.env`.
 */
export function placesOf(host: HostView, usual: UnitOptions, text: string): Places {
  const file = join(usual.configDir, ".env");
  const dotenv = parseDotenv(text);
  const { settings, problems } = checkSettings({ env: {}, dotenv, dotenvProblems: dotenvProblems(text, file) });
  if (problems.length > 0) {
    const all = problems.map((problem) => `Cannot start a service with ${file}: ${problem}`);
    throw new UsageError(all.join("\n"), { tryHint: `cd ${usual.configDir} && agent config check` });
  }
  const isSet = settings.origins.dataDir !== "default";
  const dataDir = isSet ? resolve(usual.configDir, settings.dataDir) : usual.dataDir;
  const notes = notesOf(settings, file);
  const store = settings.store.startsWith("dir:") ? resolve(usual.configDir, settings.store.slice(4)) : null;
  const writes = store === null || isWithin(store, dataDir) ? [] : [store];
  const groups = new Set<string>();
  const reads: string[] = [];
  for (const path of readPaths(settings, usual.configDir)) {
    if (isWithin(path, usual.configDir)) continue;
    // The folder, because a database has more files beside it, and may be replaced.
    const isFolder = host.facts(path)?.isFolder ?? false;
    reads.push(isFolder ? path : dirname(path));
    const { group, note } = access(host, host.account(usual.user), path);
    if (group !== null) groups.add(group);
    if (note !== null) notes.push(`${usual.user} cannot read ${path}: ${note}`);
    else if (isWalDatabase(path)) {
      notes.push(
        `${path} is in WAL mode: the service cannot write there, so it reads only while the writer has it open`,
      );
    }
  }
  return { dataDir, writes, reads: [...new Set(reads)], groups: [...groups], notes };
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** Absolute paths of all that the settings let the agent read. */
function readPaths({ source, profile, map, rulesDir }: Settings, cwd: string): string[] {
  const databases = source.flatMap((uri) => (uri.startsWith("sqlite:") ? [parseSqliteUri(uri).path] : []));
  const folders = source.flatMap((uri) => (uri.startsWith("file:") ? foldersOf(uri, cwd) : []));
  const all = [map, ...source.map(mapFileOf), rulesDir, profile.endsWith(".json") ? profile : null];
  const files = all.filter((path) => path !== null);
  return [...databases, ...folders, ...files].map((path) => resolve(cwd, path));
}

function notesOf(settings: Settings, file: string): string[] {
  const notes: string[] = [];
  if (settings.source.some(isStdin)) {
    notes.push("AGENT_SOURCE has stdin:, and a service has no standard input: nothing comes from there");
  }
  if (settings.origins.source === "default") {
    notes.push(`AGENT_SOURCE is not set in ${file}: the agent makes readings itself (simulator:)`);
  }
  return notes;
}

/** In this mode a reader needs files beside the database that only a writer makes. */
function isWalDatabase(path: string): boolean {
  try {
    const descriptor = openSync(path, "r");
    try {
      const head = new Uint8Array(20);
      readSync(descriptor, head, 0, head.length, 0);
      return head.subarray(18).includes(2);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return false;
  }
}

/** The first thing on the way to a path that keeps a user out; a group of which it would be let in. */
function access(host: HostView, user: Account | null, path: string): { group: string | null; note: string | null } {
  let group: string | null = null;
  for (const step of stepsTo(path)) {
    const facts = host.facts(step);
    if (facts === null) return { group, note: `${step} is not there yet, or cannot be seen` };
    const needed = facts.isFolder && step !== path ? 0o1 : facts.isFolder ? 0o5 : 0o4;
    const isOpen = (shift: number) => ((facts.mode >> shift) & needed) === needed;
    if (user !== null && (user.uid === 0 || (facts.uid === user.uid && isOpen(6)))) continue;
    if (isOpen(0) || (user !== null && facts.gid === user.gid && isOpen(3))) continue;
    const name = isOpen(3) && facts.gid !== 0 ? host.groupName(facts.gid) : null;
    if (name === null) return { group, note: `${step} has mode ${facts.mode.toString(8).padStart(4, "0")}` };
    group = name;
  }
  return { group, note: null };
}

/** `/a`, `/a/b`, `/a/b/c`. */
function stepsTo(path: string): string[] {
  const parts = path.split("/").slice(1);
  return parts.map((_, at) => `/${parts.slice(0, at + 1).join("/")}`);
}
