/** The edge's keys, where several people and killed runs make them at once: none is lost in silence, none that lives is deleted. */
import { expect, setDefaultTimeout } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { testsInAccount } from "../../testing/provision/tests.ts";
import type { ProvisionWorld } from "../../testing/provision/world.ts";
import type { Verdict } from "../../testing/recording-proxy.ts";

setDefaultTimeout(1_800_000);

let world: ProvisionWorld;
const it = testsInAccount(
  (made) => {
    world = made;
  },
  { emptyEach: true },
);

const USER = "acme-edge-us-west-2";
const ROLE = "acme-unity-catalog-us-west-2";
const APPLY = ["apply", "--only", "aws", "--yes"];
const PLAN = ["plan", "--only", "aws"];
const heldIn = (file: string) => /^AWS_ACCESS_KEY_ID=(.+)$/m.exec(readFileSync(file, "utf8"))?.[1] ?? null;

/** The ids of the keys that are active, in the order in which they were made. */
async function keys(): Promise<string[]> {
  const { iam, iamApi } = world.root;
  const list = await world.asRoot(() => iam.send(new iamApi.ListAccessKeysCommand({ UserName: USER })));
  return list.AccessKeyMetadata!.flatMap(({ AccessKeyId, Status }) => (Status === "Active" ? AccessKeyId! : []));
}

/** As another person does it, past the agent. */
async function makeKey(): Promise<{ id: string; secret: string }> {
  const { iam, iamApi } = world.root;
  const { AccessKey } = await world.asRoot(() => iam.send(new iamApi.CreateAccessKeyCommand({ UserName: USER })));
  return { id: AccessKey!.AccessKeyId!, secret: AccessKey!.SecretAccessKey! };
}

/** The agent is killed when its key was made, before the answer came: the secret is lost. */
async function killedAtItsKey(argv: readonly string[]): Promise<void> {
  const child = world.start(argv);
  world.proxy.onCall = (call) => {
    if (call !== "iam CreateAccessKey") return "pass";
    world.proxy.onAnswer = async () => {
      world.proxy.onAnswer = async () => undefined;
      child.kill("SIGKILL");
      await child.exited;
    };
    return "lose";
  };
  await child.exited;
  world.proxy.onCall = () => "pass";
  expect(child.signalCode).toBe("SIGKILL");
}

it("three first applies side by side: who says Done has a key that lives, and who has none says why", async () => {
  // All have seen that there is no key before the first one is made.
  let waiting = 0;
  world.proxy.onCall = async (call): Promise<Verdict> => {
    if (call !== "iam CreateAccessKey") return "pass";
    waiting++;
    for (let tries = 0; waiting < 3 && tries < 200; tries++) await Bun.sleep(20);
    return "pass";
  };
  const files = ["a", "b", "c"].map((laptop) => join(world.folder, `${laptop}.env`));
  const runs = await Promise.all(files.map((file) => world.run([...APPLY, "--key-file", file])));
  const living = await keys();
  for (const [at, { code, stderr }] of runs.entries()) {
    const file = files[at]!;
    const id = existsSync(file) ? heldIn(file)! : null;
    if (code === 0) expect([stderr, living]).toEqual([expect.stringContaining("Done: "), expect.arrayContaining([id])]);
    else expect([stderr, id]).toEqual([expect.stringMatching(/Cannot .* key of user "acme-edge-us-west-2": /), null]);
  }
  // IAM allows two: the third says what to type.
  expect([living.length, runs.map(({ code }) => code).sort()]).toEqual([2, [0, 0, 1]]);
  const refused = runs.find(({ code }) => code === 1)!;
  expect(refused.stderr).toContain(
    `it has two (${living.join(", ")}), as many as IAM allows, and neither is in FOLDER/`,
  );
  expect(refused.stderr).toContain("Try: agent provision rotate-key --delete AKIA");
});

it("three first applies in one folder: the file holds a key that lives, and who did not make it does not say Done", async () => {
  const runs = await Promise.all([1, 2, 3].map(() => world.run(APPLY)));
  const living = await keys();
  expect(living).toContain(heldIn(world.keyFile)!);
  for (const { code, stderr } of runs)
    expect([code === 0, stderr.includes("Done: ")]).toEqual([code === 0, code === 0]);
  expect(runs.some(({ code }) => code === 0)).toBe(true);
  expect(readdirSync(world.folder).filter((name) => /\.(new|part)$/.test(name))).toEqual([]);
});

it("a run that was killed at its key, and a key that another person made meanwhile: apply deletes neither", async () => {
  await killedAtItsKey(APPLY);
  const [lost] = await keys();
  const { id: theirs } = await makeKey();
  const apply = await world.run(APPLY);
  expect(await keys()).toEqual([lost!, theirs]);
  expect([apply.code, existsSync(world.keyFile)]).toEqual([1, false]);
  expect(apply.stderr).toContain(`it has two (${lost}, ${theirs}), as many as IAM allows`);
  // The one that no one has is deleted by its name. It is not the other one that goes.
  const wrong = await world.run(["rotate-key", "--delete", "AKIANONE", "--yes"]);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining(`its keys are ${lost}, ${theirs}`)]);
  expect((await world.run(["rotate-key", "--delete", lost!])).code).toBe(2);
  const deleted = await world.run(["rotate-key", "--delete", lost!, "--yes", "--json"]);
  expect([deleted.code, JSON.parse(deleted.stdout)]).toEqual([0, { key: null, deleted: [lost], kept: [theirs] }]);
  expect((await world.run(APPLY)).code).toBe(0);
  expect(await keys()).toEqual([theirs, heldIn(world.keyFile)!]);
});

it("a run that was killed at its key: the next makes another, and the plan names the one that no one has", async () => {
  await killedAtItsKey(APPLY);
  const [lost] = await keys();
  const apply = await world.run(APPLY);
  expect([apply.code, apply.stderr]).toEqual([0, expect.stringContaining("Done: ")]);
  const held = heldIn(world.keyFile)!;
  expect(await keys()).toEqual([lost!, held]);
  const plan = await world.run(PLAN);
  const line = (id: string, rest: string) => `  note access key of ${USER}: ${id}: active, made TIME, ${rest}\n`;
  expect([plan.code, plan.stdout.replace(/\d{4}-\d\d-\d\d \d\d:\d\d UTC/g, "TIME")]).toEqual([
    0,
    line(lost!, "never used, not in FOLDER/edge-credentials.env") +
      "If a run was killed while it made this key, no one has its secret: it can be deleted\n" +
      `Try: agent provision rotate-key --delete ${lost}\n` +
      line(held, "never used, in FOLDER/edge-credentials.env") +
      "Nothing to do: 10 as they should be.\n",
  ]);
  // A key that was used is not called one that no one has.
  await world.run(["verify", "--only", "aws"]);
  const used = await world.run([...PLAN, "--json"]);
  const { remarks } = JSON.parse(used.stdout);
  expect(remarks[1].message).toMatch(/, last used \d{4}-\d\d-\d\d \d\d:\d\d UTC \((s3|sts)\), in /);
});

it("an inactive key is not as it should be; apply does not switch it on again, and rotate-key is the way out", async () => {
  await world.run(APPLY);
  const { iam, iamApi } = world.root;
  const id = heldIn(world.keyFile)!;
  const off = { UserName: USER, AccessKeyId: id, Status: "Inactive" } as const;
  await world.asRoot(() => iam.send(new iamApi.UpdateAccessKeyCommand(off)));
  const plan = await world.run(PLAN);
  expect(plan.stdout).toContain(`~ update access key of ${USER}: ${id} is inactive: no node can deliver with it`);
  const apply = await world.run(APPLY);
  expect([apply.code, await keys()]).toEqual([1, []]);
  expect(apply.stderr).toContain(`Cannot use key ${id} of the edge: it is inactive\n`);
  expect(apply.stderr).not.toContain("Done: ");
  expect((await world.run(["rotate-key", "--yes"])).code).toBe(0);
  expect(await keys()).toEqual([heldIn(world.keyFile)!]);
  expect((await world.run(PLAN)).stdout).toEndWith("Nothing to do: 10 as they should be.\n");
});

it("a key that goes while the apply still works: the end of the apply says so, instead of Done", async () => {
  // The role is made last of all: then another person deletes the key.
  const { iam, iamApi } = world.root;
  await world.run(APPLY);
  await world.asRoot(() => iam.send(new iamApi.DeleteRolePolicyCommand({ RoleName: ROLE, PolicyName: "buckets" })));
  const id = heldIn(world.keyFile)!;
  world.proxy.onCall = async (call): Promise<Verdict> => {
    if (call !== "iam PutRolePolicy") return "pass";
    const off = { UserName: USER, AccessKeyId: id, Status: "Inactive" } as const;
    await world.asRoot(() => iam.send(new iamApi.UpdateAccessKeyCommand(off)));
    return "pass";
  };
  const apply = await world.run(APPLY);
  expect([apply.code, apply.stderr]).toEqual([1, expect.not.stringContaining("Done: ")]);
  expect(apply.stderr).toContain(`Cannot use key ${id} of the edge: it is inactive`);
});

it("an edge that becomes a role: its user stays while it has a key, which goes by its name", async () => {
  await world.run(APPLY);
  const id = heldIn(world.keyFile)!;
  const role = [...APPLY, "--edge", "role"];
  const apply = await world.run(role);
  expect([apply.code, await keys()]).toEqual([1, [id]]);
  expect(apply.stderr).toContain(`Cannot delete user "${USER}": nodes may still have its key ${id}`);
  const env = { AGENT_EDGE_IDENTITY: "role" };
  const deleted = await world.run(["rotate-key", "--delete", id, "--yes"], env);
  expect([deleted.code, existsSync(world.keyFile)]).toEqual([0, false]);
  expect((await world.run(role)).code).toBe(0);
  expect((await world.run([...PLAN, "--edge", "role"])).stdout).toStartWith("Nothing to do");
});
