/** What was there before us and what others put into our buckets: named before anything is deleted, and kept unless it was said. */
import { expect, setDefaultTimeout } from "bun:test";
import { accountState } from "../../testing/provision/account-state.ts";
import { testsInAccount } from "../../testing/provision/tests.ts";
import type { ProvisionWorld } from "../../testing/provision/world.ts";

setDefaultTimeout(1_800_000);

let world: ProvisionWorld;
const it = testsInAccount(
  (made) => {
    world = made;
  },
  { emptyEach: true },
);

const APPLY = ["apply", "--only", "aws", "--yes"];
const DESTROY = ["destroy", "--only", "aws", "--yes"];
const RAW = "acme-raw-data-us-west-2";
const CHECKPOINTS = "acme-checkpoints-us-west-2";
const OWN = "date=2026-01-01/hour=00/edge-1/01jh3qkq0000000000000000a1.000000000001-000000000009.9.json.gz";
const NOTHING = { buckets: {}, roles: {}, users: {} };

async function put(Bucket: string, ...keys: readonly string[]): Promise<void> {
  const { s3, s3Api } = world.root;
  await world.asRoot(async () => {
    for (const Key of keys) {
      await s3.send(new s3Api.PutObjectCommand({ Bucket, Key, Body: Key.endsWith("/") ? "" : "x" }));
    }
  });
}

async function keysIn(Bucket: string): Promise<string[]> {
  const { s3, s3Api } = world.root;
  const list = await world.asRoot(() => s3.send(new s3Api.ListObjectVersionsCommand({ Bucket })));
  return [...new Set((list.Versions ?? []).map(({ Key }) => Key!))];
}

const deletes = () => world.proxy.seen.filter(({ call }) => / Delete/.test(call)).map(({ call }) => call);

it("destroy names the objects that are not the agent's before it deletes anything, and keeps their bucket whole", async () => {
  await world.run(APPLY);
  await put(
    RAW,
    OWN,
    "archive/other-team.json",
    "archive/b.json",
    "archive/",
    "date=2026-01-01/hour=00/edge-1/report.csv",
  );
  await put(CHECKPOINTS, "raw/offsets/0", "theirs.txt");
  world.proxy.seen.length = 0;
  const destroy = await world.run(DESTROY);
  expect(destroy.code).toBe(1);
  const lines = destroy.stderr.split("\n");
  const at = lines.findIndex((line) => line.startsWith(`Cannot destroy bucket ${RAW}: `));
  expect(lines[at]).toBe(
    `Cannot destroy bucket ${RAW}: it holds 3 objects that are not the agent's ("archive/b.json", "archive/other-team.json", "date=2026-01-01/hour=00/edge-1/report.csv")`,
  );
  expect(lines.slice(at + 1, at + 3)).toEqual([
    "It stays; --foreign-objects deletes it, with all that is in it",
    "Try: agent provision destroy --only aws --yes --foreign-objects",
  ]);
  expect(destroy.stderr).toContain(
    `Cannot destroy bucket ${CHECKPOINTS}: it holds 1 object that is not the agent's ("theirs.txt")\n`,
  );
  expect(at).toBeLessThan(lines.findIndex((line) => line.startsWith("done ")));
  expect(deletes().filter((call) => call.includes(RAW) || call.includes(CHECKPOINTS))).toEqual([]);
  expect(await keysIn(RAW)).toHaveLength(5);
  // The rest is gone, and with the word these are too.
  expect(Object.keys((await accountState(world)).buckets).sort()).toEqual([CHECKPOINTS, RAW]);
  const all = await world.run([...DESTROY, "--foreign-objects"]);
  expect([all.code, all.stderr]).toEqual([
    0,
    expect.stringContaining("! warning bucket acme-raw-data-us-west-2: it holds 3 objects"),
  ]);
  expect(await accountState(world)).toEqual(NOTHING);
});

it("a bucket, a role and a user that were adopted stay, unless it is said; what we made goes", async () => {
  const { s3, s3Api, iam, iamApi } = world.root;
  const Tags = [{ Key: "managed-by", Value: "terraform" }];
  const trust = JSON.stringify({ Version: "2012-10-17", Statement: [] });
  const place = { CreateBucketConfiguration: { LocationConstraint: "us-west-2" as const } };
  await world.asRoot(async () => {
    await s3.send(new s3Api.CreateBucketCommand({ Bucket: RAW, ...place }));
    await iam.send(new iamApi.CreateUserCommand({ UserName: "acme-edge-us-west-2", Tags }));
    await iam.send(
      new iamApi.CreateRoleCommand({ RoleName: "acme-unity-catalog-us-west-2", AssumeRolePolicyDocument: trust }),
    );
  });
  await put(RAW, OWN);
  expect((await world.run([...APPLY, "--adopt"])).code).toBe(0);
  expect((await world.run(["plan", "--only", "aws"])).stdout).toEndWith("Nothing to do: 10 as they should be.\n");
  const destroy = await world.run(DESTROY);
  expect(destroy.code).toBe(1);
  const adopted = "it was there before the first apply";
  expect(destroy.stderr).toContain(`Cannot destroy bucket ${RAW}: ${adopted}, and was taken over with --adopt\n`);
  expect(destroy.stderr).toContain(
    `Cannot destroy user acme-edge-us-west-2: ${adopted} (then managed by terraform), and was taken over with --adopt\n`,
  );
  expect(destroy.stderr).toContain("Try: agent provision destroy --only aws --yes --adopted\n");
  const state = await accountState(world);
  expect([Object.keys(state.buckets), Object.keys(state.roles), Object.keys(state.users)]).toEqual([
    [RAW],
    ["acme-unity-catalog-us-west-2"],
    ["acme-edge-us-west-2"],
  ]);
  expect(await keysIn(RAW)).toEqual([OWN]);
  expect((await world.run([...DESTROY, "--adopted"])).code).toBe(0);
  expect(await accountState(world)).toEqual(NOTHING);
});

it("clean counts what it deleted, and leaves the objects of others by name", async () => {
  await world.run(APPLY);
  await put(RAW, OWN, OWN, "archive/other-team.json");
  await put(CHECKPOINTS, "raw/offsets/0", "validated/offsets/0", "theirs.txt");
  const clean = ["clean", "--only", "aws", "--stage", "raw", "--yes", "--json"];
  const first = await world.run(clean);
  expect([first.code, JSON.parse(first.stdout).cleaned]).toEqual([
    0,
    [
      { bucket: RAW, deleted: 2, kept: 1 },
      { bucket: CHECKPOINTS, deleted: 1, kept: 0 },
    ],
  ]);
  expect(first.stderr).toContain(
    `- bucket ${RAW}: 1 object, and 1 object that is not the agent's ("archive/other-team.json"): which stay; --foreign-objects deletes them too\n`,
  );
  expect(first.stderr).toContain("Clean: 3 objects and versions deleted from 2 buckets, 1 object of others left.");
  expect([await keysIn(RAW), await keysIn(CHECKPOINTS)]).toEqual([
    ["archive/other-team.json"],
    ["theirs.txt", "validated/offsets/0"],
  ]);
  const all = await world.run(["clean", "--only", "aws", "--yes", "--foreign-objects"]);
  expect([all.code, await keysIn(RAW), await keysIn(CHECKPOINTS)]).toEqual([0, [], []]);
  expect(all.stderr).toContain("Clean: 3 objects and versions deleted from 6 buckets.");
});

it("clean of Databricks, where there is nothing to clean, is refused and touches nothing", async () => {
  const env = { DATABRICKS_HOST: "https://127.0.0.1:1", DATABRICKS_TOKEN: "x" };
  const clean = await world.run(["clean", "--only", "databricks", "--yes"], env);
  expect([clean.code, clean.stdout, world.proxy.seen]).toEqual([2, "", []]);
  expect(clean.stderr).toBe(
    "Cannot clean databricks: clean empties buckets, which are in AWS; tables keep their rows\nTRUNCATE TABLE deletes the rows of a table\nTry: agent provision clean --only aws\n",
  );
});
