import { afterAll, describe, expect, test } from "bun:test";
import * as nodeFiles from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DeniedError, TransientError } from "../../core/errors.ts";
import { cases } from "../../testing/needs.ts";
import { bytes, describeObjectStore, listed, METADATA, reference } from "../object-store.suite.ts";
import type { ObjectStore } from "../object-store.ts";
import { DirectoryStore } from "./store.ts";
import type { Files } from "./writer.ts";

const top = await nodeFiles.mkdtemp(join(tmpdir(), "agent-directory-"));
afterAll(() => nodeFiles.rm(top, { recursive: true, force: true }));
let roots = 0;
const newRoot = () => join(top, String(roots++), "nested", "lake");
const openAt = (root: string, files: Files = nodeFiles) =>
  new DirectoryStore({ root, prefix: "acme", region: "us-west-2", files });

const failWith = (code: string) => async (): Promise<never> => {
  throw Object.assign(new Error(`${code}: as the test wants it`), { code });
};
const outcomeOf = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);
const REF = reference("raw", "object");
const BODY = bytes("the whole body");

describeObjectStore("store in a folder", {
  open: async () => openAt(newRoot()),
  manyObjects: cases(1_100),
  timeoutMs: 20_000,
});

describeObjectStore("store in a folder without hard links", {
  open: async () => openAt(newRoot(), { ...nodeFiles, link: failWith("EPERM") }),
  manyObjects: cases(200),
  timeoutMs: 20_000,
});

test("objects are files in a folder named like the bucket, under the key's own name", async () => {
  const root = newRoot();
  await openAt(root).put(REF, BODY, METADATA);
  const path = join(root, "acme-raw-data-us-west-2", "date=2026-11-23", "hour=08", "pump-7", "object.json.gz");
  expect(await nodeFiles.readFile(path)).toEqual(Buffer.from(BODY));
  expect(openAt(root).place("raw")).toBe(join(root, "acme-raw-data-us-west-2"));
});

test("a listing of a missing folder is empty, and makes nothing", async () => {
  const root = newRoot();
  expect(await listed(openAt(root), "raw")).toEqual([]);
  expect(await outcomeOf(nodeFiles.stat(root))).toHaveProperty("code", "ENOENT");
});

test("temporary files are hidden, and gone when the put is over", async () => {
  const root = newRoot();
  const store = openAt(root);
  let seen: string[] = [];
  const link: Files["link"] = async (from, to) => {
    seen = (await nodeFiles.readdir(root, { recursive: true })).filter((name) => name.endsWith(".tmp"));
    expect(await Array.fromAsync(new Bun.Glob("**/*").scan({ cwd: root }))).toEqual([]);
    expect(await listed(store, "raw")).toEqual([]);
    await nodeFiles.link(from, to);
  };
  await openAt(root, { ...nodeFiles, link }).put(REF, BODY, METADATA);
  expect(seen).toHaveLength(1);
  expect(await leftovers(root)).toEqual([]);
});

describe("a power cut", () => {
  test("at any call leaves a whole object or none, and the next life finishes it and cleans up", async () => {
    let calls = 0;
    for (let cutAt = 0; ; cutAt++) {
      const root = newRoot();
      const cut = cutPower(cutAt);
      const outcome = await outcomeOf(openAt(root, cut.files).put(REF, BODY, METADATA));
      if (!cut.happened()) {
        expect(outcome).toBe("stored");
        calls = cutAt;
        break;
      }
      const next = openAt(root);
      const before = await listed(next, "raw");
      if (before.length > 0) expect(await next.get(REF)).toEqual(BODY);
      expect(await next.put(REF, BODY, METADATA)).toBe(before.length > 0 ? "already-there" : "stored");
      expect(await next.get(REF)).toEqual(BODY);
      expect(await leftovers(root)).toEqual([]);
    }
    // Every folder made, every sync, write, link: fewer calls would mean that the test cut nothing.
    expect(calls).toBeGreaterThan(15);
  });
});

test("a name is never linked before its bytes are synced, nor reported before its folder is", async () => {
  const calls: string[] = [];
  const open: Files["open"] = async (path, flags, mode) => {
    const handle = await nodeFiles.open(path, flags, mode);
    const sync = handle.sync.bind(handle);
    handle.sync = async () => {
      calls.push(`sync ${String(path).endsWith(".tmp") ? "file" : "folder"}`);
      await sync();
    };
    return handle;
  };
  const link: Files["link"] = async (from, to) => {
    calls.push("link");
    await nodeFiles.link(from, to);
  };
  const store = openAt(newRoot(), { ...nodeFiles, open, link });
  await store.put(REF, BODY, METADATA);
  expect(calls.slice(-3)).toEqual(["sync file", "link", "sync folder"]);
  calls.length = 0;
  await store.put(reference("raw", "another"), BODY, METADATA);
  // A folder that is known costs nothing more.
  expect(calls).toEqual(["sync file", "link", "sync folder"]);
});

test("two agents with one host name and one pid write into one folder, and each object is whole and its own", async () => {
  const root = newRoot();
  // Two stores of this process have what two containers can have in common.
  const agents = [openAt(root), openAt(root)];
  const bodyOf = (agent: number, n: number) => bytes(`agent ${agent}, object ${n} `.repeat(2_000));
  const refOf = (agent: number, n: number) => reference("raw", `agent-${agent}-object-${n}`);
  for (let round = 0; round < 25; round++) {
    const puts = agents.flatMap((store, agent) =>
      [0, 1, 2, 3].map((i) => {
        const n = round * 4 + i;
        return store.put(refOf(agent, n), bodyOf(agent, n), METADATA);
      }),
    );
    expect(new Set(await Promise.all(puts))).toEqual(new Set(["stored"]));
  }
  for (const agent of [0, 1]) {
    for (let n = 0; n < 100; n++) expect(await openAt(root).get(refOf(agent, n))).toEqual(bodyOf(agent, n));
  }
  expect(await leftovers(root)).toEqual([]);
});

test("a temporary name is never written through a symbolic link", async () => {
  const root = newRoot();
  const victim = join(top, "victim");
  await Bun.write(victim, "untouched");
  const links: string[] = [];
  const open: Files["open"] = async (path, flags, mode) => {
    const isFirst = links.length === 0 && String(path).endsWith(".tmp");
    if (isFirst) await nodeFiles.symlink(victim, String(path)).then(() => links.push(String(path)));
    return await nodeFiles.open(path, flags, mode);
  };
  expect(await outcomeOf(openAt(root, { ...nodeFiles, open }).put(REF, BODY, METADATA))).toBeInstanceOf(Error);
  expect([links.length, await Bun.file(victim).text()]).toEqual([1, "untouched"]);
  expect(await openAt(root).put(REF, BODY, METADATA)).toBe("stored");
});

test("temporary files of dead writers are deleted, those of others stay", async () => {
  const root = newRoot();
  const incoming = join(root, "acme-raw-data-us-west-2", ".incoming");
  await nodeFiles.mkdir(incoming, { recursive: true });
  const dead = Bun.spawn(["true"]);
  await dead.exited;
  const stale = [`${hostname()}.${dead.pid}.0.tmp`, `${hostname()}.${process.pid}.7a.tmp`, "other-host.9.1.tmp"];
  const kept = [`${hostname()}.${process.ppid}.0.tmp`, "another-host.9.2.tmp", "not-ours"];
  for (const name of [...stale, ...kept]) await Bun.write(join(incoming, name), "part of a bo");
  await nodeFiles.utimes(join(incoming, "other-host.9.1.tmp"), 1, 1);
  await openAt(root).put(REF, BODY, METADATA);
  expect((await nodeFiles.readdir(incoming)).sort()).toEqual(kept.sort());
});

test("a lake that was deleted is made again", async () => {
  const root = newRoot();
  const store = openAt(root);
  await store.put(REF, BODY, METADATA);
  await nodeFiles.rm(root, { recursive: true });
  expect(await store.put(REF, BODY, METADATA)).toBe("stored");
});

test("removing the last object of a folder removes the folder", async () => {
  const root = newRoot();
  const store = openAt(root);
  await store.put(REF, BODY, METADATA);
  await store.remove("raw", [REF.key]);
  expect(await nodeFiles.readdir(store.place("raw"))).toEqual([".incoming"]);
});

describe("what a file system's error means", () => {
  const putWith = (files: Partial<Files>) =>
    outcomeOf(openAt(newRoot(), { ...nodeFiles, ...files }).put(REF, BODY, METADATA));

  for (const code of ["ENOSPC", "EDQUOT", "EIO", "ENOENT", "ESTALE", "ENEW"]) {
    test(`${code} waits`, async () => {
      const error = await putWith({ link: failWith(code) });
      expect(error).toBeInstanceOf(TransientError);
      expect(error).toHaveProperty("tryHint");
    });
  }
  for (const code of ["EACCES", "EROFS", "ENOTDIR"]) {
    test(`${code} waits, and a person must act`, async () => {
      const error = await putWith({ mkdir: failWith(code) });
      expect(error).toBeInstanceOf(DeniedError);
      expect(String((error as DeniedError).missing)).toContain("lake");
    });
  }
  test("a file in the place of the store's folder is reported as such, without a hint to change its owner", async () => {
    const root = newRoot();
    await nodeFiles.mkdir(dirname(root), { recursive: true });
    await nodeFiles.writeFile(root, "");
    const error = await outcomeOf(openAt(root).put(REF, BODY, METADATA));
    expect(error).toBeInstanceOf(DeniedError);
    expect(String(error)).toEndWith(": there is a file where a folder should be");
    expect((error as DeniedError).tryHint).toBe(`ls -ld ${root}`);
  });
  for (const code of ["ENAMETOOLONG", "EINVAL"]) {
    test(`${code} is for good`, async () => {
      const error = await putWith({ open: failWith(code) });
      expect(error).toBeInstanceOf(Error);
      expect(error).not.toBeInstanceOf(TransientError);
      expect(error).not.toBeInstanceOf(DeniedError);
    });
  }

  test("a full disk that has room again takes the same object", async () => {
    let isFull = true;
    const open: Files["open"] = async (path, flags, mode) => {
      if (isFull && flags === "wx") await failWith("ENOSPC")();
      return await nodeFiles.open(path, flags, mode);
    };
    const root = newRoot();
    const store = openAt(root, { ...nodeFiles, open });
    expect(await outcomeOf(store.put(REF, BODY, METADATA))).toBeInstanceOf(TransientError);
    isFull = false;
    expect(await store.put(REF, BODY, METADATA)).toBe("stored");
    expect(await leftovers(root)).toEqual([]);
  });

  test("a file where the root should be is a person's to move", async () => {
    const root = newRoot();
    await Bun.write(root, "a file");
    expect(await outcomeOf(openAt(root).put(REF, BODY, METADATA))).toBeInstanceOf(DeniedError);
  });
});

test("a key never leads out of its folder", async () => {
  const store: ObjectStore = openAt(newRoot());
  for (const key of ["../x.json.gz", "a/../../x", "/etc/passwd", "a//b", ".incoming/x", "", "a\0b", "a\\b"]) {
    const error = await outcomeOf(store.put({ stage: "raw", key }, BODY, METADATA));
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(TransientError);
  }
});

async function leftovers(root: string): Promise<string[]> {
  return (await nodeFiles.readdir(root, { recursive: true })).filter((name) => name.endsWith(".tmp"));
}

/** Files that work for `calls` calls; then one is half done, and every later call fails: the process is dead. */
function cutPower(calls: number): { files: Files; happened: () => boolean } {
  let left = calls;
  const off = failWith("EOFF");
  const step = async (half: () => Promise<unknown> = async () => {}) => {
    if (left-- > 0) return;
    if (left === -1) await half();
    await off();
  };
  const files: Files = {
    ...nodeFiles,
    link: (from, to) => step().then(() => nodeFiles.link(from, to)),
    mkdir: ((path: string, options: { recursive?: boolean }) =>
      step().then(() => nodeFiles.mkdir(path, options))) as Files["mkdir"],
    rm: (path, options) => step().then(() => nodeFiles.rm(path, options)),
    open: async (path, flags, mode) => {
      await step();
      const handle = await nodeFiles.open(path, flags, mode);
      const write = handle.writeFile.bind(handle);
      const sync = handle.sync.bind(handle);
      handle.writeFile = async (data, options) => {
        await step(() => write((data as Uint8Array).subarray(0, 5)));
        await write(data, options);
      };
      handle.sync = () => step().then(sync);
      return handle;
    },
  };
  return { files, happened: () => left < 0 };
}
