/** Small tables as text, for people. */

/** Columns as wide as their widest cell; `right` columns are numbers. Lines have no spaces at their ends. */
export function textTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[],
): string {
  return [...tableLines([head, ...rows], right)].join("");
}

/** The same, a line at a time; `lines` are gone through twice. */
export function* tableLines(lines: readonly (readonly string[])[], right: readonly number[]): Iterable<string> {
  const widths: number[] = [];
  for (const line of lines) {
    for (const [column, text] of line.entries()) widths[column] = Math.max(widths[column] ?? 0, text.length);
  }
  const cell = (text: string, column: number) =>
    right.includes(column) ? text.padStart(widths[column]!) : text.padEnd(widths[column]!);
  for (const line of lines) yield `${line.map(cell).join("  ").trimEnd()}\n`;
}
