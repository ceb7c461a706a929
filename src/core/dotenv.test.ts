import { expect, test } from "bun:test";
import { awsVariables, parseDotenv } from "./dotenv.ts";

test(".env holds names and values, comments, quotes and export", () => {
  const text =
    "# comment\nAGENT_STORE=s3: # behind\nexport AWS_REGION='eu-west-1'\nEMPTY=\nQUOTED=\"a b\"\r\nnonsense\n";
  expect(parseDotenv(text)).toEqual({ AGENT_STORE: "s3:", AWS_REGION: "eu-west-1", EMPTY: "", QUOTED: "a b" });
});

test("the AWS SDK sees the AWS names of .env, where the environment has none", () => {
  const dotenv = { AWS_PROFILE: "edge", AWS_REGION: "eu-west-1", AWS_SESSION_TOKEN: "", AGENT_STORE: "s3:", PATH: "x" };
  expect(awsVariables(dotenv, { AWS_REGION: "us-east-1", AWS_PROFILE: "" })).toEqual({ AWS_PROFILE: "edge" });
});
