/** `agent provision` when the cloud answers badly: lost answers, throttling, refusals inside a 200, far away, stopped by a signal. */
import { expect, setDefaultTimeout } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { accountState } from "../testing/provision/account-state.ts";
import { CALL_MS, WAITING_LIMIT_MS, waitingMs } from "../testing/provision/latency.ts";
import { testsInAccount } from "../testing/provision/tests.ts";
import type { ProvisionWorld } from "../testing/provision/world.ts";
import type { Verdict } from "../testing/recording-proxy.ts";

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
/** As the agent names an object. */
const ownKey = (n: number) =>
  `date=2026-01-01/hour=00/edge-1/01jh3qkq0000000000000000a1.00000000000${n}-00000000000${n}.1.json.gz`;
const kindOf = (call: string) => call.split(" ").slice(0, 2).join(" ");

/** Gives each kind of call that `which` takes this verdict once. */
function onceEach(which: (call: string, isWrite: boolean) => boolean, verdict: Verdict): Set<string> {
  const given = new Set<string>();
  world.proxy.onCall = (call, isWrite) => {
    if (!which(call, isWrite) || given.has(kindOf(call))) return "pass";
    given.add(kindOf(call));
    return verdict;
  };
  return given;
}

type State = Awaited<ReturnType<typeof accountState>>;
const EDGE = "acme-edge-us-west-2";
const keysIn = ({ users }: State) => (users[EDGE] as { keys: number }).keys;
const withoutKeys = (state: State) => ({ ...state, users: { [EDGE]: { ...(state.users[EDGE] as object), keys: 1 } } });

const xml = (code: string, message = "as the test wants it") =>
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`;
const s3Xml = (code: string) => `<Error><Code>${code}</Code><Message>as the test wants it</Message></Error>`;

it("answers that are lost, once for each kind of call that changes something: one apply comes to the same end", async () => {
  await world.run(APPLY);
  const whole = await accountState(world);
  await world.reset();
  const lost = onceEach((_, isWrite) => isWrite, "lose");
  const apply = await world.run(APPLY);
  expect([apply.code, apply.code === 0 ? "" : apply.stderr]).toEqual([0, ""]);
  expect(lost.size).toBe(11);
  // The key whose answer was lost is another one's, for all that anyone knows: it is left, and the plan names it.
  const now = await accountState(world);
  expect(keysIn(now)).toBe(2);
  expect(withoutKeys(now)).toEqual(withoutKeys(whole));
});

it("throttling and 5xx, once for each kind of call, are waited out", async () => {
  for (const [service, answer] of [
    ["s3", { status: 503, body: s3Xml("SlowDown") }],
    ["iam", { status: 400, body: xml("Throttling", "Rate exceeded") }],
    ["iam", { status: 500, body: xml("ServiceFailure") }],
  ] as const) {
    await world.reset();
    const given = onceEach((call) => call.startsWith(`${service} `), answer);
    const apply = await world.run(APPLY);
    expect([answer.body, apply.code, apply.code === 0 ? "" : apply.stderr]).toEqual([answer.body, 0, ""]);
    expect(given.size).toBeGreaterThan(8);
  }
});

it("an answer that no SDK repeats is reported with the step, and the rest is done", async () => {
  world.proxy.onCall = (call) =>
    call === "iam CreateRole"
      ? { status: 400, body: xml("MalformedPolicyDocument", "Invalid principal in policy") }
      : "pass";
  const apply = await world.run(APPLY);
  expect(apply.code).toBe(1);
  expect(apply.stderr).toContain(
    'Cannot create role "acme-unity-catalog-us-west-2": MalformedPolicyDocumentException: Invalid principal in policy',
  );
  expect(apply.stderr).toContain("9 of 10 steps are done; the same command continues from here.");
});

it("objects that DeleteObjects refuses inside a 200 are not a success", async () => {
  await world.run(APPLY);
  const { s3, s3Api } = world.root;
  const raw = { Bucket: "acme-raw-data-us-west-2", Key: ownKey(1) };
  await world.asRoot(() => s3.send(new s3Api.PutObjectCommand({ ...raw, Body: "x" })));
  const body = `<DeleteResult><Error><Key>${ownKey(1)}</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error></DeleteResult>`;
  world.proxy.onCall = (call) => (call === "s3 DeleteObjects acme-raw-data-us-west-2" ? { status: 200, body } : "pass");
  const destroy = await world.run(DESTROY);
  expect(destroy.code).toBe(1);
  expect(destroy.stderr).toContain(
    `Cannot empty bucket "acme-raw-data-us-west-2": 1 object stays, "${ownKey(1)}": AccessDenied`,
  );
  expect(Object.keys((await accountState(world)).buckets)).toEqual(["acme-raw-data-us-west-2"]);
  world.proxy.onCall = () => "pass";
  expect((await world.run(DESTROY)).code).toBe(0);
  expect(await accountState(world)).toEqual({ buckets: {}, roles: {}, users: {} });
});

it("the plan of a whole set-up waits less than 1 s for its calls where each takes 50 ms", async () => {
  await world.run(APPLY);
  const setDelay = (ms: number) => {
    world.proxy.delayMs = ms;
  };
  const waited = await waitingMs(setDelay, async () => {
    world.proxy.seen.length = 0;
    const startedMs = performance.now();
    const plan = await world.run(["plan", "--only", "aws"]);
    expect(plan.stdout).toEndWith("Nothing to do: 10 as they should be.\n");
    return performance.now() - startedMs;
  });
  // One after the other they would take longer.
  expect(world.proxy.seen.length * CALL_MS).toBeGreaterThan(WAITING_LIMIT_MS);
  expect(waited).toBeLessThan(WAITING_LIMIT_MS);
});

it("stopped by a signal, it ends with what is under way, and the next run continues", async () => {
  const child = world.start(APPLY);
  world.proxy.onCall = (call) => {
    if (call === "s3 PutBucketVersioning acme-raw-data-us-west-2") child.kill("SIGTERM");
    return "pass";
  };
  expect(await child.exited).toBe(1);
  expect(await child.stderr.text()).toContain("continues from here");
  world.proxy.onCall = () => "pass";
  expect((await world.run(APPLY)).code).toBe(0);
});

it("clean empties the stages and the checkpoints with all versions, and keeps metadata and the set-up", async () => {
  await world.run(APPLY);
  const { s3, s3Api } = world.root;
  const put = (Bucket: string, Key: string) => s3.send(new s3Api.PutObjectCommand({ Bucket, Key, Body: "x" }));
  const uses = ["raw-data", "validated-data", "checkpoints", "metadata"].map((use) => `acme-${use}-us-west-2`);
  await world.asRoot(async () => {
    for (const bucket of uses) {
      const isStage = bucket.includes("-data-");
      const keys = isStage ? [ownKey(1), ownKey(1), ownKey(2)] : ["raw/a", "raw/a", "validated/b"];
      for (const key of keys) await put(bucket, key);
    }
  });
  const left = () =>
    world.asRoot(async () => {
      const lists = uses.map((Bucket) => s3.send(new s3Api.ListObjectVersionsCommand({ Bucket })));
      return (await Promise.all(lists)).map(({ Versions = [] }) => Versions.length);
    });
  expect(await left()).toEqual([3, 2, 2, 3]);
  expect((await world.run(["clean", "--only", "aws"])).code).toBe(2);
  expect((await world.run(["clean", "--only", "aws", "--stage", "raw", "--yes"])).code).toBe(0);
  expect(await left()).toEqual([0, 2, 1, 3]);
  expect((await world.run(["clean", "--only", "aws", "--yes"])).code).toBe(0);
  expect(await left()).toEqual([0, 0, 0, 3]);
  expect((await world.run(["plan", "--only", "aws"])).stdout).toEndWith("Nothing to do: 10 as they should be.\n");
});

it("clean continues where a call had no answer", async () => {
  await world.run(APPLY);
  const { s3, s3Api } = world.root;
  const raw = { Bucket: "acme-raw-data-us-west-2" };
  await world.asRoot(async () => {
    await s3.send(new s3Api.PutObjectCommand({ ...raw, Key: ownKey(1), Body: "x" }));
    await s3.send(new s3Api.CreateMultipartUploadCommand({ ...raw, Key: "b" }));
  });
  const kinds = /ListObjectVersions|ListMultipartUploads|DeleteObjects?\b/;
  const dropped = onceEach((call) => call.endsWith("raw-data-us-west-2") && kinds.test(call), "drop");
  const clean = await world.run(["clean", "--only", "aws", "--yes"]);
  expect([clean.code, clean.code === 0 ? "" : clean.stderr]).toEqual([0, ""]);
  expect([...dropped].sort()).toEqual([
    "s3 DeleteObject",
    "s3 DeleteObjects",
    "s3 ListMultipartUploads",
    "s3 ListObjectVersions",
  ]);
  const left = await world.asRoot(() => s3.send(new s3Api.ListObjectVersionsCommand(raw)));
  expect(left.Versions ?? []).toEqual([]);
});

it("seed writes a batch for each stage under the agent's own keys, and agent lake reads it", async () => {
  expect((await world.run(["seed"])).stderr).toContain("Cannot seed: bucket acme-raw-data-us-west-2 does not exist");
  await world.run(APPLY);
  const seed = await world.run(["seed", "--json"]);
  expect([seed.code, JSON.parse(seed.stdout)]).toMatchObject([
    0,
    { readings: 200, objects: 5, node_id: "provision-seed" },
  ]);
  const { buckets } = await accountState(world);
  expect(Object.keys(buckets)).toHaveLength(7);
  const { s3, s3Api } = world.root;
  for (const stage of ["raw", "validated", "anomalies", "schematized", "aggregated"]) {
    const list = await world.asRoot(() =>
      s3.send(new s3Api.ListObjectsV2Command({ Bucket: `acme-${stage}-data-us-west-2` })),
    );
    expect(list.Contents?.[0]?.Key).toMatch(/^date=\d{4}-\d\d-\d\d\/hour=\d\d\/provision-seed\/.+\.json\.gz$/);
  }
});

it("choices are made and unmade, and statements of others in a bucket's policy stay", async () => {
  await world.run(APPLY);
  const { s3, s3Api } = world.root;
  const raw = { Bucket: "acme-raw-data-us-west-2" };
  const theirs = { Sid: "Theirs", Effect: "Deny", Principal: "*", Action: "s3:GetObjectTorrent", Resource: "*" };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [theirs] });
  await world.asRoot(() => s3.send(new s3Api.PutBucketPolicyCommand({ ...raw, Policy })));
  const key = "arn:aws:kms:us-west-2:123456789012:key/some-key";
  const choices = ["--write-once", "on", "--kms-key", key, "--raw-expiry-days", "90", "--file-events", "on"];
  const plan = await world.run(["plan", "--only", "aws", ...choices]);
  expect(plan.stdout.split("\n").filter((line) => line.includes("raw-data"))).toEqual([
    `~ update bucket acme-raw-data-us-west-2: encryption: AES256 -> ${key}`,
    "~ update bucket acme-raw-data-us-west-2: lifecycle: missing expiry (after 90 d)",
    "~ update bucket acme-raw-data-us-west-2: bucket policy: AgentWriteOnce is missing",
  ]);
  const made = await world.run([...APPLY, ...choices]);
  expect([made.code, made.code === 0 ? "" : made.stderr]).toEqual([0, ""]);
  expect((await world.run(["plan", "--only", "aws", ...choices])).stdout).toContain("Nothing to do: ");
  const sids = async () => {
    const { Policy: text = "" } = await world.asRoot(() => s3.send(new s3Api.GetBucketPolicyCommand(raw)));
    return JSON.parse(text).Statement.map(({ Sid }: { Sid: string }) => Sid);
  };
  expect(await sids()).toEqual(["Theirs", "AgentWriteOnce"]);
  expect((await world.run(APPLY)).code).toBe(0);
  expect(await sids()).toEqual(["Theirs"]);
  expect((await world.run(["plan", "--only", "aws"])).stdout).toContain("Nothing to do: ");
});

it("an edge that becomes a role gets a profile for machines, and its user goes when it has no key any more", async () => {
  await world.run(APPLY);
  const id = /^AWS_ACCESS_KEY_ID=(.+)$/m.exec(readFileSync(world.keyFile, "utf8"))![1]!;
  const role = [...APPLY, "--edge", "role"];
  expect((await world.run(role)).code).toBe(1);
  expect((await world.run(["rotate-key", "--delete", id, "--yes"], { AGENT_EDGE_IDENTITY: "role" })).code).toBe(0);
  const apply = await world.run(role);
  expect([apply.code, apply.code === 0 ? "" : apply.stderr]).toEqual([0, ""]);
  expect(existsSync(world.keyFile)).toBe(false);
  const state = await accountState(world);
  expect([Object.keys(state.roles).sort(), state.users]).toEqual([
    ["acme-edge-us-west-2", "acme-unity-catalog-us-west-2"],
    {},
  ]);
  expect((await world.run(["plan", "--only", "aws", "--edge", "role"])).stdout).toContain("Nothing to do: ");
  // destroy finds it with any settings.
  expect((await world.run(DESTROY)).code).toBe(0);
  expect(await accountState(world)).toEqual({ buckets: {}, roles: {}, users: {} });
});
