/** One setting of the table: its name in the environment, what it means, its default and its limits. */
import type { Kind } from "./kind.ts";
import * as kind from "./kind.ts";

export type Setting<T> = {
  readonly env: string;
  /** The flag's name without dashes; null where a flag would only make `--help` longer. */
  readonly flag: string | null;
  readonly doc: string;
  /** Written like a user would; null: not set. A function: made from the name of this host. */
  readonly fallback: string | null | ((hostName: string) => string);
  /** Never printed, only whether it is set. */
  readonly secret: boolean;
  readonly kind: Kind<T>;
};

type More = { readonly flag?: string; readonly secret?: boolean };

export function must<T>(
  env: string,
  of: Kind<T>,
  fallback: string | ((hostName: string) => string),
  doc: string,
  more: More = {},
): Setting<T> {
  return { env, flag: more.flag ?? null, doc, fallback, secret: more.secret ?? false, kind: of };
}

export function may<T>(env: string, of: Kind<T>, doc: string, more: More = {}): Setting<T | null> {
  const parsed: Kind<T | null> = { ...of, format: (value) => (value === null ? "" : of.format(value)) };
  return { env, flag: more.flag ?? null, doc, fallback: null, secret: more.secret ?? false, kind: parsed };
}

export const secretText = kind.text("text on one line", "SECRET");
