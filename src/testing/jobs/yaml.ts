/** What a test expects in a YAML file, or an error that says what is there. */

export function asMap(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error(`Not a map: ${shown(value)}`);
  return Object.fromEntries(Object.entries(value));
}

export function asList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`Not a list: ${shown(value)}`);
  return value;
}

export function asText(value: unknown): string {
  if (typeof value !== "string") throw new Error(`Not a text: ${shown(value)}`);
  return value;
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 100) ?? String(value);
}
