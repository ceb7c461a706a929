/**
 * What to write instead, for mistakes that come from other languages and from habit: `and`, `=`, `10 < x < 20`, `60,5`. Asked
 * only for an expression that is refused, so that a guess can do no harm.
 */
import type { ExpressionProblem } from "../../cel/parse.ts";

type Advice = {
  /** In the expression without the content of its texts. */
  readonly pattern: RegExp;
  readonly say: (found: RegExpExecArray) => string;
  /** Only where the reader of expressions stopped at, or near, this place. */
  readonly nearby?: true;
};

const ABSENT =
  'a reading without the field never breaks an expression; a rule of the kind "missing" finds readings without a measure';
const FIELD = String.raw`[A-Za-z_]\w*`;
const OPERAND = String.raw`[\w.]+`;

/** The first that fits counts. */
const ADVICE: readonly Advice[] = [
  {
    pattern: new RegExp(String.raw`\bhas\s*\(\s*(${FIELD})\s*\)`),
    say: ([, name]) => `has(${name}) is not needed: ${ABSENT}`,
  },
  {
    pattern: new RegExp(
      String.raw`(${FIELD})\s*(?:[=!]==?\s*(?:null|undefined|None)\b|\bis\s+(?:not\s+)?(?:null|None)\b)`,
      "i",
    ),
    say: ([, name]) => `"${name}" cannot be compared with null: ${ABSENT}`,
  },
  {
    pattern: new RegExp(String.raw`(${OPERAND})\s*(<=?|>=?)\s*(${FIELD})\s*(<=?|>=?)\s*(${OPERAND})`),
    say: ([, low, first, name, second, high]) =>
      `a field is compared with one value at a time: write ${low} ${first} ${name} && ${name} ${second} ${high}`,
  },
  { pattern: /\d(,)\d/, nearby: true, say: () => "a decimal number has a point, not a comma: write 60.5 for 60,5" },
  { pattern: /(?<![=!<>])=(?!=)/, say: () => 'write "==" to compare' },
  { pattern: /===|!==/, say: ([found]) => `write "${found.slice(0, 2)}"` },
  { pattern: /<>/, say: () => 'write "!="' },
  { pattern: /(?<!&)&(?!&)/, say: () => 'write "&&"' },
  { pattern: /(?<!\|)\|(?!\|)/, say: () => 'write "||"' },
  { pattern: /\*\*|\^/, say: () => "write pow(a, b) for a to the power of b" },
  {
    pattern: new RegExp(String.raw`(${FIELD})\s+between\b`, "i"),
    say: ([, name]) => `write ${name} >= LOW && ${name} <= HIGH for "between"`,
  },
  {
    pattern: new RegExp(String.raw`(${FIELD})\s+like\b`, "i"),
    say: ([, name]) => `write ${name}.startsWith("a"), ${name}.contains("a") or ${name}.matches("a.*") for "like"`,
  },
  { pattern: /\b(and|or|not)\b/i, say: ([, word = ""]) => `write ${WORDS[word.toLowerCase()]} for "${word}"` },
  {
    pattern: new RegExp(String.raw`(${FIELD})\s*==\s*"[^"]*"\s*\|\|\s*"`),
    say: ([, name]) => `write ${name} in ["a", "b"]`,
  },
  { pattern: /\bif\b/i, say: () => "write CONDITION ? A : B; a rule is broken where the expression is true" },
  { pattern: /;/, say: () => 'an expression ends without ";"' },
  { pattern: /(?<![\w.)\]])\.\d/, say: ([found]) => `write 0${found} for ${found}` },
  { pattern: /\d\.(?![\w.])/, say: ([found]) => `write ${found}0 for ${found}` },
  { pattern: /[%°]/, nearby: true, say: () => "a number has no unit here: the unit is the measure's own" },
];
const WORDS: Readonly<Record<string, string>> = { and: '"&&"', or: '"||"', not: '"!"' };

/** How far from the place where the reader stopped a mistake can be. */
const NEAR = 3;

/** The problem with what to write, at the place of the mistake; the same problem without advice. */
export function withAdvice(text: string, problem: ExpressionProblem): ExpressionProblem {
  const bare = withoutTexts(text);
  for (const { pattern, say, nearby } of ADVICE) {
    const found = pattern.exec(bare);
    if (found === null) continue;
    const [whole, part = ""] = found;
    const index = nearby ? found.index + whole.indexOf(part) : found.index;
    if (nearby && Math.abs(index - problem.index) > NEAR) continue;
    return { message: `${say(found)} (${problem.message})`, index };
  }
  return problem;
}

/** The expression with blanks for its texts, of the same length. A text that never ends stays as it is. */
function withoutTexts(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, (found) => `"${" ".repeat(found.length - 2)}"`);
}
