/** JSON as a person would lay it out: what fits into a line is in one, everything else a line for each entry. */

const COLUMNS = 110;

export function jsonText(value: unknown): string {
  return `${laidOut(value, "", 0)}\n`;
}

/** `used`: columns of the first line that a key takes. */
function laidOut(value: unknown, indent: string, used: number): string {
  const line = inOneLine(value);
  if (typeof value !== "object" || value === null || indent.length + used + line.length <= COLUMNS) return line;
  const inner = `${indent}  `;
  const isList = Array.isArray(value);
  const parts = isList
    ? value.map((item) => laidOut(item, inner, 0))
    : Object.entries(value).map(([key, item]) => {
        const name = `${JSON.stringify(key)}: `;
        return name + laidOut(item, inner, name.length);
      });
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  return `${open}\n${parts.map((part) => inner + part).join(",\n")}\n${indent}${close}`;
}

function inOneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inOneLine).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const parts = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${inOneLine(item)}`);
  return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
}
