/** Text broken between words, for help pages and tables. */

/** The columns of a terminal whose width is unknown; help pages are never wider. */
export const USUAL_COLUMNS = 80;
/** Tables are laid out for no fewer columns than this. */
export const LEAST_COLUMNS = 60;

/** Lines of at most `width` characters; a word that is longer has a line of its own. */
export function wrapWords(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const [piece] of text.matchAll(/\s*\S+/g)) {
    if (line === "" || line.length + piece.length <= width) {
      line += line === "" ? piece.trimStart() : piece;
      continue;
    }
    lines.push(line);
    line = piece.trimStart();
  }
  return [...lines, line];
}

/** The longest word's length. */
export function longestWord(text: string): number {
  return Math.max(0, ...text.split(/\s+/).map((word) => word.length));
}

/**
 * `name  text` lines, the texts under each other, `gap` between them; a text longer than `columns` continues there. Without
 * `columns` each has one line, however long.
 */
export function factLines(
  facts: readonly (readonly [name: string, text: string])[],
  columns?: number,
  gap = "  ",
): string[] {
  const indent = Math.max(...facts.map(([name]) => name.length)) + gap.length;
  return facts.flatMap(([name, text]) => {
    const lines = columns === undefined ? [text] : wrapWords(text, columns - indent);
    return lines.map((line, at) => `${(at === 0 ? name : "").padEnd(indent)}${line}`.trimEnd());
  });
}
