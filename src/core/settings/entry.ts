/** One setting of the table: its name in the environment, its meaning, its default and its limits. */
import type { Kind } from "./kind.ts";
import * as kind from "./kind.ts";

export type Setting<T> = {
  readonly env: string;
  /** Another name of the ecosystem for it, which counts where the first is not set. */
  readonly also?: string;
  /** The flag's name without dashes; null where a flag would only make `--help` longer. */
  readonly flag: string | null;
  readonly doc: string;
  /** Written like a user would; null: not set. */
  readonly fallback: string | null;
  /** Never printed, only whether it is set. */
  readonly secret: boolean;
  readonly kind: Kind<T>;
};

/** Its name in the environment, alone or with its other options. */
type Named = string | { readonly env: string; readonly also?: string; readonly flag?: string; readonly secret?: true };

function namesOf(named: Named): Pick<Setting<never>, "env" | "also" | "flag" | "secret"> {
  if (typeof named === "string") return { env: named, flag: null, secret: false };
  return { flag: null, secret: false, ...named };
}

export function must<T>(named: Named, of: Kind<T>, fallback: string, doc: string): Setting<T> {
  return { ...namesOf(named), doc, fallback, kind: of };
}

export function may<T>(named: Named, of: Kind<T>, doc: string): Setting<T | null> {
  const parsed: Kind<T | null> = { ...of, format: (value) => (value === null ? "" : of.format(value)) };
  return { ...namesOf(named), doc, fallback: null, kind: parsed };
}

export const secretText = kind.text("text on one line", "SECRET");
