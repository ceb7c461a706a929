/**
 * JSON whose integers are exact. Databricks's ids (job_id, run_id, object_id) are int64 written as plain JSON numbers,
 * often beyond 2^53: here such a number is a bigint, in and out.
 */

type Exact = {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): object;
};
const EXACT = JSON as unknown as Exact;

/** Throws SyntaxError as JSON.parse does. Integers that a double cannot hold become bigint; all else is as usual. */
export function parseExact(text: string): unknown {
  return EXACT.parse(text, (_key, value, { source }) => {
    const rounded = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
    return rounded && source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value;
  });
}

/** A bigint is written as its digits, not as a string. Fields that are undefined are left out, as Databricks does. */
export function printExact(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === "bigint" ? EXACT.rawJSON(String(one)) : one));
}
