/**
 * Lines for a terminal: spans of text with an ink, cut and padded by the columns that they take there. A span holds no control character
 * and nothing that changes how the characters behind it are shown, whatever a sensor is called.
 */

export type Ink = "plain" | "bold" | "dim" | "red" | "yellow" | "green" | "accent" | "inverse";
export type Span = { readonly text: string; readonly ink: Ink };
export type Line = readonly Span[];

const SGR: Record<Ink, string> = {
  plain: "",
  bold: "1",
  dim: "2",
  red: "31",
  yellow: "33",
  green: "32",
  accent: "36",
  inverse: "7",
};

export function span(text: string, ink: Ink = "plain"): Span {
  return { text: harmless(text), ink };
}

/**
 * Control characters, formats (bidirectional ones too), separators of lines and characters without a meaning become `?`; of marks that
 * combine with a character, two stay: more would be drawn over other lines.
 */
export function harmless(text: string): string {
  if (/^[\u0020-\u007e]*$/.test(text)) return text;
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cn}]/gu, "?")
    .replaceAll(/(\p{M}{2})\p{M}+/gu, "$1");
}

export function widthOf(text: string): number {
  return /^[\u0020-\u007e]*$/.test(text) ? text.length : Bun.stringWidth(text);
}

const SEGMENTS = new Intl.Segmenter("en", { granularity: "grapheme" });

/** At most `width` columns, with `…` where something is cut. */
export function cut(text: string, width: number): string {
  const whole = harmless(text);
  if (widthOf(whole) <= width) return whole;
  if (width <= 0) return "";
  let taken = "";
  let used = 0;
  for (const { segment } of SEGMENTS.segment(whole)) {
    const more = widthOf(segment);
    if (used + more > width - 1) break;
    taken += segment;
    used += more;
  }
  return `${taken}…`;
}

/** Exactly `width` columns. */
export function padded(text: string, width: number, side: "left" | "right" = "left"): string {
  const shown = cut(text, width);
  const blanks = " ".repeat(Math.max(0, width - widthOf(shown)));
  return side === "left" ? shown + blanks : blanks + shown;
}

export function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + widthOf(text), 0);
}

/** At most `width` columns. */
export function fitted(line: Line, width: number): Line {
  if (lineWidth(line) <= width) return line;
  const spans: Span[] = [];
  let left = width;
  for (const { text, ink } of line) {
    if (left <= 0) break;
    const shown = cut(text, left);
    spans.push({ text: shown, ink });
    left -= widthOf(shown);
  }
  return spans;
}

/** `left`, and `right` at the right edge, where both have room. */
export function spread(left: Line, right: Line, width: number): Line {
  const gap = width - lineWidth(left) - lineWidth(right);
  return gap < 1 ? fitted(left, width) : [...left, span(" ".repeat(gap)), ...right];
}

/** As the terminal takes it: SGR sequences where colours are welcome, and plain text. Bold and inverse are no colours. */
export function lineText(line: Line, hasColours: boolean): string {
  return line
    .map(({ text, ink }) => {
      const code = hasColours || ink === "bold" || ink === "inverse" ? SGR[ink] : "";
      return code === "" ? harmless(text) : `\u001b[${code}m${harmless(text)}\u001b[0m`;
    })
    .join("");
}

const BARS = "▁▂▃▄▅▆▇█";

/** A bar for each of the newest `width` values, between the least and the greatest of them; a blank where there is none. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const known = shown.filter(Number.isFinite);
  const least = Math.min(...known);
  const range = Math.max(...known) - least;
  const bars = shown.map((value) => {
    if (!Number.isFinite(value)) return " ";
    // A value that never changes is a line in the middle.
    return BARS[range === 0 ? 3 : Math.round(((value - least) / range) * (BARS.length - 1))];
  });
  return bars.join("").padStart(width);
}

/** `████░░░░░░` */
export function gauge(share: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return "█".repeat(full) + "░".repeat(width - full);
}
