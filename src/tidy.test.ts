/** The rules of this codebase that a machine can check. A rule that no test enforces is an opinion. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { envExample } from "./core/settings/example.ts";

const ROOT = join(import.meta.dir, "..");
const LIMITS = { source: 300, test: 500, function: 70, parameters: 4 };
/**
 * The layout is the data flow. A part imports only parts that stand before it here, and those of its own group never:
 * the steps know only `core`; `agent` joins them; what people ask for is built on it; `cli` is flags in, text out.
 */
const GROUPS = [
  ["core"],
  // The language of expressions, of rules and of maps.
  ["cel"],
  ["sensor", "buffer", "rules", "stages", "uplink", "fleet", "http", "databricks", "fake-workspace", "systemd"],
  ["lakehouse"],
  ["agent", "provision"],
  ["status", "verdicts", "query"],
  ["verify", "dashboard"],
  // Runs in the browser: of the rest it knows only words and shapes.
  ["page"],
  ["cli"],
] as const;

/** All files that git keeps or would keep, by path from the root. */
const FILES = Bun.spawnSync(["git", "ls-files", "-co", "--exclude-standard"], { cwd: ROOT })
  .stdout.toString()
  .split("\n")
  .filter((path) => path !== "" && existsSync(join(ROOT, path)));
const CODE = FILES.filter((path) => /\.tsx?$/.test(path));
const SOURCES = CODE.filter((path) => path.startsWith("src/"));

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const isTest = (path: string) => /\.(test|suite)\.tsx?$/.test(path) || path.startsWith("src/testing/");

test("there is something to check", () => {
  expect(SOURCES).toContain("src/main.ts");
  expect(importsOf("src/main.ts")).toEqual(["src/core/version.ts", "src/cli/frame/process.ts"]);
  expect(importsOf("src/cli/frame/command.ts")).toContain("src/core/settings/settings.ts");
});

test("a source file has at most 300 lines, a test file at most 500", () => {
  const long = CODE.map((path) => ({ path, lines: read(path).trimEnd().split("\n").length })).filter(
    ({ path, lines }) => lines > (isTest(path) ? LIMITS.test : LIMITS.source),
  );
  expect(long).toEqual([]);
});

/**
 * Functions longer than the limit, as `name-line:length`. Relies on the formatter: a body ends at the first line that
 * begins with `}` at the indentation of the line on which its signature began.
 */
function longFunctions(text: string, limit: number): string[] {
  const lines = text.split("\n");
  const long: string[] = [];
  for (const [at, line] of lines.entries()) {
    const opens = /=> \{$/.test(line) || /^\s*\).*\{$/.test(line) || /\bfunction\b.*\{$/.test(line);
    const method = /^ +(?!if|for|while|switch|catch|else|do|try|return)(?:\w+ )*[*#]?[\w$]+(?:<.*>)?\(.*\{$/.test(line);
    if (!opens && !method) continue;
    const indent = /^ */.exec(line)![0];
    const length = lines.slice(at + 1).findIndex((next) => next.startsWith(`${indent}}`)) + 2;
    if (length > limit) long.push(`line ${at + 1}: ${length} lines`);
  }
  return long;
}

test("the check of functions sees functions, methods, arrows and signatures over several lines", () => {
  const body = "  one();\n".repeat(5);
  const methodBody = "    one();\n".repeat(5);
  const samples = [
    `export async function f(a: number): void {\n${body}}\n`,
    `const f = (a: number) => {\n${body}};\n`,
    `function f(\n  a: number,\n): Record<string, { b: 1 }> {\n${body}}\n`,
    `class A {\n  async #f(a = "{"): Promise<void> {\n${methodBody}  }\n}\n`,
    `class A {\n  get f(): number {\n${methodBody}  }\n}\n`,
  ];
  for (const sample of samples) {
    expect([sample, longFunctions(sample, 6).length]).toEqual([sample, 1]);
    expect([sample, longFunctions(sample, 7).length]).toEqual([sample, 0]);
  }
  expect(longFunctions(`for (const a of b) {\n${body}}\n`, 3)).toEqual([]);
});

test("a function has at most 70 lines", () => {
  const long = CODE.filter((path) => !isTest(path)).flatMap((path) =>
    longFunctions(read(path), LIMITS.function).map((what) => `${path} ${what}`),
  );
  expect(long).toEqual([]);
});

/** The modules that a file imports: paths from the root for our own, bare names for packages. */
function importsOf(path: string): string[] {
  const found = read(path).matchAll(
    /^\s*(?:import|export)\b[^"';]*?from "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm,
  );
  return [...found].map((match) => {
    const name = match[1] ?? match[2] ?? match[3]!;
    return name.startsWith(".") ? normalize(join(dirname(path), name)) : name;
  });
}

/** `src/buffer/schema.ts` is of `buffer`, `src/main.ts` of `src`, everything else of its first folder. */
function partOf(path: string): string {
  const [first, second, third] = path.split("/");
  return first === "src" ? (third === undefined ? "src" : second!) : first!;
}

/** Only tests import these; scripts make and measure with all of `src`. */
const FOR_TESTS = ["testing", "fake-workspace"];

const groupOf = (part: string) => GROUPS.findIndex((group) => (group as readonly string[]).includes(part));

/** Why `path` may not import `target`, a file of ours; or null. */
function whyNot(path: string, target: string): string | null {
  const [from, to] = [partOf(path), partOf(target)];
  const test = isTest(path);
  if (from === to || from === "src" || from === "testing" || from === "scripts") return null;
  if (to === "testing" && test) return null;
  if (FOR_TESTS.includes(to) && !test) return "only tests may";
  // A test of a step may join it to the wire that it is played on; otherwise tests look no further than their subject.
  return groupOf(to) >= 0 && groupOf(to) < groupOf(from) ? null : `"${from}" stands before "${to}", or beside it`;
}

test("the layout is the data flow: core imports nothing, a step imports core, nothing reaches sideways or up", () => {
  const parts = [...new Set(SOURCES.map(partOf))].filter((part) => part !== "src" && part !== "testing");
  expect(parts.filter((part) => groupOf(part) < 0)).toEqual([]);
  const wrong = SOURCES.flatMap((path) =>
    importsOf(path)
      .filter((target) => target.startsWith("src/"))
      .flatMap((target) => {
        const why = whyNot(path, target);
        return why === null ? [] : [`${path} imports ${target}: ${why}`];
      }),
  );
  expect(wrong).toEqual([]);
});

/** Files that import each other in a loop, types included, as `a -> b -> a`; each loop once. */
function circlesOf(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const state = new Map<string, "open" | "done">();
  const circles: string[] = [];
  const trail: string[] = [];
  const visit = (path: string): void => {
    if (state.get(path) === "done") return;
    if (state.get(path) === "open") {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
      return;
    }
    state.set(path, "open");
    trail.push(path);
    for (const target of imports.get(path) ?? []) visit(target);
    trail.pop();
    state.set(path, "done");
  };
  for (const path of imports.keys()) visit(path);
  return circles;
}

test("no file imports itself through others, types included", () => {
  const loop = new Map([
    ["a", ["b"]],
    ["b", ["c"]],
    ["c", ["a", "d"]],
    ["d", []],
  ]);
  expect(circlesOf(loop)).toEqual(["a -> b -> c -> a"]);
  expect(circlesOf(new Map(CODE.map((path) => [path, importsOf(path)])))).toEqual([]);
});

/** All that loading `path` may load, now or later, by the same names as {@link importsOf}. */
function reachedFrom(paths: readonly string[]): ReadonlySet<string> {
  const reached = new Set(paths);
  for (const path of reached) {
    if (!path.startsWith("src/")) continue;
    for (const target of /\.tsx?$/.test(path) ? importsOf(path) : []) reached.add(target);
  }
  return reached;
}

const isArktype = (name: string) => /^(arktype|@ark|arkregex)(\/|$)/.test(name);

test("the running agent never loads arktype, which costs 40 MB: not even by a lazy import", () => {
  const agent = SOURCES.filter((path) => path.startsWith("src/agent/") && !isTest(path));
  const reached = reachedFrom(["src/cli/run.ts", ...agent]);
  expect(reached.size).toBeGreaterThan(100);
  expect([...reached].filter(isArktype)).toEqual([]);
  // The check sees it where it is.
  expect(reachedFrom(["src/cli/provision/plan.ts"])).toContain("arktype");
});

test("arktype is imported in one place, where it is configured first", () => {
  const importers = CODE.filter((path) => importsOf(path).some(isArktype));
  expect(importers).toEqual(["src/databricks/shapes/ark.ts", "src/databricks/shapes/jitless.ts"]);
});

test("core imports no package", () => {
  const packages = SOURCES.filter((path) => partOf(path) === "core" && !isTest(path)).flatMap((path) =>
    importsOf(path)
      .filter((target) => !target.startsWith("src/") && !target.startsWith("node:") && target !== "package.json")
      .map((target) => `${path} imports ${target}`),
  );
  expect(packages).toEqual([]);
});

test("there are two levels, src/<part>/<file>, three where a room is crowded, and names say what is inside", () => {
  const forbidden = /^(types|index)\.ts$|(^|[-.])(utils?|helpers?|managers?|services?|data|info)([-.]|$)/;
  const wrong = SOURCES.filter(
    (path) => path.split("/").length > 4 || path.split("/").some((part) => forbidden.test(part)),
  );
  expect(wrong).toEqual([]);
});

/** Files on one level of a room, tests apart. More ask for a room of their own, named by a noun. */
const ROOM = 18;

test(`a room holds at most ${ROOM} files on one level`, () => {
  const rooms = Map.groupBy(
    SOURCES.filter((path) => !/\.(test|suite)\.tsx?$/.test(path)),
    (path) => dirname(path),
  );
  expect(
    [...rooms].filter(([, paths]) => paths.length > ROOM).map(([room, { length }]) => `${room}: ${length}`),
  ).toEqual([]);
});

test("a type or a function says which one it is: no bare Row, Answer, Found or told", () => {
  const bare =
    /\b(?:type|interface|class) (?:Row|Answer|Found|Asked|Kept|Given|Told|Seen|Made|Own)s?\b|\bfunction (?:told|given|found|asked|kept)\b|\b(?:const|let) (?:told|given|found|asked|kept) = (?:async )?\([^()]*\)(?:: [^=\n]*)? =>/;
  for (const sample of ["type Row = A;", "function told(a: A) {", "const found = async (a: A): B =>"]) {
    expect([sample, bare.test(sample)]).toEqual([sample, true]);
  }
  const wrong = CODE.map((path) => [path, bare.exec(withoutText(read(path)))?.[0]]).filter(
    ([, name]) => name !== undefined,
  );
  expect(wrong).toEqual([]);
});

test("nothing is typed any", () => {
  const others = CODE.filter((path) => path !== "src/tidy.test.ts");
  const wrong = others.filter((path) => /\bas any\b|: any\b|<any[,>]|\bany\[\]/.test(withoutText(read(path))));
  expect(wrong).toEqual([]);
});

test("JSON that was parsed is judged, never cast", () => {
  const cast = /\bJSON\.parse\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\) as\b/;
  expect([cast.test('JSON.parse(String(f("x"))) as T'), cast.test("read(JSON.parse(text))")]).toEqual([true, false]);
  const product = SOURCES.filter((path) => !isTest(path) && !FOR_TESTS.includes(partOf(path)));
  expect(product.filter((path) => cast.test(read(path)))).toEqual([]);
});

test("no unit test waits for real time", () => {
  // Tests of a real process, in src/testing or named *.binary.test.ts, have to.
  const units = SOURCES.filter(
    (path) => isTest(path) && !path.startsWith("src/testing/") && !path.endsWith(".binary.test.ts"),
  );
  expect(
    units.filter((path) => /\bsetTimeout\(|\bsetInterval\(|\bsleep(Sync)?\(/.test(withoutText(read(path)))),
  ).toEqual([]);
});

test("the quick run tries few random cases: a property asks `cases` how many", () => {
  const many = /\bnumRuns: (?!cases\()\d[\d_]{2,}/;
  expect([many.test("numRuns: 1_000"), many.test("numRuns: 50"), many.test("numRuns: cases(1_000)")]).toEqual([
    true,
    false,
    false,
  ]);
  expect(SOURCES.filter((path) => path !== "src/tidy.test.ts" && many.test(read(path)))).toEqual([]);
});

/** Code without its comments and strings, so that a word in a sentence is no finding. */
function withoutText(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g, "''");
}

test("no tracked file names a place of one machine, a package registry or a page that is not here", () => {
  const places =
    /(?<![\w.~@*/-])\/(work|tmp|root|home)\/\w|\bregistry\.[a-z]+\.|\bproxy\.golang\b|\bpypi\.[a-z]|artifactory|\bDESIGN §/i;
  const texts = FILES.filter((path) => !/\.(gz|png|ico)$/.test(path) && path !== "src/tidy.test.ts");
  const wrong = texts.flatMap((path) => {
    const line = read(path)
      .split("\n")
      .findIndex((one) => places.test(one));
    return line < 0 ? [] : [`${path}:${line + 1}`];
  });
  expect(wrong).toEqual([]);
});

test("every dependency is pinned to one version", () => {
  const { dependencies, devDependencies } = JSON.parse(read("package.json")) as Record<string, Record<string, string>>;
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
  }
});

test(".env.example is what the table of settings generates (bun scripts/generate/env-example.ts)", () => {
  expect(read(".env.example")).toBe(envExample());
});

test("the root holds only what a stranger expects there", () => {
  const agreed = [
    ".ci",
    ".env.example",
    ".gitattributes",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "biome.json",
    "bun.lock",
  ];
  agreed.push("bunfig.toml", "docs", "jobs", "notebooks", "package.json", "rules", "scripts", "src", "tsconfig.json");
  const roots = new Set(FILES.map((path) => path.split("/")[0]!));
  expect([...roots].filter((name) => !agreed.includes(name))).toEqual([]);
});

test("what scripts/ and .ci/ start is executable in git", () => {
  const kept = Bun.spawnSync(["git", "ls-files", "-s", "scripts", ".ci"], { cwd: ROOT })
    .stdout.toString()
    .trim()
    .split("\n");
  const wrong = kept.filter((line) => !basename(line.split("\t")[1]!).includes(".") && !line.startsWith("100755"));
  expect(wrong.filter((line) => read(line.split("\t")[1]!).startsWith("#!"))).toEqual([]);
});

test("no tracked file is ignored: the formatter and the linter skip it in silence", () => {
  const ignored = Bun.spawnSync(["git", "ls-files", "-ci", "--exclude-standard"], { cwd: ROOT }).stdout.toString();
  expect(ignored).toBe("");
});

test("a file that a document names is there", () => {
  const documents = FILES.filter((path) => path.endsWith(".md"));
  const wrong = documents.flatMap((path) =>
    [...read(path).matchAll(/`(?:bun (?:test )?)?((?:[\w.*-]+\/)+[\w.*-]+\.(?:ts|py|sql))[`\s]/g)]
      .map((match) => match[1]!)
      .filter((name) => ![name, `src/${name}`].some((glob) => FILES.some((file) => new Bun.Glob(glob).match(file))))
      .map((name) => `${path} names ${name}`),
  );
  expect(wrong).toEqual([]);
});

test("no object literal is spread: it squeezes lines, and switches off the check for excess properties", () => {
  const wrong = CODE.filter((path) => path !== "src/tidy.test.ts" && /\.\.\.\{\s*[^}\s]/.test(withoutText(read(path))));
  expect(wrong).toEqual([]);
});

/** Loops over readings or bytes, where an index that was just checked is not checked again: measured by `bun run bench`. */
const HOT =
  /^src\/(rules\/(kinds\/|state\.ts)|stages\/(encode|aggregate|schematize)\.ts|core\/bytes\/(bytes|reading-text)\.ts|sensor\/((csv|lines|simulator)\/|sqlite\/rows\.ts|row\/timestamp\.ts)|buffer\/sqlite-buffer\.ts)/;
const NON_NULL = { perThousandLines: 6 };

test(`outside hot loops a value is asserted to be there at most ${NON_NULL.perThousandLines} times in 1,000 lines`, () => {
  const cold = CODE.filter((path) => !isTest(path) && !HOT.test(path)).map((path) => withoutText(read(path)));
  const asserted = cold.reduce((sum, code) => sum + [...code.matchAll(/[\w\])]!(?=[\s.,;)\][:]|$)(?!=)/gm)].length, 0);
  const lines = cold.reduce((sum, code) => sum + code.split("\n").length, 0);
  expect((asserted * 1_000) / lines).toBeLessThan(NON_NULL.perThousandLines);
});

/** How many parameters each function of a formatted text has: functions, methods, arrows, signatures. */
function parameterCounts(code: string): number[] {
  const heads =
    /(?:function\*? ?\w*(?:<[^(]*>)?|^ +(?:static |async |private |readonly )*(?!if|for|while|switch|catch|return)[#\w]+(?:<[^(\n]*>)?|[=:(,] ?(?:async )?(?:<[^(\n]*>)?)\(/gm;
  return [...code.matchAll(heads)].flatMap((head) => {
    let depth = 1;
    let count = 1;
    let at = head.index + head[0].length;
    const start = at;
    for (; depth > 0 && at < code.length; at++) {
      const sign = code[at] ?? "";
      if ("([{<".includes(sign)) depth++;
      else if (")]}".includes(sign) || (sign === ">" && code[at - 1] !== "=")) depth--;
      else if (sign === "," && depth === 1 && !/^\s*\)/.test(code.slice(at + 1, at + 40))) count++;
    }
    const isFunction = /^\s*(?::[^={;]*(?:\{|=>)|: [^;={}()]*;|=>|\{)/.test(code.slice(at, at + 200));
    return isFunction && code.slice(start, at - 1).trim() !== "" ? [count] : [];
  });
}

/** One loop is called with its eight arrays: with one object the engine takes longer to compile it (docs/decisions.md). */
const MEASURED_PARAMETERS = new Map([["src/rules/cel/compile.ts", 8]]);

test(`a function has at most ${LIMITS.parameters} parameters`, () => {
  const samples = [
    "function a(one: A, two: B<C, D>, three = [1, 2], four: E, five: F): void {\n}\n",
    "class A {\n  async #a(\n    one: A,\n    two: B,\n    three: C,\n    four: D,\n    five: E,\n  ): Promise<void> {\n  }\n}\n",
    "interface A {\n  a(one: A, two: B, three: C, four: D, five: E): void;\n}\n",
    "const a = list.map((one, two, three, four, five) => one);\n",
    "const a = { a: async (one: A, two: B, three: C, four: D, five: E) => one };\n",
  ];
  for (const sample of samples) expect([sample, parameterCounts(sample)]).toEqual([sample, [5]]);
  expect(parameterCounts("call(one, two, three, four, five);\nconst b = (x: A) => x;\n")).toEqual([1]);
  const many = CODE.flatMap((path) =>
    parameterCounts(withoutText(read(path)))
      .filter((count) => count > (MEASURED_PARAMETERS.get(path) ?? LIMITS.parameters))
      .map((count) => `${path}: ${count}`),
  );
  expect(many).toEqual([]);
});

/** Phrases that readers must translate back: rules 3 to 10 of docs/contributing.md have the plain words. */
const IDIOMS =
  /\b(whoever|nobody|anew|mend(s|ed|ing)?|of its own accord|(take|takes|taken|took) (it |them )?away|so many of|(is|are) told|tells|line of names|stands in|goes on|go on|the same ones|of no use|somebody|told to|lies (in|under|there))\b/i;

test("no text that a user sees sounds translated", () => {
  const wrong = CODE.filter((path) => !isTest(path) && path.startsWith("src/")).flatMap((path) => {
    const code = read(path).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/[^\n]*/gm, "");
    return [...code.matchAll(/"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g)]
      .map(([text]) => text.replace(/\$\{[^}]*\}/g, ""))
      .filter((text) => IDIOMS.test(text))
      .map((text) => `${path}: ${text.slice(0, 100)}`);
  });
  expect(wrong).toEqual([]);
});

test("no comment and no test's name sounds translated", () => {
  const script = /\.(py|sql)$|^(scripts|\.ci)\/[\w-]+$/;
  const wrong = FILES.filter((path) => /\.ts$/.test(path) || script.test(path)).flatMap((path) => {
    if (path === "src/tidy.test.ts") return [];
    const code = read(path);
    const parts = script.test(path)
      ? [/^\s*(?:#|--)[^\n]*/gm, /"""[\s\S]*?"""/g]
      : [
          /^\s*(?:\/\*[\s\S]*?\*\/|\/\/[^\n]*)/gm,
          /\b\w*[tT]est(?:\.\w+\([^()]*\))?\(\s*(?:"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)/g,
        ];
    return parts
      .flatMap((part) => [...code.matchAll(part)])
      .map(([text]) => text.replace(/\s*\n\s*\*? */g, " "))
      .filter((text) => IDIOMS.test(text))
      .map((text) => `${path}: ${IDIOMS.exec(text)?.[0]}: ${text.trim().slice(0, 100)}`);
  });
  expect(wrong).toEqual([]);
});

/** A sentence of a page that people read is shorter than this; code counts as one word. */
const SENTENCE_WORDS = 40;

/** The sentences of a page in Markdown: of its paragraphs, list items and table cells. */
function sentencesOf(markdown: string): string[] {
  const text = markdown
    .replace(/^```[\s\S]*?^```/gm, "\n")
    .replace(/`[^`]*`/g, "code")
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1");
  const blocks = text.split(/\n\s*\n|\n(?=\s*(?:[-*|#]|\d+\.) ?)|\|/);
  return blocks.flatMap((block) => block.replace(/\s+/g, " ").split(/(?<=[.!?])["')*]* +(?=["'(*]*[A-Z\d]|code)/));
}

const PAGES = FILES.filter((path) => path.endsWith(".md"));

test(`a sentence of a document has fewer than ${SENTENCE_WORDS} words`, () => {
  const words = (count: number) => "word ".repeat(count).trim();
  const longest = (markdown: string) =>
    Math.max(...sentencesOf(markdown).map((one) => one.split(/\s/).filter((word) => /\w/.test(word)).length));
  const samples: [markdown: string, longest: number][] = [
    [`One ${words(8)}. Two\n${words(4)} \`a b c. D\` [a link](of/some words). End.`, 9],
    [`- ${words(5)}\n- ${words(6)}\n\n| ${words(7)} | ${words(3)} |`, 7],
    [`\`\`\`\n${words(50)}\n\`\`\`\nOne. Two: ${words(9)}; ${words(9)}`, 19],
  ];
  for (const [markdown, count] of samples) expect([markdown, longest(markdown)]).toEqual([markdown, count]);
  const long = PAGES.flatMap((path) =>
    sentencesOf(read(path))
      .filter((one) => longest(one) >= SENTENCE_WORDS)
      .map((one) => `${path}: ${one.slice(0, 100)}`),
  );
  expect(long).toEqual([]);
});

test("no document sounds translated", () => {
  // The rules themselves quote what they forbid.
  const wrong = PAGES.filter((path) => path !== "docs/contributing.md").flatMap((path) =>
    sentencesOf(read(path))
      .filter((one) => IDIOMS.test(one))
      .map((one) => `${path}: ${one.slice(0, 100)}`),
  );
  expect(wrong).toEqual([]);
});

test("a table of contents names every heading of its page, in order", () => {
  const slug = (heading: string) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-");
  const pages = PAGES.filter((path) => /^- \[.+\]\(#/m.test(read(path)));
  expect(pages).toContain("docs/decisions.md");
  for (const path of pages) {
    const page = read(path).replace(/^```[\s\S]*?^```/gm, "");
    const headings = [...page.matchAll(/^##(#?) (.+)$/gm)].map(([, deep, text = ""]) => [deep, text, slug(text)]);
    const entries = [...page.matchAll(/^( *)- \[(.+)\]\(#([^)]+)\)$/gm)].map(([, indent, text, link]) => [
      indent === "" ? "" : "#",
      text,
      link,
    ]);
    expect([path, entries]).toEqual([path, headings]);
  }
});
