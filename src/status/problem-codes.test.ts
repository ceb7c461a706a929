/** The page for operators has every problem that a node can report, and no other. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const SOURCE = join(import.meta.dir, "..");
const PAGE = readFileSync(join(SOURCE, "../docs/operations.md"), "utf8");

/** `agent service status` has problems of its own, on a page of its own; provisioning has steps. */
const OTHERS =
  /^(?:systemd|provision|databricks|query|verify|lakehouse|testing|fake-workspace|cli\/(?:systemd|provision))\//;

/** The codes of problems that a file makes: texts behind `code:` or `code =`, also in a choice, a constant or a type. */
function codesIn(code: string): string[] {
  const plain = code.replace(/^\s*(?:\/\*\*|\*|\/\/).*$/gm, "");
  const named = [...plain.matchAll(/\bcode(?::| =) ([^,;}\n]*)/g)].map(([, value = ""]) => value.trim());
  const resolved = named.flatMap((value) => (value === "kind" ? unionsIn(plain, "Kind") : [value]));
  const constants = [...plain.matchAll(/\b[A-Z_]*CODE = ("[a-z_]+")/g)].map(([, value = ""]) => value);
  return [...resolved, ...constants].flatMap((value) =>
    [...value.matchAll(/(?<![=!]== )"([a-z]+(?:_[a-z]+)*)"/g)].flatMap(([, text = ""]) => text),
  );
}

function unionsIn(plain: string, name: string): string[] {
  return [...plain.matchAll(new RegExp(`type ${name} = ([^;]*);`, "g"))].map(([, union = ""]) => union);
}

const made = new Set<string>();
for (const path of new Bun.Glob("**/*.ts").scanSync(SOURCE)) {
  if (OTHERS.test(path) || /\.(?:test|suite)\.ts$/.test(path)) continue;
  const code = readFileSync(join(SOURCE, path), "utf8");
  // A code without a message and a command is not a problem's.
  if (/\bProblem\b|tell\(|noStatusLine|LOCK_CODE/.test(code)) for (const one of codesIn(code)) made.add(one);
}

test("the search for codes sees constants, choices, unions and shorthand, and no comparison", () => {
  expect(codesIn('return { code: "a_b", message }')).toEqual(["a_b"]);
  expect(codesIn('const code = is ? "a" : "b";')).toEqual(["a", "b"]);
  expect(codesIn('export const LOCK_CODE = "c";')).toEqual(["c"]);
  expect(codesIn('type Kind = "d" | "e_f";\nconst p = { code: kind, m };')).toEqual(["d", "e_f"]);
  expect(codesIn('if (code === "EIO") return; \n// code: "no"')).toEqual([]);
  for (const known of [
    "store_denied",
    "waiting_for_lock",
    "table_replaced",
    "source_unread",
    "no_buffer",
    "disk_full",
  ]) {
    expect([...made]).toContain(known);
  }
});

test("every code of a problem is in docs/operations.md once, with what it means and what to do, and no other is", () => {
  const tables = PAGE.split("| problem | it means | what to do |\n").slice(1);
  const rows = tables
    .flatMap((table) => table.split("\n\n")[0]?.split("\n").slice(1) ?? [])
    .filter((row) => row !== "");
  const cells = rows.map((row) => row.split(" | "));
  expect(rows.filter((row) => row.split(" | ").length !== 3)).toEqual([]);
  const codes = cells.map(([code = ""]) => code.replace(/^\| `|`$/g, ""));
  expect(codes.toSorted()).toEqual([...made].sort());
});
