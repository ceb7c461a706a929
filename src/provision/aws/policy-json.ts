/** Policies as we write them, and when two say the same: order of keys and of lists, and `"x"` for `["x"]`, do not matter. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export type Statement = {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Resource?: Json;
  readonly [key: string]: Json | undefined;
};
export type Policy = { readonly Version: "2012-10-17"; readonly Statement: readonly Statement[] };

export function policyOf(...statements: readonly Statement[]): Policy {
  return { Version: "2012-10-17", Statement: statements };
}

/** A text that is the same for policies that say the same. */
export function canonical(value: unknown): string {
  return JSON.stringify(sortedJson(value));
}

function sortedJson(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(sortedJson);
    return items.length === 1 ? items[0] : items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, one]) => one !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sortedJson(one)]),
  );
}

/** Every string below a value: the ARNs and actions of a policy. */
export function stringsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(stringsIn);
}

/** How IAM counts a policy's length: without white space. */
export function policyLength(policy: unknown): number {
  return JSON.stringify(policy).replace(/\s/g, "").length;
}

/** As IAM does: `*` is any text, `?` any letter; actions in any case. */
export function matches(pattern: string, text: string): boolean {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${escaped}$`, "i").test(text);
}
