/** Policies as JSON, and when two of them say the same: order of keys, of lists, and `"x"` for `["x"]` do not matter. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export type Statement = {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
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

/** A document as IAM gives it (URL-encoded) or as S3 does (plain); null where it is no JSON object. */
export function parsePolicy(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text.startsWith("%") ? decodeURIComponent(text) : text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

export function statementsOf(policy: Record<string, unknown> | null): readonly Record<string, unknown>[] {
  const all = policy?.["Statement"];
  const list: readonly unknown[] = Array.isArray(all) ? all : [all];
  return list.filter((one): one is Record<string, unknown> => typeof one === "object" && one !== null);
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
