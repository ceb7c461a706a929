/** The AWS half is not taken from under a catalog that lives, in either order. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { accountState } from "../../testing/provision/account-state.ts";
import { BothClouds } from "../../testing/provision/both-clouds.ts";

setDefaultTimeout(1_800_000);

let clouds: BothClouds;
beforeAll(async () => {
  if (BothClouds.canRun) clouds = await BothClouds.start();
});
afterAll(async () => {
  if (BothClouds.canRun) await clouds.stop();
});
const it = test.skipIf(!BothClouds.canRun);

const ONLY_AWS = ["destroy", "--only", "aws", "--yes"];
const OURS = ["acme-edge-us-west-2"];

it("destroy --only aws is refused while locations point to the buckets, and names what lives there", async () => {
  await clouds.reset();
  expect((await clouds.run(["apply", "--yes"])).code).toBe(0);
  const before = await accountState(clouds.aws);
  clouds.aws.proxy.seen.length = 0;
  const refused = await clouds.run(ONLY_AWS);
  expect([
    refused.code,
    clouds.aws.proxy.seen.filter(({ isWrite, call }) => isWrite && !call.startsWith("sts")),
  ]).toEqual([1, []]);
  expect(refused.stderr).toMatch(
    /^Cannot destroy the AWS half alone: external location acme_[a-z_0-9]+, .* and \d+ more would be without role and buckets\n/,
  );
  expect(refused.stderr).toEndWith("Try: agent provision destroy\n");
  // Without the workspace, the role's trust is the sign that someone is let in.
  const blind = await clouds.aws.run(ONLY_AWS);
  expect([blind.code, blind.stderr]).toEqual([
    1,
    expect.stringContaining("a storage credential of Databricks with the external id "),
  ]);
  const unsaid = await clouds.aws.run(["destroy", "--yes"]);
  expect([unsaid.code, unsaid.stderr]).toEqual([1, expect.stringContaining("Cannot destroy the AWS half alone: ")]);
  expect(await accountState(clouds.aws)).toEqual(before);
  // The stated order: Databricks first, then nothing rests on the AWS half.
  expect((await clouds.run(["destroy", "--only", "databricks", "--yes"])).code).toBe(0);
  expect(Object.keys((await accountState(clouds.aws)).buckets)).toHaveLength(7);
  const gone = await clouds.run(ONLY_AWS);
  expect([gone.code, gone.code === 0 ? "" : gone.stderr]).toEqual([0, ""]);
  const state = await accountState(clouds.aws);
  expect([state.buckets, state.roles, OURS.filter((user) => user in state.users)]).toEqual([{}, {}, []]);
});

it("a workspace that cannot be asked is no sign that nothing rests on AWS; --force goes without asking", async () => {
  await clouds.reset();
  expect((await clouds.run(["apply", "--yes"])).code).toBe(0);
  const unasked = await clouds.run(ONLY_AWS, { DATABRICKS_TOKEN: "dapi-wrong" });
  expect(unasked.code).toBe(1);
  expect(Object.keys((await accountState(clouds.aws)).buckets)).toHaveLength(7);
  expect((await clouds.run([...ONLY_AWS, "--force"])).code).toBe(0);
  expect((await accountState(clouds.aws)).buckets).toEqual({});
});

it("destroy keeps bucket, role and credential of a location that it may not delete", async () => {
  await clouds.reset();
  expect((await clouds.run(["apply", "--yes"])).code).toBe(0);
  // Another person has taken our mark from its comment: for all that provision knows it is theirs.
  const { locations } = clouds.workspace.world();
  const name = "acme_raw_data_us_west_2";
  locations.set(name, { ...locations.get(name)!, comment: "ours now" });
  const destroy = await clouds.run(["destroy", "--yes"]);
  expect(destroy.code).toBe(1);
  expect(destroy.stderr).toContain("Cannot destroy external location acme_raw_data_us_west_2: ");
  const state = await accountState(clouds.aws);
  expect([Object.keys(state.buckets), Object.keys(state.roles)]).toEqual([
    ["acme-raw-data-us-west-2"],
    ["acme-unity-catalog-us-west-2"],
  ]);
});
