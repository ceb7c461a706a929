/** Who the agent is at a broker: of the URI, or of the settings where the URI names no user. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { codeOf, TransientError } from "../../core/errors.ts";
import { isLoopback } from "../../core/settings/address.ts";
import type { MqttAddress } from "./uri.ts";

export type Login = {
  readonly user: string | null;
  readonly password: string | null;
  /** Read at every connection, where there is no password. */
  readonly passwordFile: string | null;
};

/** What a person should know of a login that others on the way can read; null: they cannot. */
export function openLogin({ tls, host, name }: MqttAddress, { user, password, passwordFile }: Login): string | null {
  if (tls || isLoopback(host) || user === null || (password === null && passwordFile === null)) return null;
  return `The password for "${name}" is sent to another machine without encryption; mqtts:// encrypts it`;
}

const PASSWORD_BYTES = 64 * 1024;

export function loginFor({ user, password }: MqttAddress, settings: Login): Login {
  if (user === null) return settings;
  return password === null ? { ...settings, user } : { user, password, passwordFile: null };
}

/** Throws a TransientError where its file cannot be read: it may be there in a moment. */
export function passwordOf({ user, password, passwordFile }: Login, cwd: string): Buffer | null {
  if (user === null) return null;
  if (password !== null || passwordFile === null) return password === null ? null : Buffer.from(password);
  try {
    const text = readFileSync(resolve(cwd, passwordFile));
    if (text.length <= PASSWORD_BYTES) return Buffer.from(text.toString("utf8").replace(/\r?\n$/, ""));
  } catch (cause) {
    throw new TransientError(`the password file "${passwordFile}" cannot be read: ${codeOf(cause)}`, {
      tryHint: "agent config show",
      cause,
    });
  }
  throw new TransientError(`the password file "${passwordFile}" is longer than a password`, {
    tryHint: "agent config show",
  });
}
