/** Commands that look into buckets, before a store that is busy for a moment, stays away, or refuses. */
import { afterAll, afterEach, expect, test } from "bun:test";
import { TestNode } from "../verify/node.suite.ts";
import { see } from "./frame/command-line.suite.ts";
import { COMMANDS } from "./frame/commands.ts";

type StoreAnswer = () => Response;
const xml = (status: number, body: string, headers: Record<string, string> = {}) =>
  new Response(`<?xml version="1.0"?>${body}`, { status, headers: { "content-type": "application/xml", ...headers } });
const spoken = (status: number, code: string, message = "as S3 says", headers: Record<string, string> = {}) =>
  xml(status, `<Error><Code>${code}</Code><Message>${message}</Message></Error>`, headers);
const empty: StoreAnswer = () => xml(200, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");

/** What the store answers next; the last one for ever. */
let answers: StoreAnswer[] = [empty];
let requests = 0;
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: () => {
    requests++;
    return (answers.length > 1 ? answers.shift()! : answers[0]!)();
  },
});
const node = new TestNode();
afterAll(async () => {
  node.end();
  await server.stop(true);
});
afterEach(() => {
  answers = [empty];
  requests = 0;
});

const env = {
  AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${server.port}`,
  AWS_ACCESS_KEY_ID: "test-access-key",
  AWS_SECRET_ACCESS_KEY: "test-secret-key",
  AWS_REGION: "us-west-2",
  AGENT_DATA_DIR: ".",
  AGENT_STORE: "s3:",
};
const seen = (...argv: string[]) => see(argv, COMMANDS, { env, cwd: node.dataDir });

const LOOKING = [
  ["verify"],
  ["lake", "ls"],
  ["lake", "head"],
  ["query", "--local", "SELECT count(*) FROM sensor_readings_ingestion"],
  ["query", "--local", "SELECT count(*) FROM sensor_readings_heartbeats"],
];

for (const argv of LOOKING) {
  const name = argv.slice(0, 3).join(" ");

  test(`${name}: a store that is busy for a moment is asked again, and one line says so`, async () => {
    answers = [() => spoken(503, "SlowDown"), () => new Response("", { status: 502 }), empty];
    const { code, stderr } = await seen(...argv);
    expect([code, requests > 2]).toEqual([0, true]);
    const retries = stderr.filter((line) => line.endsWith(". The command tries again, for up to a minute"));
    expect(retries.length).toBe(1);
  });

  test(`${name}: a store that asks for more time than a person has: exit 2, could not look`, async () => {
    answers = [() => spoken(503, "SlowDown", "busy", { "retry-after": "300" })];
    const { code, stderr } = await seen(...argv);
    expect([code, requests]).toEqual([2, 1]);
    expect(stderr.join("\n")).toContain("It was tried once; the store asks to wait 300 s");
  });

  test(`${name}: a key that may only put says what it does not see, and what allows it`, async () => {
    answers = [() => spoken(403, "AccessDenied", "Access Denied")];
    const { code, stdout, stderr } = await seen(...argv);
    expect([code, requests, stdout]).toEqual([2, 1, ""]);
    expect(stderr[0]).toMatch(
      /^Cannot list bucket "expanso-(raw-data|metadata)-us-west-2": AccessDenied: Access Denied$/,
    );
    expect(stderr[1]).toMatch(
      /^Nothing was seen of what the store holds: the edge's key may only put\. Use another identity \(AWS_PROFILE\), or allow this one s3:ListBucket on arn:aws:s3:::expanso-\S+ and, to read rows, s3:GetObject on arn:aws:s3:::expanso-\S+\/\*/,
    );
  });
}

test("lake clean repeats a delete that failed in passing", async () => {
  const key = `date=2026-11-23/hour=08/edge-7/${node.buffer.epoch}.000000000001-000000000010.10.json.gz`;
  const one: StoreAnswer = () =>
    xml(
      200,
      `<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>${key}</Key><Size>9</Size></Contents></ListBucketResult>`,
    );
  answers = [one, one, () => spoken(503, "SlowDown"), () => xml(200, "<DeleteResult></DeleteResult>"), empty];
  const { code, stderr } = await seen("lake", "clean", "--stage", "raw", "--yes");
  expect([code, requests]).toEqual([0, 4]);
  expect(stderr.at(-1)).toBe("1 object was deleted.");
});
