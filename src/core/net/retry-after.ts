/** `Retry-After` (RFC 9110 §10.2.3) as milliseconds to wait: the header is a number of seconds, or a date. */
export function parseRetryAfter(header: string | null | undefined, wallMs: number): number | undefined {
  const text = header?.trim() ?? "";
  if (text === "") return undefined;
  const waitMs = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - wallMs;
  return Number.isFinite(waitMs) ? Math.max(0, waitMs) : undefined;
}
