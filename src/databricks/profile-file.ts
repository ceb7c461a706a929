/** `~/.databrickscfg`, as the Databricks CLI writes it: sections in brackets, `key = value`, comments with `#` or `;`. */

/** The file is a few lines; a larger one is something else. */
export const PROFILE_FILE_BYTES = 256 * 1024;

export type ProfileValues = {
  readonly host?: string;
  readonly token?: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly warehouseId?: string;
};

const KEYS: Readonly<Record<string, keyof ProfileValues>> = {
  host: "host",
  token: "token",
  client_id: "clientId",
  client_secret: "clientSecret",
  warehouse_id: "warehouseId",
};

/** The values of a profile, or null where the file has none of that name. The last value of a key holds. */
export function readProfile(text: string, name: string): ProfileValues | null {
  let found: Record<string, string> | null = null;
  let isInside = false;
  for (const raw of text.replace(/^\uFEFF/, "").split(/\r?\n/)) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    const section = /^\[(.+)\]$/.exec(line)?.[1]?.trim();
    if (section !== undefined) {
      isInside = section === name;
      if (isInside) found ??= {};
      continue;
    }
    const [, key, value] = /^([^=:]+?)\s*[=:]\s*(.*)$/.exec(line) ?? [];
    const known = key === undefined ? undefined : KEYS[key.toLowerCase()];
    if (isInside && found !== null && known !== undefined && value !== undefined && value !== "") found[known] = value;
  }
  return found;
}

export function profileNames(text: string): readonly string[] {
  return [...text.matchAll(/^\s*\[(.+)\]\s*$/gm)].map(([, name = ""]) => name.trim());
}
