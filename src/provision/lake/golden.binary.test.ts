/**
 * What a person saw, and what went over the wire, for each state that a set-up may be found in: golden/lake.txt reads as a
 * session at a terminal. The compiled binary, moto with its policies enforced, the strict fake workspace.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { BothClouds } from "../../testing/provision/both-clouds.ts";
import type { CommandResult } from "../../testing/provision/world.ts";
import { expectGolden } from "../errors.suite.ts";

setDefaultTimeout(1_800_000);

let clouds: BothClouds;
beforeAll(async () => {
  if (BothClouds.canRun) clouds = await BothClouds.start();
});
afterAll(async () => {
  if (BothClouds.canRun) await clouds.stop();
});

const RAW = { Bucket: "acme-raw-data-us-west-2" };
const ROLE = { RoleName: "acme-unity-catalog-us-west-2" };
const SCHEMA = "expanso_catalog.sensor_data";
const GUEST = {
  name: "guest@example.com",
  groups: ["analysts"],
  token: "dapi-fake-guest",
  clientSecret: null,
  metastoreAdmin: false,
};

/** Changes that a person made by hand in AWS, past the agent. */
function inAws(work: (root: BothClouds["aws"]["root"]) => Promise<unknown>): Promise<unknown> {
  return clouds.aws.asRoot(() => work(clouds.aws.root));
}

async function editRolePolicy(edit: (resources: string[]) => string[]): Promise<void> {
  await inAws(async ({ iam, iamApi }) => {
    const name = { ...ROLE, PolicyName: "buckets" };
    const { PolicyDocument = "" } = await iam.send(new iamApi.GetRolePolicyCommand(name));
    const policy = JSON.parse(decodeURIComponent(PolicyDocument));
    policy.Statement[0].Resource = edit(policy.Statement[0].Resource);
    await iam.send(new iamApi.PutRolePolicyCommand({ ...name, PolicyDocument: JSON.stringify(policy) }));
  });
}

async function setTags(TagSet: { Key: string; Value: string }[]): Promise<void> {
  await inAws(({ s3, s3Api }) => s3.send(new s3Api.PutBucketTaggingCommand({ ...RAW, Tagging: { TagSet } })));
}

function suspendVersions(): Promise<unknown> {
  const VersioningConfiguration = { Status: "Suspended" } as const;
  return inAws(({ s3, s3Api }) => s3.send(new s3Api.PutBucketVersioningCommand({ ...RAW, VersioningConfiguration })));
}

/** An old external id, as of a credential that was made again. */
async function oldTrust(): Promise<void> {
  await inAws(async ({ iam, iamApi }) => {
    const { Role } = await iam.send(new iamApi.GetRoleCommand(ROLE));
    const document = decodeURIComponent(Role!.AssumeRolePolicyDocument!);
    const PolicyDocument = document.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "0b0e5c0e-1111-4c6e-9d0e-000000000000");
    await iam.send(new iamApi.UpdateAssumeRolePolicyCommand({ ...ROLE, PolicyDocument }));
  });
}

function editLocation(use: string, change: { readonly url?: string; readonly comment?: string }): void {
  const { locations } = clouds.workspace.world();
  const name = `acme_${use}_data_us_west_2`;
  locations.set(name, { ...locations.get(name)!, ...change });
}

/** As the browser saves it: another draft than the published one. */
function editDashboard(): void {
  const { dashboards } = clouds.workspace.world();
  const [id, before] = [...dashboards][0]!;
  const serialized = before.serialized.replace('"displayName":"Overview"', '"displayName":"Mine"');
  const updatedAtMs = before.updatedAtMs + 1_000;
  dashboards.set(id, { ...before, serialized, revision: before.revision + 1, updatedAtMs });
}

type GoldenCase = {
  readonly name: string;
  readonly damage: () => unknown;
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** By hand, where the agent has to leave it. */
  readonly after?: () => unknown;
};

const CASES: readonly GoldenCase[] = [
  { name: "an empty account", damage: () => undefined },
  { name: "all there", damage: () => undefined },
  { name: "a location with the wrong URL", damage: () => editLocation("raw", { url: "s3://acme-old-bucket" }) },
  {
    name: "a grant is missing",
    damage: () => {
      const { grants, schemas } = clouds.workspace.world();
      grants.forget(schemas.get(SCHEMA)!.id);
    },
  },
  { name: "a dashboard edited by hand", damage: editDashboard },
  { name: "an old trust policy", damage: oldTrust },
  {
    name: "a bucket too many in the role's policy",
    damage: () => editRolePolicy((arns) => [...arns, "arn:aws:s3:::somebody-elses", "arn:aws:s3:::somebody-elses/*"]),
  },
  {
    name: "a bucket too few in the role's policy",
    damage: () => editRolePolicy((arns) => arns.filter((arn) => !arn.includes("aggregated"))),
  },
  { name: "versioning off", damage: suspendVersions },
  {
    name: "a bucket and a location that are not ours: nothing at all is touched",
    damage: async () => {
      await setTags([{ Key: "managed-by", Value: "somebody" }]);
      editLocation("raw", { comment: "made by hand" });
      await suspendVersions();
    },
  },
  { name: "the same, taken over", damage: () => undefined, flags: ["--adopt"] },
  {
    name: "no permission for two steps: it says which, and does the rest",
    damage: async () => {
      const policy = { UserName: "acme-edge-us-west-2", PolicyName: "put-only" };
      await inAws(({ iam, iamApi }) => iam.send(new iamApi.DeleteUserPolicyCommand(policy)));
      await suspendVersions();
      editLocation("validated", { url: "s3://acme-old-bucket" });
      await clouds.aws.allow((action) => action !== "iam:PutUserPolicy" && action !== "s3:PutBucketVersioning");
    },
    after: () => clouds.aws.allow(() => true),
  },
  { name: "the same, with the permissions", damage: () => undefined },
  {
    name: "no permission in the workspace, in an empty account: the rest is done",
    damage: async () => {
      await clouds.reset();
      clouds.workspace.set({ people: [...clouds.workspace.world().settings.people, GUEST] });
    },
    env: { DATABRICKS_TOKEN: GUEST.token },
  },
];

/** Calls that change something, in the order of their names: they are made at the same time. */
function wire(): string[] {
  const failed = (status: number) => (status < 400 ? "" : ` -> ${status}`);
  const aws = clouds.aws.proxy.seen
    .filter(({ isWrite, call }) => isWrite && !call.startsWith("sts "))
    .map(({ call, status }) => `${call}${failed(status)}`);
  const databricks = clouds.workspace.journal
    .entries()
    .filter(({ method, path }) => method !== "GET" && !path.includes("/validate-"))
    .map(({ method, path, status, body }) => {
      const sql = path.endsWith("/statements") ? ` ${(body as { statement: string }).statement.split(" (")[0]}` : "";
      return `${method} ${path}${sql}${failed(status)}`;
    });
  return [...aws.sort(), ...databricks.map(withoutIds).sort()];
}

const SAID = /^(done|failed|skipped|Cannot|Try:|Done:|Nothing|\d+ (of|to|as) |[+~±-] )/;

/** What was said, without how long it took to wait for something; but for what a plan before had said. */
function seen(command: string, { code, stdout, stderr }: CommandResult, before: readonly string[] = []): string[] {
  // Between a problem and its command is the advice.
  const isAdvice = (at: number, all: readonly string[]) =>
    all[at - 1]?.startsWith("Cannot ") === true && all[at + 1]?.startsWith("Try: ") === true;
  const lines = `${stdout}${stderr}`.split("\n").filter((line, at, all) => SAID.test(line) || isAdvice(at, all));
  const planned = before.filter((line) => SAID.test(line));
  const isShown = planned.length > 0 && planned.every((line, at) => lines[at] === line);
  const told = isShown ? ["(the plan)", ...lines.slice(planned.length)] : lines;
  return [`$ agent provision ${command}`, ...told.map((line) => `  ${line}`), `  exit code ${code}`];
}

const linesOf = ({ stdout }: CommandResult) =>
  stdout
    .trimEnd()
    .split("\n")
    .filter((line) => SAID.test(line));

/** Plan and apply of a state, as lines of a golden file. */
async function session({ name, damage, flags = [], env = {}, after }: GoldenCase): Promise<string[]> {
  await damage();
  const run = (...argv: string[]) => clouds.run([...argv, ...flags], env);
  clouds.aws.proxy.seen.length = 0;
  clouds.workspace.journal.clear();
  const plan = await run("plan");
  expect([name, wire()]).toEqual([name, []]);
  const apply = await run("apply", "--yes");
  expect([name, clouds.workspace.journal.complaints()]).toEqual([name, []]);
  const calls = wire();
  await after?.();
  return [
    ...[`## ${name}`, "", ...seen(["plan", ...flags].join(" "), plan)],
    ...seen(["apply --yes", ...flags].join(" "), apply, linesOf(plan)),
    ...["over the wire:", ...(calls.length === 0 ? ["  nothing"] : calls.map((call) => `  ${call}`)), ""],
  ];
}

/** Ids that Databricks chooses; those of the tests stay. */
function withoutIds(line: string): string {
  const ids = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}/g;
  return line.replace(ids, (id) => (/^(0b0e5c0e|5a1f2c3e)/.test(id) ? id : "SOME-ID")).trimEnd();
}

const NOTHING = /^( {2}note access key .*\n)*Nothing to do: \d+ as they should be\.\n$/;

const it = test.skipIf(!BothClouds.canRun);

it("every state is reported, repaired by the calls that it needs, and by no other", async () => {
  await clouds.reset();
  const text: string[] = [];
  for (const row of CASES) text.push(...(await session(row)));
  // And as a person who may.
  expect((await clouds.run(["apply", "--yes"])).stderr).toMatch(/^Done: \d+ steps\.$/m);
  const last = await clouds.run(["plan"]);
  expect([last.code, last.stdout]).toEqual([0, expect.stringMatching(NOTHING)]);
  expectGolden("lake.txt", text.map(withoutIds));
});

/** Each choice of docs/provision.md, alone. */
const CHOICES: readonly (readonly string[])[] = [
  ["--write-once", "on"],
  ["--file-events", "on"],
  ["--kms-key", "arn:aws:kms:us-west-2:123456789012:key/some-key"],
  ["--raw-expiry-days", "90"],
  ["--nodes", "edge-1"],
  ["--cost-tags", "team=ops"],
];

it("every choice is planned, made, made once, and unmade by the next apply without it", async () => {
  await clouds.reset();
  expect((await clouds.run(["apply", "--yes"])).code).toBe(0);
  const text: string[] = [];
  for (const flags of CHOICES) {
    const name = flags.join(" ");
    text.push(...(await session({ name, damage: () => undefined, flags })));
    clouds.aws.proxy.seen.length = 0;
    clouds.workspace.journal.clear();
    const again = await clouds.run(["apply", ...flags]);
    expect([name, again.code, again.stderr, wire()]).toEqual([name, 0, expect.stringMatching(NOTHING), []]);
    text.push(...(await session({ name: `no longer ${name}`, damage: () => undefined })));
  }
  expectGolden("choices.txt", text.map(withoutIds));
});
