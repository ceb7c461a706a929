/** Where the templates of a spec are: `bacalhau job validate` reads the file as it is, so each must be inside of quotes. */
import type { Finding } from "./findings.ts";

const BLOCK = /(?:^|[:\-\s])[|>][+-]?\d?\s*(?:#.*)?$/;

export function templateFindings(text: string): readonly Finding[] {
  const findings: Finding[] = [];
  const warn = (index: number, message: string) =>
    findings.push({ level: "warning", path: `line ${index + 1}`, message });
  /** The indentation of the key whose block of text this is; null: none. */
  let block: number | null = null;
  for (const [index, line] of text.split("\n").entries()) {
    const indent = /^ */.exec(line)?.[0].length ?? 0;
    if (block !== null && line.trim() !== "" && indent <= block) block = null;
    if (block !== null) {
      if (line.includes("{{")) {
        warn(index, "a template in a block of text: what is filled in becomes part of the script. Put it into Env");
      }
      continue;
    }
    if (line.trimStart().startsWith("#")) {
      if (line.includes("{{")) warn(index, "a template in a comment is rendered too, and its variable must be given");
    } else if (isUnquoted(line)) {
      warn(index, "a template outside of quotes: `bacalhau job validate` cannot read the file, and 1 becomes a number");
    } else if (boolean(line) !== null) {
      warn(index, `${boolean(line)} without quotes becomes true or false`);
    }
    if (BLOCK.test(line)) block = indent;
  }
  return findings;
}

/** Whether a `{{` of the line is outside of quotes, or its own quotes end those around it. */
function isUnquoted(line: string): boolean {
  let quote: string | null = null;
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? "";
    if (quote === null && line.startsWith("{{", at)) return true;
    if (quote === null && (char === '"' || char === "'")) quote = char;
    else if (quote === '"' && char === "\\") at++;
    else if (char === quote) quote = null;
  }
  return false;
}

/** YAML 1.1, which Bacalhau reads, has more words for true and false than 1.2. */
function boolean(line: string): string | null {
  return /(?:[:,[]\s+|[[]|^\s*-\s+)(yes|no|on|off)(?=\s*(?:[,\]}]|#|$))/i.exec(line)?.[1] ?? null;
}
