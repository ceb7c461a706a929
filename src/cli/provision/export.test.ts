/** What apply makes, as Terraform: complete, well-formed by HashiCorp's own parser, and without a secret. */
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolveSettings } from "../../core/settings/settings.ts";
import { openAws } from "../../provision/aws/clients.ts";
import { awsSide } from "../../provision/aws/side.ts";
import { awsWish } from "../../provision/aws/wish.ts";
import { openDatabricksSide } from "../../provision/lake/side.ts";
import { shippedNotebook } from "../../provision/load/shipped-notebook.ts";
import { shippedQuestions } from "../../provision/load/shipped-questions.ts";
import { Blocks, FunctionCall, reference, terraformText } from "../../provision/terraform/text.ts";
import { HCLFMT, testWith } from "../../testing/needs.ts";
import { see } from "../frame/command-line.suite.ts";
import { COMMANDS } from "../frame/commands.ts";

const hclTest = testWith("hclfmt");

/** Every choice that there is, once this way and once the other. */
const PLAIN = { DATABRICKS_HOST: "https://acme.cloud.databricks.com", DATABRICKS_TOKEN: "dapi-very-secret" };
const ALL = {
  ...PLAIN,
  AGENT_EDGE_IDENTITY: "role",
  AGENT_EDGE_NODES: "edge-1,edge-2",
  AGENT_KMS_KEY_ARN: "arn:aws:kms:us-west-2:123456789012:key/1",
  AGENT_COST_TAGS: "team=ops,note=a b",
  AGENT_WRITE_ONCE: "on",
  AGENT_FILE_EVENTS: "on",
  AGENT_RAW_EXPIRY_DAYS: "90",
  AGENT_LAKE_READERS: "analysts,ann@example.com",
  AGENT_LAKE_LOADER: "0b1c2d3e-0000-4000-8000-000000000001",
  AGENT_JOB_NODE_TYPE: "m5d.large",
};

async function exported(env: Record<string, string>, ...more: string[]): Promise<string> {
  const seen = await see(["provision", "export", "terraform", ...more], COMMANDS, { env });
  expect([seen.code, seen.stderr]).toEqual([0, []]);
  return seen.stdout;
}

/** What apply would make with these settings, by the ids of its plan. */
async function planned(env: Record<string, string>): Promise<readonly string[]> {
  const settings = resolveSettings({ env });
  const aws = await openAws({ region: settings.awsRegion, env: {} });
  const options = { settings, home: "/nowhere", cwd: "/", notebook: shippedNotebook(), questions: shippedQuestions() };
  const sides = [awsSide(aws, awsWish(settings, "/"), {}), await openDatabricksSide(options)];
  const ids = sides.flatMap(({ resources }) => resources.filter(({ unwanted }) => unwanted === undefined));
  for (const side of sides) side.close();
  return ids.map(({ id }) => id);
}

describe("complete", () => {
  for (const [name, env] of Object.entries({ PLAIN, ALL })) {
    test(`${name}: whatever the plan would make is in the text, but for the key`, async () => {
      const said = new Set((await exported(env)).split("\n").map((line) => line.replace(/^# /, "")));
      const missing = (await planned(env)).filter((id) => !said.has(id));
      expect(missing).toEqual(name === "ALL" ? [] : ["access key of expanso-edge-us-west-2"]);
    });
  }

  test("each half needs nothing of the other", async () => {
    const aws = await exported(PLAIN, "--only", "aws");
    expect(aws).not.toContain("databricks_");
    // No one can assume the role until Databricks has named the external id: as `apply --only aws` leaves it.
    expect(aws).toContain('"sts:ExternalId" = "0000"');
    const databricks = await exported(PLAIN, "--only", "databricks");
    expect(databricks).not.toMatch(/"aws_(s3|iam|caller)|time_sleep/);
    expect(databricks).toContain('variable "aws_account_id"');
  });
});

describe("well-formed", () => {
  for (const [name, env] of Object.entries({ PLAIN, ALL })) {
    for (const only of [[], ["--only", "aws"], ["--only", "databricks"]]) {
      hclTest(`${[name, ...only].join(" ")}: parsed, and laid out as hclfmt does`, async () => {
        const text = await exported(env, ...only);
        const folder = mkdtempSync(join(tmpdir(), "agent-hcl-"));
        const file = join(folder, "main.tf");
        writeFileSync(file, text);
        // It says the file as it should be, and ends with 1 where that is another.
        const done = spawnSync(HCLFMT, ["-check", file], { encoding: "utf8" });
        rmSync(folder, { recursive: true });
        expect([done.status, done.stderr]).toEqual([0, ""]);
      });
    }
  }

  test("each resource is there once, and so is what it refers to", async () => {
    const text = await exported(ALL);
    const addresses = [...text.matchAll(/^(?:resource|data) "(\w+)" "([\w-]+)"/gm)].map(
      ([, type, name]) => `${type}.${name}`,
    );
    expect(addresses).toHaveLength(new Set(addresses).size);
    const referred = [...text.matchAll(/\b((?:aws|databricks|time)_\w+\.[\w-]+)(?=[.\],}[]|$)/gm)].map(
      ([, one]) => one!,
    );
    expect(referred.length).toBeGreaterThan(50);
    expect(referred.filter((one) => !addresses.includes(one))).toEqual([]);
  });

  test("the user's words are text, whatever they look like", () => {
    const [dollar, percent] = ["$", "%"];
    const call = new FunctionCall("jsonencode", { arn: `arn:${reference("j.k")}:${dollar}{l}` });
    const body = {
      text: `a "${dollar}{b}" ${percent}{c} \\ \b`,
      list: [`${dollar}{d}`],
      map: { [`${dollar}{e}`]: "f", g: reference("h.i") },
      call,
      block: new Blocks([{ name: "n" }]),
    };
    expect(terraformText([{ type: "resource", labels: ["x", "y"], about: ["one\nline"], body }])).toBe(
      String.raw`# oneline
resource "x" "y" {
  text = "a \"DD{b}\" %%{c} \\ \u0008"
  list = ["DD{d}"]
  map = {
    "DD{e}" = "f"
    g       = h.i
  }
  call = jsonencode({
    arn = "arn:D{j.k}:DD{l}"
  })

  block {
    name = "n"
  }
}
`.replaceAll("D", dollar),
    );
  });
});

test("no secret is in it, and none is asked for", async () => {
  const text = await exported({ ...ALL, AWS_SECRET_ACCESS_KEY: "aws-very-secret" });
  expect(text).not.toMatch(/very-secret|access_key|token/);
});

test("another format is refused", async () => {
  const seen = await see(["provision", "export", "pulumi"], COMMANDS, { env: PLAIN });
  expect([seen.code, ...seen.stderr]).toEqual([
    2,
    'Cannot export "pulumi": there is no such format',
    "Try: agent provision export terraform",
  ]);
});
