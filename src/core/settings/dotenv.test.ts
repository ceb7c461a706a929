import { expect, test } from "bun:test";
import { awsVariables, dotenvLines, dotenvProblems, parseDotenv } from "./dotenv.ts";

test(".env holds names and values, comments, quotes and export", () => {
  const text =
    "# comment\nAGENT_STORE=s3: # behind\nexport AWS_REGION='eu-west-1'\nEMPTY=\nQUOTED=\"a b\"\r\nnonsense\n";
  expect(parseDotenv(text)).toEqual({ AGENT_STORE: "s3:", AWS_REGION: "eu-west-1", EMPTY: "", QUOTED: "a b" });
});

test("the AWS SDK sees the AWS names of .env, where the environment has none", () => {
  const dotenv = { AWS_PROFILE: "edge", AWS_REGION: "eu-west-1", AWS_SESSION_TOKEN: "", AGENT_STORE: "s3:", PATH: "x" };
  expect(awsVariables(dotenv, { AWS_REGION: "us-east-1", AWS_PROFILE: "" })).toEqual({ AWS_PROFILE: "edge" });
});

test("a line of .env without an assignment is reported by its number, never with its text", () => {
  const text = `# comment
AGENT_STORE=s3: # behind
  DATABRICKS_TOKEN dapi-secret
export AWS_REGION='eu-west-1'

KEY="first
second line
third" # behind
=x
UNCLOSED="y
EMPTY=
`;
  expect(dotenvProblems(text)).toEqual([
    ".env:3:3: expected NAME=value, or a comment that begins with #",
    ".env:9:1: expected NAME=value, or a comment that begins with #",
  ]);
  expect(Object.keys(parseDotenv(text))).toEqual(["AGENT_STORE", "AWS_REGION", "KEY", "UNCLOSED", "EMPTY"]);
  expect(dotenvProblems("\ufeffA=1\r\nB=2\r\n")).toEqual([]);
});

test("NULs that a loss of power left are a problem: what was in their place is not known", () => {
  const lost = "there are NULs, as a loss of power leaves them; write the line again";
  expect(dotenvProblems("AGENT_LOG=debug\0\0\0")).toEqual([`.env:1:16: ${lost}`]);
  expect(dotenvProblems("A=1\n\0\0\0\0\nB=2\n")).toEqual([`.env:2:1: ${lost}`]);
});

test("the line of a variable is that of its last assignment, behind values over several lines too", () => {
  const text = '\ufeff# AGENT_LOG=no\nAGENT_LOG=a\r\n\nexport B = "x\nAGENT_LOG=y\nz"\nno assignment\nAGENT_LOG=b\n';
  expect(dotenvLines(text)).toEqual({ AGENT_LOG: 8, B: 4 });
  expect(parseDotenv(text)).toMatchObject({ AGENT_LOG: "b" });
});
