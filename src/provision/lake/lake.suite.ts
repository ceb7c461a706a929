/**
 * A whole lake for tests: the strict fake workspace over HTTP, moto's IAM and S3 behind it, and the least of an AWS side
 * (buckets, and the role with its trust policy), so that Unity Catalog's own looks at the role are real.
 */
import { afterAll, afterEach } from "bun:test";
import {
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  GetRoleCommand,
  IAMClient,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { resolveSettings } from "../../core/settings/settings.ts";
import type { Workspace } from "../../fake-workspace/wire/port.ts";
import { startWorkspace } from "../../fake-workspace/wire/workspace.ts";
import { ENGINEER_TOKEN, type WorkspaceSettings } from "../../fake-workspace/world/settings.ts";
import { testWith } from "../../testing/needs.ts";
import { type S3Server, startS3Server } from "../../testing/s3-server.ts";
import { applyPlan, type Outcome } from "../apply.ts";
import { AGAIN } from "../errors.suite.ts";
import type { FactBook } from "../facts.ts";
import type { NotebookSource } from "../load/notebook.ts";
import type { Questions } from "../load/shipped-questions.ts";
import { BUCKET_USES, bucketName, ID, unityRoleName } from "../names.ts";
import { makePlan, type Plan, planProblems, planRemarks, planSteps } from "../plan.ts";
import { applyRemoval, planRemoval } from "../removal.ts";
import type { ProvisionSide, Resource, Spared } from "../resource.ts";
import { type DatabricksOptions, openDatabricksSide } from "./side.ts";

export const REGION = "us-west-2";
const ACCOUNT = "123456789012";
let moto: S3Server | null = null;
let lakes = 0;
const open: Workspace[] = [];

/** A test that starts a lake. */
export const lakeTest = testWith("moto");

/** Called once by each test file: what its tests start, ends with them. */
export function endLakes(): void {
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.stop()));
  });
  afterAll(async () => {
    await moto?.stop();
    moto = null;
  });
}

export type LakeOptions = {
  readonly workspace?: Partial<WorkspaceSettings>;
  readonly env?: Readonly<Record<string, string>>;
  readonly force?: boolean;
  readonly notebook?: NotebookSource;
  readonly questions?: Questions;
  /** Each call to the workspace goes through here. */
  readonly fetch?: NonNullable<DatabricksOptions["fetch"]>;
  /** Ends all that is under way. */
  readonly stop?: AbortSignal;
};

export type TestLake = Awaited<ReturnType<typeof startLake>>;

/** A lake of its own: every one has another prefix, so that moto may be shared. */
export async function startLake(options: LakeOptions = {}) {
  moto ??= await startS3Server("moto", REGION);
  const { endpoint } = moto;
  const naming = { prefix: `lake${++lakes}`, region: REGION };
  const workspace = await startWorkspace({ awsEndpoint: endpoint, region: REGION, ...options.workspace });
  open.push(workspace);
  const credentials = { accessKeyId: "test-access-key", secretAccessKey: "test-secret-key" };
  const iam = new IAMClient({ region: "us-east-1", endpoint, credentials });
  const s3 = await moto.client();
  for (const use of BUCKET_USES) await s3.send(new CreateBucketCommand({ Bucket: bucketName(use, naming) }));
  const env = {
    DATABRICKS_HOST: workspace.url,
    DATABRICKS_TOKEN: ENGINEER_TOKEN,
    S3_BUCKET_PREFIX: naming.prefix,
    AWS_REGION: REGION,
    ...options.env,
  };
  const sides = async (more: Partial<LakeOptions> = {}): Promise<readonly ProvisionSide[]> => {
    const settings = resolveSettings({ env: { ...env, ...more.env } });
    const { force = options.force ?? false, fetch = options.fetch, notebook = options.notebook ?? null } = more;
    const { questions = options.questions ?? null } = more;
    const shipped = { notebook, questions };
    const side = { settings, home: "/nowhere", cwd: "/", force, ...shipped, ...(fetch === undefined ? {} : { fetch }) };
    return [awsStandIn(iam, naming), await openDatabricksSide(side)];
  };
  return { workspace, naming, iam, s3, env, sides };
}

/** A world without real time: a wait is over at once, and is counted. */
export function world(stop: AbortSignal = new AbortController().signal) {
  let nowMs = 0;
  const told: string[] = [];
  return {
    told,
    stop,
    tell: (text: string) => void told.push(text),
    now: () => nowMs,
    again: AGAIN,
    wait: async (ms: number) => {
      nowMs += ms;
    },
  };
}

export async function planOf(lake: TestLake, adopt = false, more: Partial<LakeOptions> = {}): Promise<Plan> {
  return makePlan(await lake.sides(more), { adopt }, world(more.stop));
}

/** Steps and problems: the lines that a user reads. */
export function linesOf(plan: Plan): string[] {
  const steps = planSteps(plan).filter(({ action }) => action !== "none");
  return [
    ...steps.map(({ action, resource, because }) => `${action} ${resource}: ${because}`),
    ...planProblems(plan).map(({ message }) => message),
  ];
}

export async function apply(
  lake: TestLake,
  adopt = false,
  more: Partial<LakeOptions> = {},
): Promise<readonly Outcome[]> {
  return applyPlan(await planOf(lake, adopt, more), world(more.stop), { onOutcome: () => undefined });
}

export async function destroy(lake: TestLake, more: Partial<LakeOptions> = {}): Promise<readonly Outcome[]> {
  return (await removal(lake, [], more)).outcomes;
}

/** With what stays by itself, as `message`, and what goes by force, as remarks. */
export async function removal(lake: TestLake, goes: readonly Spared["kind"][], more: Partial<LakeOptions> = {}) {
  const plan = await planRemoval(await lake.sides(more), world(more.stop), new Set(goes));
  const outcomes = await applyRemoval(plan, world(more.stop), { onOutcome: () => undefined }, new Set(goes));
  return { kept: planProblems(plan).map(({ message }) => message), remarks: planRemarks(plan), outcomes };
}

/** What did not work, as `step: message`. */
export function failuresOf(outcomes: readonly Outcome[]): string[] {
  return outcomes.flatMap(({ step, result, problem }) =>
    result === "done" ? [] : [`${result} ${step.action} ${step.resource}: ${problem?.message}`],
  );
}

/** Calls that change something, without their bodies. */
export function writesOf(workspace: Workspace): string[] {
  return workspace.journal
    .entries()
    .filter(({ method, path }) => method !== "GET" && !path.includes("/validate-") && !path.includes("/oidc/"))
    .map(({ method, path }) => `${method} ${path.replace("/api/2.1/unity-catalog", "")}`);
}

/** All that the workspace holds, by kind and name: for "the same end". */
export function contentsOf(workspace: Workspace): Readonly<Record<string, unknown>> {
  const { credentials, locations, catalogs, schemas, volumes, tables, jobs, tree, dashboards } = workspace.world();
  return {
    credentials: [...credentials.keys()].sort(),
    locations: [...locations.values()].map(({ name, url }) => `${name} ${url}`).sort(),
    catalogs: [...catalogs.values()].map(({ name, storageRoot }) => `${name} ${storageRoot}`).sort(),
    schemas: [...schemas.keys()].sort(),
    volumes: [...volumes].map(([name, { url }]) => `${name} ${url}`).sort(),
    jobs: [...jobs.values()].map(({ settings }) => settings.name).sort(),
    notebooks: [...tree.keys()].filter((path) => /^\/Shared\/./.test(path)).sort(),
    dashboards: [...dashboards.values()]
      .filter(({ trashed }) => !trashed)
      .map(({ name, folder, published }) => `${folder} ${name} ${published?.embed}`)
      .sort(),
    tables: [...tables].map(([name, { columns }]) => `${name} ${columns.length}`).sort(),
  };
}

function awsStandIn(iam: IAMClient, naming: { prefix: string; region: string }): ProvisionSide {
  return {
    side: "aws",
    resources: [roleStandIn(iam, naming)] as Resource[],
    check: async () => ({
      accountId: ACCOUNT,
      partition: "aws",
      callerArn: `arn:aws:iam::${ACCOUNT}:user/engineer`,
      roleArn: `arn:aws:iam::${ACCOUNT}:role/${unityRoleName(naming)}`,
    }),
    close: () => undefined,
  };
}

function roleStandIn(iam: IAMClient, naming: { prefix: string; region: string }): Resource<{ readonly trust: string }> {
  const RoleName = unityRoleName(naming);
  const credential = ID.credential(`${naming.prefix}_${naming.region}`.replaceAll("-", "_"));
  const roleArn = `arn:aws:iam::${ACCOUNT}:role/${RoleName}`;
  return {
    id: ID.role(RoleName),
    side: "aws",
    needs: [credential],
    outlives: [credential],
    read: async () => {
      const found = await iam.send(new GetRoleCommand({ RoleName })).catch(() => null);
      return found === null ? null : { trust: decodeURIComponent(found.Role?.AssumeRolePolicyDocument ?? "") };
    },
    diff: ({ trust }, facts) => {
      const id = facts.get("externalId");
      if (id === undefined || trust.includes(id)) return [];
      const make = async (doing: { readonly facts: FactBook }) => {
        const PolicyDocument = trustOf(doing.facts, roleArn);
        await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument }));
      };
      return [{ action: "update", because: "trust: another external id", make }];
    },
    create: async ({ facts }) => {
      await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trustOf(facts, roleArn) }));
      const PolicyDocument = permissionsOf(naming, roleArn);
      await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: "lake", PolicyDocument }));
    },
    remove: async () => {
      await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: "lake" })).catch(() => undefined);
      await iam.send(new DeleteRoleCommand({ RoleName }));
    },
  };
}

function trustOf(facts: FactBook, roleArn: string): string {
  const Condition = { StringEquals: { "sts:ExternalId": facts.need("externalId") } };
  const AWS = `arn:aws:iam::${ACCOUNT}:root`;
  const self = { ...Condition, ArnLike: { "aws:PrincipalArn": roleArn } };
  const Statement = [
    { Effect: "Allow", Action: "sts:AssumeRole", Principal: { AWS: facts.need("unityCatalogIamArn") }, Condition },
    { Effect: "Allow", Action: "sts:AssumeRole", Principal: { AWS }, Condition: self },
  ];
  return JSON.stringify({ Version: "2012-10-17", Statement });
}

function permissionsOf(naming: { prefix: string; region: string }, roleArn: string): string {
  const Resource = BUCKET_USES.flatMap((use) => {
    const arn = `arn:aws:s3:::${bucketName(use, naming)}`;
    return [arn, `${arn}/*`];
  });
  const Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:GetBucketLocation"];
  const Statement = [
    { Effect: "Allow", Action, Resource },
    { Effect: "Allow", Action: "sts:AssumeRole", Resource: roleArn },
  ];
  return JSON.stringify({ Version: "2012-10-17", Statement });
}
