import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDotenv } from "../../core/settings/dotenv.ts";
import { readKeyFile, writeKeyFile } from "./key-file.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-key-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, "edge.env");
const KEY = { AWS_ACCESS_KEY_ID: "AKIANEW", AWS_SECRET_ACCESS_KEY: "a/b+c=" };

test("a key that was asked for and not written down is told from one that was", () => {
  expect(readKeyFile(path)).toBeNull();
  writeKeyFile(path, ["AKIAOLD"], {});
  expect(readKeyFile(path)).toEqual({ key: null, before: ["AKIAOLD"], isOpen: false });
  writeKeyFile(path, ["AKIAOLD"], { ...KEY, AWS_REGION: "us-west-2" });
  const key = { accessKeyId: "AKIANEW", secretAccessKey: "a/b+c=" };
  expect(readKeyFile(path)).toEqual({ key, before: ["AKIAOLD"], isOpen: false });
});

test("the file is a .env that a node can use as it is, for its owner only", () => {
  writeKeyFile(path, [], { ...KEY, AGENT_STORE: "s3:" });
  expect(parseDotenv(readFileSync(path, "utf8"))).toEqual({ ...KEY, AGENT_STORE: "s3:" });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  chmodSync(path, 0o644);
  expect(readKeyFile(path)?.isOpen).toBe(true);
  // Written anew it is closed again, whatever it was before.
  writeKeyFile(path, [], KEY);
  expect(readKeyFile(path)?.isOpen).toBe(false);
});

test("somebody else's file is never used", () => {
  for (const text of ["AWS_ACCESS_KEY_ID=AKIATHEIRS\n", "", "x".repeat(100_000)]) {
    writeFileSync(path, text);
    expect(() => readKeyFile(path)).toThrow("is there already and is not of agent provision");
  }
});
