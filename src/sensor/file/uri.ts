/** `file:GLOB[?format=NAME&map=FILE&poll=DURATION&settle=DURATION]` */
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { duration } from "../../core/settings/kind.ts";
import { FORMAT_PARAMETERS, type FormatSpec, readFormatSpec } from "../open-format.ts";
import { MAP_PARAMETER, readSourceUri, refuseUri, textParameters } from "../uri-parameters.ts";
import { type GlobPath, readGlob } from "./glob.ts";
import { formatOf } from "./names.ts";

const FORM = {
  scheme: "file",
  parameters: {
    ...MAP_PARAMETER,
    poll: duration("1ms", "1h"),
    settle: duration("1s", "7d"),
    ...textParameters(FORMAT_PARAMETERS),
  },
  tryHint: "agent run --source 'file:logs/*.ndjson'",
  isGlob: true,
} as const;

/** Long enough for a writer that fills its buffer before it writes: it leaves the half of a line for as long. */
const SETTLE_MS = 3_600_000;
/** An export that is done is read whole by one run; of a file that is written to at this moment the last line may be a half. */
const ONCE_SETTLE_MS = 10_000;

export type FileUri = {
  /** As it was written. */
  readonly glob: string;
  readonly paths: readonly GlobPath[];
  readonly pollMs: number | null;
  /** A file that was not written to for so long is complete, although its last line has no end. */
  readonly settleMs: number;
  /** The same with `once`. */
  readonly onceSettleMs: number;
  /** All that `formatOf` may return. */
  readonly formats: readonly FormatSpec[];
  /** The format of a file with this path. */
  readonly formatOf: (path: string) => FormatSpec;
};

/** Throws a UsageError for anything else. Reads no file. */
export function parseFileUri(uri: string, cwd: string): FileUri {
  const { place, given } = readSourceUri(uri, FORM);
  const refuse = (why: string): never => refuseUri(uri, [why], FORM.tryHint);
  if (place === "") refuse("the path is missing");
  if (place.startsWith("~")) refuse("~ is no folder here, only a shell knows it: write the whole path");
  const glob = isFolder(place, cwd) ? refuse(folderHint(place)) : place;
  const paths = readGlob(glob);
  if (typeof paths === "string") return refuse(paths);
  const { poll = null, settle, map: _map, ...format } = given;
  const parameters = new URLSearchParams(Object.entries(format));
  const specs = new Map<string, FormatSpec>(NAMED.map((name) => [name, specOf(parameters, name, refuse)]));
  const asked = readFormatSpec(parameters, "auto", refuse);
  return {
    glob,
    // A file whose name has signs of a glob is that file.
    paths: isThere(glob, cwd) ? [...paths, literalPath(glob)] : paths,
    pollMs: poll,
    settleMs: settle ?? SETTLE_MS,
    onceSettleMs: settle ?? ONCE_SETTLE_MS,
    formats: [asked, ...specs.values()],
    formatOf: (path) => (asked.isDefault ? specs.get(formatOf(path)) : asked) ?? asked,
  };
}

const NAMED = ["ndjson", "csv", "tsv"] as const;

/** Of files whose format is said by their names: parameters of CSV are for those of CSV. */
function specOf(parameters: URLSearchParams, byName: string, refuse: (why: string) => never): FormatSpec {
  if (parameters.has("format") || byName !== "ndjson") return readFormatSpec(parameters, byName, refuse);
  return readFormatSpec(new URLSearchParams(), byName, refuse);
}

/** A text that is the same for every way to write the same glob. */
export function sameFiles(uri: string, cwd: string): string {
  return resolve(cwd, parseFileUri(uri, cwd).glob);
}

/** Whether `other`, which may be the URI of anything, is the same glob under other parameters or in other words. */
export function isSameFiles(uri: string, other: string, cwd: string): boolean {
  try {
    return other.startsWith("file:") && sameFiles(other, cwd) === sameFiles(uri, cwd);
  } catch {
    return false;
  }
}

/** The folders below which all files of a glob are, absolute: what a reader must be able to list. */
export function foldersOf(uri: string, cwd: string): string[] {
  return parseFileUri(uri, cwd).paths.map(({ isAbsolute, steps }) => {
    const first = steps.findIndex((step) => step.kind === "folders" || step.literal === null);
    const known = steps.slice(0, first < 0 ? -1 : first);
    return resolve(
      cwd,
      join(isAbsolute ? "/" : ".", ...known.map((step) => (step.kind === "name" ? (step.literal ?? "") : ""))),
    );
  });
}

function literalPath(path: string): GlobPath {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  const steps = names.map(
    (literal) => ({ kind: "name", literal, matches: (name: string) => name === literal }) as const,
  );
  return { isAbsolute: path.startsWith("/"), steps };
}

function isThere(path: string, cwd: string): boolean {
  return statSync(resolve(cwd, path), { throwIfNoEntry: false }) !== undefined;
}

function isFolder(path: string, cwd: string): boolean {
  try {
    return statSync(resolve(cwd, path)).isDirectory();
  } catch {
    return false;
  }
}

function folderHint(path: string): string {
  return `"${path}" is a folder: ${path.replace(/\/$/, "")}/* are the files in it, and ${path.replace(/\/$/, "")}/**/* also those in its folders`;
}
