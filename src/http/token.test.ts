/** The token of the page, and the file in which it is kept. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PageToken, TOKEN, TOKEN_FILE } from "./token.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-token-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const unixTest = process.platform === "win32" ? test.skip : test;

function place(): string {
  return join(mkdtempSync(join(folder, "data-")), TOKEN_FILE);
}
const tokenOf = (path: string, set: string | null = null) => new PageToken({ set, path });

test("a token is made once, kept, and used again at the next start", () => {
  const path = place();
  const first = tokenOf(path);
  expect([first.value, first.make(), first.make()]).toEqual([null, true, false]);
  expect(first.value).toMatch(TOKEN);
  expect(readFileSync(path, "utf8")).toBe(`${first.value}\n`);
  const next = tokenOf(path);
  expect([next.make(), next.value]).toEqual([false, first.value]);
});

test("a file that was deleted with its folder is written again with the same token; nothing that is there is touched", () => {
  const path = place();
  const token = tokenOf(path);
  token.make();
  rmSync(dirname(path), { recursive: true });
  token.keep();
  mkdirSync(dirname(path));
  token.keep();
  expect(readFileSync(path, "utf8")).toBe(`${token.value}\n`);
  writeFileSync(path, "another-token-of-its-user\n");
  token.keep();
  expect(readFileSync(path, "utf8")).toBe("another-token-of-its-user\n");
  const set = place();
  tokenOf(set, "a-token-of-the-setting").keep();
  expect(() => statSync(set)).toThrow("ENOENT");
});

test("that of the setting wins, and makes no file", () => {
  const path = place();
  const token = tokenOf(path, "a-token-of-the-setting");
  expect([token.make(), token.value]).toEqual([false, "a-token-of-the-setting"]);
  expect(() => statSync(path)).toThrow("ENOENT");
});

unixTest("only its owner may read the file, also one that was copied without its mode", () => {
  const path = place();
  tokenOf(path).make();
  expect(statSync(path).mode & 0o777).toBe(0o600);
  chmodSync(path, 0o644);
  expect(tokenOf(path).value).toMatch(TOKEN);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a file that holds no token is replaced", () => {
  for (const text of ["", "short\n", "two words that are long enough\n", "x".repeat(5_000)]) {
    const path = place();
    writeFileSync(path, text);
    const token = tokenOf(path);
    expect([token.make(), token.value]).toEqual([true, expect.stringMatching(TOKEN)]);
    expect(readFileSync(path, "utf8")).toBe(`${token.value}\n`);
  }
});

unixTest("a link is never followed, to read or to write, and what is no file is no token", () => {
  const target = join(folder, "elsewhere");
  writeFileSync(target, "a-token-of-someone-else\n");
  const link = place();
  symlinkSync(target, link);
  const dangling = place();
  symlinkSync(join(folder, "nothing"), dangling);
  const directory = place();
  mkdirSync(directory);
  for (const path of [link, dangling, directory]) {
    const token = tokenOf(path);
    expect([token.make(), token.value, token.problem]).toEqual([false, null, expect.stringContaining(TOKEN_FILE)]);
  }
  expect(readFileSync(target, "utf8")).toBe("a-token-of-someone-else\n");
  expect(() => statSync(join(folder, "nothing"))).toThrow("ENOENT");
});

test("without a data dir there is none yet, and no error", () => {
  const token = tokenOf(join(folder, "not-made-yet", TOKEN_FILE));
  expect([token.value, token.problem]).toEqual([null, null]);
  expect(token.make()).toBe(false);
  expect(token.problem).toContain("Cannot use");
});
