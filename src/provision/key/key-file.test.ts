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

test("a key that was asked for and not written down is distinguished from one that was", () => {
  expect(readKeyFile(path)).toBeNull();
  writeKeyFile(path, ["AKIAOLD"], {});
  expect(readKeyFile(path)).toEqual({ key: null, before: ["AKIAOLD"], maker: null, isOpen: false });
  writeKeyFile(path, ["AKIAOLD"], { ...KEY, AWS_REGION: "us-west-2" });
  const key = { accessKeyId: "AKIANEW", secretAccessKey: "a/b+c=" };
  expect(readKeyFile(path)).toEqual({ key, before: ["AKIAOLD"], maker: null, isOpen: false });
});

test("the file is a .env that a node can use as it is, for its owner only", () => {
  writeKeyFile(path, [], { ...KEY, AGENT_STORE: "s3:" });
  expect(parseDotenv(readFileSync(path, "utf8"))).toEqual({ ...KEY, AGENT_STORE: "s3:" });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  chmodSync(path, 0o644);
  expect(readKeyFile(path)?.isOpen).toBe(true);
  // The next write closes it again.
  writeKeyFile(path, [], KEY);
  expect(readKeyFile(path)?.isOpen).toBe(false);
});

test("a file of another program is never used", () => {
  for (const text of ["AWS_ACCESS_KEY_ID=AKIATHEIRS\n", ""]) {
    writeFileSync(path, text);
    expect(() => readKeyFile(path)).toThrow("it is there already and is not of agent provision");
  }
  writeFileSync(path, "x".repeat(100_000));
  expect(() => readKeyFile(path)).toThrow(`Cannot use "${path}" for the edge's key: it is larger than 16384 bytes`);
});

// In a process of its own: to read a pipe that has no writer would block this one for ever.
test.skipIf(process.platform === "win32")("a named pipe, a device and a folder are refused without waiting", () => {
  const pipe = join(folder, "pipe.env");
  expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
  const read = (file: string) => {
    const script = `try { require("${join(import.meta.dir, "key-file.ts")}").readKeyFile(process.argv.at(-1)) } catch (error) { console.log(error.message) }`;
    const { exitCode, stdout } = Bun.spawnSync([process.execPath, "-e", script, file], { timeout: 4_000 });
    return [exitCode, stdout.toString().trim()];
  };
  const refusal = (file: string, kind: string) => [
    0,
    `Cannot use "${file}" for the edge's key: it is ${kind}, not a file`,
  ];
  expect(read(pipe)).toEqual(refusal(pipe, "a named pipe"));
  expect(read("/dev/zero")).toEqual(refusal("/dev/zero", "a device"));
  expect(read(folder)).toEqual(refusal(folder, "a folder"));
});
