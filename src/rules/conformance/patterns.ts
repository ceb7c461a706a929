import type { Case } from "./case.ts";

function pattern(pattern: string, matching: readonly string[], others: readonly string[]): readonly Case[] {
  const expression = `location.matches(${JSON.stringify(pattern)})`;
  return [
    ...matching.map((location): Case => [expression, true, { location }]),
    ...others.map((location): Case => [expression, false, { location }]),
  ];
}

/** As RE2 describes its syntax. */
export const PATTERNS: readonly Case[] = [
  ...pattern("ubb", ["hubba"], ["HUBBA"]),
  ...pattern("", ["", "cows"], []),
  ...pattern("foo|bar", ["a bar"], [""]),
  ["matches(location, 'o+$')", true, { location: "foo" }],
  ["matches(location, 'o+$')", false, { location: "bar" }],
  ["matches(location, 'o+$')", "error"],
  ["matches(location, '(')", "refused"],
  ["matches(location, model)", "refused"],
  ...pattern("^(a|😀){2}$", ["😀a", "aa"], ["😀"]),
  ...pattern("^.$", ["a", "é", "💧", "\r", "\u2028", "\u0085"], ["", "\n", "ab"]),
  ...pattern("^[^a]$", ["💧", "\n"], ["a"]),
  ...pattern("^[😀-😂]$", ["😁"], ["a", "\ud83d"]),
  ...pattern("^\\s$", [" ", "\t", "\n", "\f", "\r"], ["\u00a0", "\v", "\u2003", "\ufeff"]),
  ...pattern("^\\S$", ["\u00a0", "\v", "a"], [" "]),
  ...pattern("^\\d$", ["7"], ["٣"]),
  ...pattern("^\\w$", ["a", "_", "0"], ["é", "ſ"]),
  ...pattern("a\\b", ["a", "a é", "aé"], ["ab"]),
  ...pattern("^[[:alpha:]]$", ["a", "Z"], ["1", "é", ":", "["]),
  ...pattern("^[[:^digit:]x]$", ["a", "x"], ["1"]),
  ...pattern("^\\pL$", ["a", "é", "中"], ["1", "\\"]),
  ...pattern("^\\p{Greek}+$", ["αβ"], ["ab", "p{Greek}"]),
  ...pattern("^\\p{^Greek}$", ["a"], ["α"]),
  ...pattern("^\\PN$", ["a"], ["1"]),
  ...pattern("\\Aab", ["abc"], ["xab", "Aab"]),
  ...pattern("ab\\z", ["xab"], ["abz", "ab\n"]),
  ...pattern("ab$", ["ab"], ["ab\n"]),
  ...pattern("(?m)^ab$", ["x\nab\ny"], ["xab"]),
  ...pattern("^\\Qa.b*\\E$", ["a.b*"], ["axb", "Qa.bE"]),
  ...pattern("(?i)sensor", ["SenSor", "ſensor"], ["senso"]),
  ...pattern("^(?i:k)$", ["k", "K", "\u212a"], ["x"]),
  ...pattern("^(?s).$", ["\n"], []),
  ...pattern("^(?P<year>\\d{4})-(?<month>\\d\\d)$", ["2024-01"], ["24-01"]),
  ...pattern("^\\x41\\x{1F600}$", ["A😀"], ["x41"]),
  ...pattern("^\\101$", ["A"], ["101"]),
  ...pattern("^\\a$", ["\x07"], ["a"]),
  ...pattern("^a{,2}$", ["a{,2}"], ["a", "aa"]),
  ...pattern("^a{2,3}?$", ["aa", "aaa"], ["a"]),
  ...pattern("^[]a]$", ["]", "a"], ["b"]),
  ...pattern("^[a\\]]$", ["]"], ["b"]),
  ...pattern("^(?i:(s[A-Z]*)*)$", ["sss", ""], [`${"s".repeat(40)}!`]),
  ...pattern("^(a+)+$", ["aaa"], [`${"a".repeat(200)}!`]),
  ...pattern("^(\\d+\\.?)+$", ["1.2.3"], [`${"1".repeat(200)}x`]),
  ...pattern("^.*a.*a.*a.*a.*b$", ["aaaab"], ["a".repeat(250)]),
];

export const NO_PATTERNS: readonly Case[] = [
  ...["(?=a)b", "(?!a)b", "(?<=a)b", "(?<!a)b", "(a)\\1", "(?<n>a)\\k<n>", "(a", "a)", "[a", "a**", "a++", "a{2}{3}"],
  ...[
    "a{1001}",
    "[b-a]",
    "[a-\\d]",
    "\\u0041",
    "\\cA",
    "\\Z",
    "\\G",
    "(?x)a b",
    "(?#c)a",
    "(?>a)",
    "[[:foo:]]",
    "\\p{Foo}",
  ],
  ...["\\8", "*a", "(?i", "\\", "((a{100}){100}){100}", "\\h", "[\\b]"],
].map((text): Case => [`location.matches(${JSON.stringify(text)})`, "refused", { location: "a" }]);
