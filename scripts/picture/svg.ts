/** The few shapes that a chart needs, as SVG text. Colours are names of the style sheet, so that one file suits light and dark. */

export type Box = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

/** Nothing is fetched: fonts are the reader's own. */
const STYLE = `
  svg { --paper: #ffffff; --card: #f6f8fa; --edge: #d0d7de; --ink: #1f2328; --faint: #59636e; --grid: #dfe4e9;
    --a: #0969da; --b: #1a7f37; --c: #cf222e; --d: #8250df; --e: #9a6700; --hot: #cf222e; --cold: #eaeef2; }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #0d1117; --card: #151b23; --edge: #3d444d; --ink: #f0f6fc; --faint: #9198a1; --grid: #2a313c;
      --a: #4493f8; --b: #3fb950; --c: #f85149; --d: #ab7df8; --e: #d29922; --hot: #f85149; --cold: #212830; }
  }
  text { font-family: ui-sans-serif, system-ui, -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif;
    font-size: 12px; fill: var(--ink); }
  .title { font-size: 15px; font-weight: 600; }
  .head { font-size: 22px; font-weight: 600; }
  .faint { fill: var(--faint); }
  .small { font-size: 11px; }
  .figure { font-size: 20px; font-weight: 600; }
  .end { text-anchor: end; }
  .middle { text-anchor: middle; }
  .strong { font-weight: 600; }`;

export const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** Coordinates to a tenth of a pixel: what is invisible only makes the file larger. */
const at = (value: number) => String(Math.round(value * 10) / 10);

export function text(x: number, y: number, words: string, style = ""): string {
  return `<text x="${at(x)}" y="${at(y)}"${style === "" ? "" : ` class="${style}"`}>${escaped(words)}</text>`;
}

/** `hint`: what a pointer on it shows. */
export function bar({ x, y, width, height }: Box, colour: string, hint = "", opacity = 1): string {
  const place = `x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}"`;
  const seen = opacity === 1 ? "" : ` fill-opacity="${Math.round(opacity * 1_000) / 1_000}"`;
  const shape = `<rect ${place} fill="var(--${colour})"${seen}`;
  return hint === "" ? `${shape}/>` : `${shape}><title>${escaped(hint)}</title></rect>`;
}

export type Point = readonly [x: number, y: number];

export function line([x1, y1]: Point, [x2, y2]: Point, colour = "grid", width = 1): string {
  return `<line x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}" stroke="var(--${colour})" stroke-width="${width}"/>`;
}

export function dot([x, y]: Point, radius: number, colour: string, hint: string): string {
  return `<circle cx="${at(x)}" cy="${at(y)}" r="${radius}" fill="var(--${colour})"><title>${escaped(hint)}</title></circle>`;
}

/** A card with a title and a line of explanation; `draw` gets the room inside. */
export function card(box: Box, title: string, about: string, draw: (inside: Box) => string[]): string {
  const { x, y, width, height } = box;
  const frame = `<rect x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}" rx="8" fill="var(--card)" stroke="var(--edge)"/>`;
  const inside = { x: x + 16, y: y + 62, width: width - 32, height: height - 76 };
  const head = [text(x + 16, y + 27, title, "title"), text(x + 16, y + 46, about, "faint")];
  return ["<g>", frame, ...head, ...draw(inside), "</g>"].join("\n");
}

export function picture(width: number, height: number, title: string, parts: readonly string[]): string {
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">`;
  const paper = bar({ x: 0, y: 0, width, height }, "paper");
  return `${[open, `<title>${escaped(title)}</title>`, `<style>${STYLE}\n</style>`, paper, ...parts, "</svg>"].join("\n")}\n`;
}

export const grouped = (value: number) => Math.round(value).toLocaleString("en-US");

/** A round number at or above `value`, to end an axis with. */
export function roundedUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return (
    [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value) ?? 10 * power
  );
}

const SPANS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
  [1, "ms"],
] as const;

export function duration(ms: number): string {
  const [span, unit] = SPANS.find(([length]) => Math.abs(ms) >= length) ?? [1, "ms"];
  return `${Number((ms / span).toPrecision(3))} ${unit}`;
}
