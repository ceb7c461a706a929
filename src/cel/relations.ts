/**
 * In CEL `==`, `!=`, `<`, `<=`, `>`, `>=` and `in` are of one level and go from left to right: `a == b < c` is `(a == b) < c`.
 * The library's parser lets the others go before `==` and `!=`; so the brackets that CEL means are written before it reads.
 */

export type Bracketed = {
  readonly text: string;
  /** From a place in `text` to the place in the text as it was written. */
  readonly placeOf: (index: number) => number;
};

/** A text in quotes with its prefix, a comment, a name or number, an operator of two characters, any other character. */
const TOKEN = new RegExp(
  [
    /[bBrR]?"""(?:\\[\s\S]|[^\\])*?"""/,
    /[bBrR]?'''(?:\\[\s\S]|[^\\])*?'''/,
    /[bBrR]?"(?:\\[\s\S]|[^"\\])*"/,
    /[bBrR]?'(?:\\[\s\S]|[^'\\])*'/,
    /\/\/[^\n]*/,
    /[A-Za-z0-9_]+/,
    /[=!<>]=|&&|\|\||\s+|[\s\S]/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "gy",
);
const EQUALITIES: ReadonlySet<string> = new Set(["==", "!="]);
const ORDERS: ReadonlySet<string> = new Set(["<", "<=", ">", ">=", "in"]);
/** What ends a chain of relations on its level of brackets. */
const ENDS: ReadonlySet<string> = new Set([",", "?", ":", "&&", "||"]);

type Relation = { readonly at: number; readonly end: number; readonly isOrder: boolean };
type Chain = { start: number; readonly relations: Relation[]; lastEnd: number };
type Insertion = { readonly at: number; readonly bracket: "(" | ")" };

export function bracketRelations(text: string): Bracketed {
  // Most expressions have relations of one sort only.
  if (!/[=!]=/.test(text) || !/[<>]|\bin\b/.test(text)) return { text, placeOf: (index) => index };
  const inserted = insertionsFor(text).toSorted((a, b) => a.at - b.at);
  if (inserted.length === 0) return { text, placeOf: (index) => index };
  let from = 0;
  let bracketed = "";
  for (const { at, bracket } of inserted) {
    bracketed += text.slice(from, at) + bracket;
    from = at;
  }
  const placeOf = (index: number): number => {
    // The nth insertion is n places further to the right than in the text as it was written.
    const before = inserted.filter(({ at }, n) => at + n < index).length;
    return Math.max(0, index - before);
  };
  return { text: bracketed + text.slice(from), placeOf };
}

function insertionsFor(text: string): Insertion[] {
  const inserted: Insertion[] = [];
  const open: Chain[] = [newChain()];
  const finish = (chain: Chain | undefined) => {
    if (chain !== undefined) inserted.push(...insertionsOf(chain));
  };
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (/^(?:\s|\/\/)/.test(token)) continue;
    if (token === ")" || token === "]" || token === "}") finish(open.length > 1 ? open.pop() : undefined);
    const chain = open.at(-1);
    if (chain === undefined) continue;
    if (ENDS.has(token)) {
      finish(open.pop());
      open.push(newChain());
      continue;
    }
    if (chain.start < 0) chain.start = index;
    if (EQUALITIES.has(token) || ORDERS.has(token)) {
      chain.relations.push({ at: index, end: chain.lastEnd, isOrder: ORDERS.has(token) });
    }
    chain.lastEnd = index + token.length;
    if (token === "(" || token === "[" || token === "{") open.push(newChain());
  }
  for (const chain of open) finish(chain);
  return inserted;
}

function newChain(): Chain {
  return { start: -1, relations: [], lastEnd: 0 };
}

/** Brackets around all that is left of a relation, for each but the first, where an order follows an equality. */
function insertionsOf({ start, relations }: Chain): Insertion[] {
  const equality = relations.findIndex(({ isOrder }) => !isOrder);
  const isMixed = equality >= 0 && relations.slice(equality).some(({ isOrder }) => isOrder);
  if (!isMixed) return [];
  return relations.slice(1).flatMap(({ end }) => [
    { at: start, bracket: "(" as const },
    { at: end, bracket: ")" as const },
  ]);
}
