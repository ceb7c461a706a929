import { expect, test } from "bun:test";
import { UsageError } from "../core/errors.ts";
import { openStore } from "./open-store.ts";

const OPTIONS = { prefix: "acme", region: "us-west-2", env: {}, putTimeoutMs: 1_000, cwd: "/site" };

test("dir: is a folder, relative to where the agent was called", async () => {
  const store = await openStore("dir:./lake", OPTIONS);
  expect(store.uri).toBe("dir:./lake");
  expect(store.place("raw")).toBe("/site/lake/acme-raw-data-us-west-2");
  expect((await openStore("dir:/mnt/a lake", OPTIONS)).place("raw")).toStartWith("/mnt/a lake/");
});

test("s3: is a bucket per stage, named by prefix and region", async () => {
  const store = await openStore("s3:", OPTIONS);
  expect(store.uri).toBe("s3:");
  expect(store.place("aggregated")).toBe("acme-aggregated-data-us-west-2");
  store.close();
});

for (const uri of ["", "lake", "dir:", "s3://bucket", "s3:bucket", "gs:x", "constructor:x", "DIR:x", "file:///x"]) {
  test(`"${uri}" is refused with a way out`, async () => {
    const error = await openStore(uri, OPTIONS).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).tryHint).toMatch(/--store/);
  });
}

test("a prefix that makes no bucket name is refused before anything starts", async () => {
  for (const prefix of ["Acme", "a.b", "-a", "a".repeat(60), ""]) {
    const error = await openStore("s3:", { ...OPTIONS, prefix }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UsageError);
  }
});
