/**
 * `agent provision` killed by kill -9 at a call: just after it was done, so that the answer never came, or just before. Run
 * again, it comes to the same end, with nothing left over. One call of each kind; all of them with AGENT_TEST_ALL_CALLS=1.
 */
import { expect, setDefaultTimeout } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { accountState } from "../testing/provision/account-state.ts";
import { testsInAccount } from "../testing/provision/tests.ts";
import type { ProvisionWorld } from "../testing/provision/world.ts";

setDefaultTimeout(1_800_000);
const ALL = process.env["AGENT_TEST_ALL_CALLS"] === "1";

let world: ProvisionWorld;
const it = testsInAccount((made) => {
  world = made;
});

/** What is written on a whole run, in the order of answers; each with how often it was called before. */
async function writesOf(argv: readonly string[]): Promise<{ call: string; nth: number }[]> {
  world.proxy.seen.length = 0;
  expect((await world.run(argv)).code).toBe(0);
  const counts = new Map<string, number>();
  return world.proxy.seen
    .filter(({ isWrite, call }) => isWrite && !call.startsWith("sts"))
    .map(({ call }) => {
      const nth = counts.get(call) ?? 0;
      counts.set(call, nth + 1);
      return { call, nth };
    });
}

/** One of each kind of call: `s3 PutBucketTagging`, of any bucket. */
function oneOfEach(writes: readonly { call: string; nth: number }[]): readonly { call: string; nth: number }[] {
  if (ALL) return writes;
  const kinds = new Map<string, { call: string; nth: number }>();
  for (const write of writes) kinds.set(write.call.split(" ").slice(0, 2).join(" "), write);
  return [...kinds.values()];
}

/** Runs until the nth such call, and kills the agent there: `after` it was done, or before. */
async function killAt(argv: readonly string[], call: string, nth: number, after: boolean): Promise<void> {
  let left = nth;
  const child = world.start(argv);
  world.proxy.onCall = async (name) => {
    if (name !== call || left-- > 0) return "pass";
    if (!after) {
      child.kill("SIGKILL");
      await child.exited;
      return "drop";
    }
    // The answer is held back until the process is gone.
    world.proxy.onAnswer = async () => {
      world.proxy.onAnswer = async () => undefined;
      child.kill("SIGKILL");
      await child.exited;
    };
    return "lose";
  };
  await child.exited;
  world.proxy.onCall = () => "pass";
  expect([call, nth, after, child.signalCode]).toEqual([call, nth, after, "SIGKILL"]);
}

/** As the agent names its objects. */
const [A, B] = [1, 2].map(
  (n) => `date=2026-01-01/hour=00/edge-1/01jh3qkq0000000000000000a1.00000000000${n}-00000000000${n}.1.json.gz`,
);
const EDGE = "acme-edge-us-west-2";

type State = Awaited<ReturnType<typeof accountState>>;
const withOneKeyMore = (state: State) => ({
  ...state,
  users: { [EDGE]: { ...(state.users[EDGE] as object), keys: 2 } },
});

const APPLY = ["apply", "--only", "aws", "--yes"];
const DESTROY = ["destroy", "--only", "aws", "--yes"];

it("apply, killed at a call of each kind, and run again", async () => {
  await world.reset();
  const writes = await writesOf(APPLY);
  const whole = await accountState(world);
  const points = oneOfEach(writes).flatMap((write) => [true, false].map((after) => ({ ...write, after })));
  expect(points.length).toBeGreaterThan(15);
  for (const { call, nth, after } of points) {
    await world.reset();
    await killAt(APPLY, call, nth, after);
    const again = await world.run(APPLY);
    expect([call, after, again.code, again.code === 0 ? "" : again.stderr]).toEqual([call, after, 0, ""]);
    const isLost = call === "iam CreateAccessKey" && after;
    expect([call, after, await accountState(world)]).toEqual([call, after, isLost ? withOneKeyMore(whole) : whole]);
    // Exactly one key, and it is the one in the file; the one whose secret is lost is left, and named by the plan.
    const { iam, iamApi } = world.root;
    const keys = await world.asRoot(() =>
      iam.send(new iamApi.ListAccessKeysCommand({ UserName: "acme-edge-us-west-2" })),
    );
    const ids = keys.AccessKeyMetadata!.map(({ AccessKeyId }) => AccessKeyId!);
    const held = /^AWS_ACCESS_KEY_ID=(.+)$/m.exec(readFileSync(world.keyFile, "utf8"))![1]!;
    expect([ids.length, ids.at(-1)]).toEqual([isLost ? 2 : 1, held]);
    if (isLost) {
      const plan = await world.run(["plan", "--only", "aws"]);
      expect(plan.stdout).toContain(`Try: agent provision rotate-key --delete ${ids[0]}\n`);
    }
    const litter = readdirSync(world.folder).filter((name) => /\.(new|part)$/.test(name));
    expect([call, after, litter]).toEqual([call, after, []]);
  }
});

it("destroy, killed at a call of each kind, and run again: nothing is left", async () => {
  const fill = async () => {
    await world.reset();
    expect((await world.run(APPLY)).code).toBe(0);
    const { s3, s3Api } = world.root;
    const raw = { Bucket: "acme-raw-data-us-west-2" };
    await world.asRoot(async () => {
      for (const Key of [A, A, B]) await s3.send(new s3Api.PutObjectCommand({ ...raw, Key, Body: "x" }));
      await s3.send(new s3Api.DeleteObjectCommand({ ...raw, Key: B }));
      await s3.send(new s3Api.CreateMultipartUploadCommand({ ...raw, Key: "c" }));
    });
  };
  await fill();
  const writes = await writesOf(DESTROY);
  const nothing = await accountState(world);
  expect(nothing).toEqual({ buckets: {}, roles: {}, users: {} });
  expect(writes.map(({ call }) => call)).toContain("s3 DeleteObject acme-raw-data-us-west-2");
  for (const { call, nth } of oneOfEach(writes)) {
    for (const after of [true, false]) {
      await fill();
      await killAt(DESTROY, call, nth, after);
      const again = await world.run(DESTROY);
      expect([call, after, again.code, again.code === 0 ? "" : again.stderr]).toEqual([call, after, 0, ""]);
      expect([call, after, await accountState(world)]).toEqual([call, after, nothing]);
      expect(existsSync(world.keyFile)).toBe(false);
    }
  }
});

it("rotate-key, killed at each call, and run again: one key, and it is the one in the file", async () => {
  const ROTATE = ["rotate-key", "--yes"];
  const { iam, iamApi } = world.root;
  const keysNow = async () => {
    const list = await world.asRoot(() =>
      iam.send(new iamApi.ListAccessKeysCommand({ UserName: "acme-edge-us-west-2" })),
    );
    return list.AccessKeyMetadata!.map(({ AccessKeyId }) => AccessKeyId!);
  };
  await world.reset();
  await world.run(APPLY);
  const writes = await writesOf(ROTATE);
  expect(writes.map(({ call }) => call)).toEqual(["iam CreateAccessKey", "iam DeleteAccessKey"]);
  for (const { call, nth } of writes) {
    for (const after of [true, false]) {
      const before = await keysNow();
      await killAt(ROTATE, call, nth, after);
      if (call === "iam CreateAccessKey" && after) {
        // The new key's secret is lost, and IAM allows no third: a person names the one to delete.
        const [, lost] = await keysNow();
        const refused = await world.run(ROTATE);
        expect([refused.code, refused.stderr]).toEqual([
          1,
          expect.stringContaining(`Try: agent provision rotate-key --delete ${lost}\n`),
        ]);
        expect((await world.run(["rotate-key", "--delete", lost!, "--yes"])).code).toBe(0);
      }
      const again = await world.run(ROTATE);
      expect([call, after, again.code, again.code === 0 ? "" : again.stderr]).toEqual([call, after, 0, ""]);
      const now = await keysNow();
      expect(now).toHaveLength(1);
      // The old key is gone unless the first run had ended all but its last word.
      expect(now).not.toEqual(before);
      expect(readFileSync(world.keyFile, "utf8")).toContain(`AWS_ACCESS_KEY_ID=${now[0]}\n`);
    }
  }
  // In two steps, so that nodes are never without a key that works.
  const [old] = await keysNow();
  const kept = await world.run(["rotate-key", "--keep-old", "--yes", "--json"]);
  expect(JSON.parse(kept.stdout)).toMatchObject({ deleted: [], kept: [old] });
  const second = await world.run(["rotate-key", "--yes", "--json"]);
  expect(JSON.parse(second.stdout)).toMatchObject({ key: JSON.parse(kept.stdout).key, deleted: [old], kept: [] });
});
