/** Rows as CSV by RFC 4180. Values are data: none is changed, also where a spreadsheet would take it for a formula. */
import type { SqlValue } from "./worker-words.ts";

export function csvLine(values: readonly SqlValue[]): string {
  return `${values.map(csvValue).join(",")}\r\n`;
}

/** NULL is nothing at all; an empty text is `""`. */
function csvValue(value: SqlValue): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  if (typeof value !== "string") return hexOf(value);
  return value === "" || /[",\r\n]|^\s|\s$|^[=+\-@]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
