/**
 * The file that holds the edge's key: made before the key, so that a key whose answer was lost is recognised.
 * `FILE.new` says which keys there were before; then it holds the new one; then it takes FILE's place. Only its owner
 * may read either (0600).
 */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { AgentError, codeOf, messageOf } from "../../core/errors.ts";
import { readFileText } from "../../core/outside/file-text.ts";
import type { AwsKey } from "../aws/clients.ts";

const HEAD = "# Made by agent provision: the edge's key. Copy it to the node as its .env; it cannot be shown again.";
/** Without a source the agent refuses to run: its default, a simulator, never fills buckets unless it is named. */
const SOURCE = "# AGENT_SOURCE=sqlite:/path/to/field.db";
const BEFORE = "# keys before: ";
/** Only where there is no key yet: who makes it. */
const MAKER = "# being made by: ";
/** No run takes this long to make a key: a process with its pid is another one. */
const MAKING_LIMIT_MS = 600_000;
const ID = /^AWS_ACCESS_KEY_ID=(.+)$/m;
const SECRET = /^AWS_SECRET_ACCESS_KEY=(.+)$/m;
/** More than this is not a file of ours. */
const LIMIT_BYTES = 16 * 1024;
const OTHER_FILE = "agent provision apply --key-file ~/edge-credentials-2.env";

export type KeyFile = {
  /** Null: the key was asked for, and its answer has not been written down. */
  readonly key: AwsKey | null;
  /** Keys that this one is to replace: the next rotation deletes them. */
  readonly before: readonly string[];
  /** The pid of another run on this machine that is making the key now; null: none is. */
  readonly maker: number | null;
  /** Others than the owner may read it. */
  readonly isOpen: boolean;
};

/** Null where there is no file. Throws where there is one that is not ours. */
export function readKeyFile(path: string): KeyFile | null {
  let text: string;
  let stats: { readonly mode: number; readonly mtimeMs: number };
  try {
    stats = statSync(path);
    text = readFileText(path, LIMIT_BYTES);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw notUsable(path, messageOf(error), error);
  }
  if (!text.startsWith(HEAD)) throw notUsable(path, "it is there already and is not of agent provision");
  const [accessKeyId, secretAccessKey] = [ID.exec(text)?.[1], SECRET.exec(text)?.[1]];
  const key = accessKeyId === undefined || secretAccessKey === undefined ? null : { accessKeyId, secretAccessKey };
  const lines = text.split("\n");
  const said = (head: string) => lines.find((one) => one.startsWith(head))?.slice(head.length) ?? "";
  const before = said(BEFORE)
    .split(",")
    .filter((id) => /^[A-Z0-9]{1,128}$/.test(id));
  const maker = makerIn(said(MAKER), stats.mtimeMs);
  return { key, before, maker, isOpen: process.platform !== "win32" && (stats.mode & 0o077) !== 0 };
}

function makerIn(said: string, mtimeMs: number): number | null {
  const [, pid, host] = /^(\d{1,10}) on (.+)$/.exec(said) ?? [];
  if (pid === undefined || host !== hostname() || Number(pid) === process.pid) return null;
  return Date.now() - mtimeMs < MAKING_LIMIT_MS && isAlive(Number(pid)) ? Number(pid) : null;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and belongs to another user.
    return codeOf(error) === "EPERM";
  }
}

function notUsable(path: string, why: string, cause?: unknown): AgentError {
  return new AgentError(`Cannot use "${path}" for the edge's key: ${why}`, { cause, tryHint: OTHER_FILE });
}

/** On return it is on disk, and only the owner may read it. Killed before that, the file before it is unchanged. */
export function writeKeyFile(
  path: string,
  before: readonly string[],
  settings: Readonly<Record<string, string>>,
): void {
  const lines = [
    HEAD,
    `${BEFORE}${before.join(",")}`,
    ...(Object.keys(settings).length === 0 ? [`${MAKER}${process.pid} on ${hostname()}`] : []),
    ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
    SOURCE,
  ];
  // Two runs may write beside one another.
  const part = `${path}.${randomBytes(6).toString("hex")}.part`;
  try {
    const file = openSync(part, "wx", 0o600);
    try {
      writeSync(file, `${lines.join("\n")}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw new AgentError(`Cannot write "${path}": ${messageOf(error)}`, {
      cause: error,
      tryHint: OTHER_FILE,
    });
  }
}

export function newFileOf(path: string): string {
  return `${path}.new`;
}

/** Where another run has put the new file in its place already, that is done. */
export function takePlace(path: string): void {
  try {
    renameSync(newFileOf(path), path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT" || readKeyFile(path) === null) throw error;
  }
}

/** What a run that was killed or refused has left beside the file. */
export function dropNewFile(path: string): void {
  const [folder, name] = [dirname(path), basename(newFileOf(path))];
  for (const one of readdirSync(folder)) {
    if (one === name || (one.startsWith(`${name}.`) && one.endsWith(".part")))
      rmSync(join(folder, one), { force: true });
  }
}

export function closeToOthers(path: string): void {
  chmodSync(path, 0o600);
}
