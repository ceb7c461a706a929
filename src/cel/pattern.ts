/**
 * The patterns of `matches` are RE2's, in its meaning and in its time: in proportion to the text, whatever the pattern. The
 * library that knows them is loaded by the first pattern of a rule, not before: it costs some 12 MB and 15 ms.
 */
import type { RE2JS } from "re2js";

/** The texts of readings repeat: sensors, models, kinds of anomaly. The newest answers are kept for each pattern. */
const MAX_ANSWERS = 512;
const MAX_PATTERNS = 1_024;
/** A longer one is never a name, and not worth its memory. */
const MAX_REMEMBERED_LENGTH = 512;
/** Instructions of a compiled pattern; a text of 256 characters then takes some milliseconds at worst. */
const MAX_PROGRAM = 2_000;

export type Matcher = (text: string) => boolean;

/** Rules are read, tested and compiled one after the other, and say the same pattern each time. */
const known = new Map<string, Matcher>();

/** The pattern as a function, or the reason why it has none. */
export function readPattern(pattern: string): Matcher | { readonly problem: string } {
  const before = known.get(pattern);
  if (before !== undefined) return before;
  const read = compilePattern(pattern);
  if ("problem" in read) return read;
  const matcher = remembering(read);
  if (known.size >= MAX_PATTERNS) known.clear();
  known.set(pattern, matcher);
  return matcher;
}

function compilePattern(pattern: string): RE2JS | { readonly problem: string } {
  // Synchronous, because rules are read synchronously; an import would load it for everyone.
  const { RE2JS, RE2JSException } = require("re2js") as typeof import("re2js");
  try {
    const compiled = RE2JS.compile(pattern);
    if (compiled.programSize() <= MAX_PROGRAM) return compiled;
    return { problem: `the pattern is too large: ${compiled.programSize()} steps, at most ${MAX_PROGRAM}` };
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    return {
      problem: `${error.message.replace(/^error parsing regexp: /, "the pattern is not one of RE2: ")}${hintFor(pattern)}`,
    };
  }
}

function hintFor(pattern: string): string {
  if (/\(\?<?[=!]/.test(pattern)) return "; CEL's patterns cannot look ahead or behind";
  if (/\\[1-9k]/.test(pattern)) return "; CEL's patterns cannot refer back to a group";
  if (pattern.includes("\\Z")) return "; the end of the text is \\z";
  const code = /\\u([\da-fA-F]{4})/.exec(pattern)?.[1];
  return code === undefined ? "" : `; a character by its number is \\x{${code}}`;
}

function remembering(compiled: RE2JS): Matcher {
  const answers = new Map<string, boolean>();
  return (text) => {
    let answer = answers.get(text);
    if (answer === undefined) {
      answer = compiled.test(text);
      if (answers.size >= MAX_ANSWERS) answers.clear();
      if (text.length <= MAX_REMEMBERED_LENGTH) answers.set(text, answer);
    }
    return answer;
  };
}
