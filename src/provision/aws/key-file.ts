/**
 * The file that holds the edge's key: made before the key, so that a key whose answer was lost is recognised.
 * `FILE.new` says which keys there were before; then it holds the new one; then it takes FILE's place. Only its owner
 * may read either (0600).
 */
import { chmodSync, closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { AgentError, codeOf, messageOf } from "../../core/errors.ts";
import { readFileText } from "../../core/outside/file-text.ts";
import type { AwsKey } from "./clients.ts";

const HEAD = "# Made by agent provision: the edge's key. Copy it to the node as its .env; it cannot be shown again.";
/** Without a source the agent refuses to run: its default, a simulator, never fills buckets unless it is named. */
const SOURCE = "# AGENT_SOURCE=sqlite:/path/to/field.db";
const BEFORE = "# keys before: ";
const ID = /^AWS_ACCESS_KEY_ID=(.+)$/m;
const SECRET = /^AWS_SECRET_ACCESS_KEY=(.+)$/m;
/** More than this is not a file of ours. */
const LIMIT_BYTES = 16 * 1024;
const OTHER_FILE = "agent provision apply --key-file ~/edge-credentials-2.env";

export type KeyFile = {
  /** Null: the key was asked for, and its answer has not been written down. */
  readonly key: AwsKey | null;
  /** Keys that the user had when this one was asked for. */
  readonly before: readonly string[];
  /** Others than the owner may read it. */
  readonly isOpen: boolean;
};

/** Null where there is no file. Throws where there is one that is not ours. */
export function readKeyFile(path: string): KeyFile | null {
  let text: string;
  let mode: number;
  try {
    mode = statSync(path).mode;
    text = readFileText(path, LIMIT_BYTES);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw notUsable(path, messageOf(error), error);
  }
  if (!text.startsWith(HEAD)) throw notUsable(path, "it is there already and is not of agent provision");
  const [accessKeyId, secretAccessKey] = [ID.exec(text)?.[1], SECRET.exec(text)?.[1]];
  const key = accessKeyId === undefined || secretAccessKey === undefined ? null : { accessKeyId, secretAccessKey };
  const line = text.split("\n").find((one) => one.startsWith(BEFORE));
  const before = (line?.slice(BEFORE.length) ?? "").split(",").filter((id) => /^[A-Z0-9]{1,128}$/.test(id));
  return { key, before, isOpen: process.platform !== "win32" && (mode & 0o077) !== 0 };
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
    ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
    SOURCE,
  ];
  const part = `${path}.part`;
  try {
    rmSync(part, { force: true });
    const file = openSync(part, "wx", 0o600);
    try {
      writeSync(file, `${lines.join("\n")}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(part, path);
  } catch (error) {
    throw new AgentError(`Cannot write "${path}": ${messageOf(error)}`, {
      cause: error,
      tryHint: OTHER_FILE,
    });
  }
}

export function newFileOf(path: string): string {
  return `${path}.new`;
}

export function takePlace(path: string): void {
  renameSync(newFileOf(path), path);
}

export function closeToOthers(path: string): void {
  chmodSync(path, 0o600);
}
