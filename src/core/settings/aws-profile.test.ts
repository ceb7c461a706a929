import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { profileRegion } from "./aws-profile.ts";
import { checkSettings, resolveSettings } from "./settings.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-aws-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const config = file(
  "config",
  "# mine\n[default]\noutput = json\nregion=eu-west-1\n\n[profile  dev]\r\ns3 =\r\n  region = no-this-is-nested\r\nregion = ap-southeast-2 \r\n[profile bare]\noutput = json\n[services x]\nregion = us-east-2\n",
);
const credentials = file("credentials", "[bare]\nregion = ca-central-1\n");
const FILES = { AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: credentials };

test("the region is that of the profile in force, and says where it came from", () => {
  expect(profileRegion(FILES)).toEqual({ region: "eu-west-1", from: `profile default in ${config}` });
  expect(profileRegion({ ...FILES, AWS_PROFILE: "dev" })).toMatchObject({ region: "ap-southeast-2" });
  expect(profileRegion({ ...FILES, AWS_PROFILE: "bare" })).toEqual({
    region: "ca-central-1",
    from: `profile bare in ${credentials}`,
  });
  expect(profileRegion({ ...FILES, AWS_PROFILE: "x" })).toBeNull();
  expect(profileRegion({ AWS_CONFIG_FILE: folder, AWS_SHARED_CREDENTIALS_FILE: "/dev/null" })).toBeNull();
});

test("without such a file at home there is no region", () => {
  expect(profileRegion({ HOME: folder })).toBeNull();
});

test("AWS_REGION wins over AWS_DEFAULT_REGION, the environment over .env, and the profile over the default alone", () => {
  const region = (from: Parameters<typeof resolveSettings>[0]) => {
    const { awsRegion, origins } = resolveSettings(from);
    return [awsRegion, origins.awsRegion];
  };
  const profile = () => ({ region: "eu-west-1", from: "profile default in ~/.aws/config" }) as const;
  const never = (): never => {
    throw new Error("asked although it was not needed");
  };
  const both = { AWS_REGION: "us-east-1", AWS_DEFAULT_REGION: "us-east-2" };
  expect(region({ env: both, profileRegion: never })).toEqual(["us-east-1", "environment"]);
  expect(region({ env: { AWS_DEFAULT_REGION: "us-east-2" }, dotenv: { AWS_REGION: "us-east-1" } })).toEqual([
    "us-east-2",
    "environment (AWS_DEFAULT_REGION)",
  ]);
  expect(region({ dotenv: { AWS_DEFAULT_REGION: "us-east-2" }, profileRegion: never })).toEqual([
    "us-east-2",
    ".env (AWS_DEFAULT_REGION)",
  ]);
  expect(region({ profileRegion: profile })).toEqual(["eu-west-1", "profile default in ~/.aws/config"]);
  expect(region({ profileRegion: () => null })).toEqual(["us-west-2", "default"]);
});

test("a region that AWS cannot have is refused, wherever it came from; another server may call its own anything", () => {
  const problems = (env: Record<string, string>) => checkSettings({ env }).problems;
  expect(problems({ AWS_REGION: "mars" })).toEqual([
    'Cannot use AWS_REGION "mars" (environment): expected a region such as us-west-2',
  ]);
  const from = { profileRegion: () => ({ region: "us-west", from: "profile x in ~/.aws/config" }) as const };
  expect(checkSettings(from).problems).toEqual([
    'Cannot use AWS_REGION "us-west" (profile x in ~/.aws/config): expected a region such as us-west-2',
  ]);
  for (const region of [
    "us-west-2",
    "ap-northeast-3",
    "us-gov-east-1",
    "us-isob-east-1",
    "eusc-de-east-1",
    "mx-central-1",
  ]) {
    expect([region, problems({ AWS_REGION: region })]).toEqual([region, []]);
  }
  expect(problems({ AWS_REGION: "garage", AWS_ENDPOINT_URL_S3: "http://127.0.0.1:3900" })).toEqual([]);
});
