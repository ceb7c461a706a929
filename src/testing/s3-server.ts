/** Real S3 servers for tests: versitygw (data, speed, crashes) and moto (policies); installed by scripts/setup-servers. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import type { S3Client } from "@aws-sdk/client-s3";
import { bucketOf, metadataBucketOf, STAGES } from "../core/stage.ts";

export const SERVER_KINDS = ["versitygw", "moto"] as const;
export type ServerKind = (typeof SERVER_KINDS)[number];

export type S3Server = {
  readonly kind: ServerKind;
  readonly endpoint: string;
  readonly region: string;
  /** What a child process needs to reach it; nothing of this process's own AWS settings gets through. */
  readonly env: Readonly<Record<string, string>>;
  /** The five stages' buckets, and that of the checkpoints. */
  readonly createBuckets: (prefix: string) => Promise<void>;
  /** As the owner of everything. */
  readonly client: () => Promise<S3Client>;
  /** Ends the server and takes its data away. A server also ends when the process that started it dies, however. */
  readonly stop: () => Promise<void>;
};

const ACCESS_KEY = "test-access-key";
const SECRET_KEY = "test-secret-key";
const START_LIMIT_MS = 120_000;
const START_ATTEMPTS = 3;
/**
 * Runs the server ("$@"), and ends it and removes its data ("$0") when stdin closes: a pipe that the kernel closes when the test dies, even by kill -9.
 * The server's death ends the wait as well, so that a port that was taken is seen at once.
 */
const LEASH =
  'exec 3<&0; "$@" </dev/null & server=$!; (cat <&3 >/dev/null; kill -9 $server 2>/dev/null; rm -rf "$0") & wait $server';

/** Where scripts/setup-servers puts them. */
export function serverCache(): string {
  return process.env["AGENT_TEST_CACHE"] ?? join(homedir(), ".cache", "agent-tests");
}

/** The server's program, or null when it is not installed. */
export function findS3Server(kind: ServerKind): string | null {
  const programs: Record<ServerKind, string> = { versitygw: "bin/versitygw", moto: "venv/bin/moto_server" };
  const program = join(serverCache(), programs[kind]);
  return existsSync(program) ? program : null;
}

/** On return the server answers. Throws when it is not installed or does not come up. */
export async function startS3Server(kind: ServerKind, region = "us-west-2"): Promise<S3Server> {
  const program = findS3Server(kind);
  if (program === null) throw new Error(`Cannot start ${kind}: not in "${serverCache()}". Try: scripts/setup-servers`);
  let failure: unknown;
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
    // A free port may be taken before the server has it: then the next one.
    const port = freePort();
    const folder = await mkdtemp(join(tmpdir(), `agent-${kind}-`));
    const child = spawn(program, { kind, port, region, folder });
    try {
      await untilItAnswers(`http://127.0.0.1:${port}`, child);
      return serverOf(kind, `http://127.0.0.1:${port}`, region, () => end(child, folder));
    } catch (error) {
      failure = error;
      await end(child, folder);
    }
  }
  throw failure;
}

function serverOf(kind: ServerKind, endpoint: string, region: string, stop: () => Promise<void>): S3Server {
  const env = {
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: ACCESS_KEY,
    AWS_SECRET_ACCESS_KEY: SECRET_KEY,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  };
  const client = async () => {
    const { S3Client } = await import("@aws-sdk/client-s3");
    const credentials = { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY };
    return new S3Client({ region, endpoint, forcePathStyle: true, credentials });
  };
  const createBuckets = async (prefix: string) => {
    const { CreateBucketCommand } = await import("@aws-sdk/client-s3");
    const owner = await client();
    const buckets = [
      ...STAGES.map((stage) => bucketOf(stage, prefix, region)),
      ...[`${prefix}-checkpoints-${region}`, metadataBucketOf(prefix, region)],
    ];
    for (const Bucket of buckets) await owner.send(new CreateBucketCommand({ Bucket }));
    owner.destroy();
  };
  return { kind, endpoint, region, env, createBuckets, client, stop };
}

type Child = Bun.Subprocess<"pipe", "ignore", "pipe">;

type Server = { readonly kind: ServerKind; readonly port: number; readonly region: string; readonly folder: string };

function spawn(program: string, { kind, port, region, folder }: Server): Child {
  const commands: Record<ServerKind, string[]> = {
    versitygw: [program, "--port", `127.0.0.1:${port}`, "--region", region, "posix", folder],
    moto: [program, "-H", "127.0.0.1", "-p", String(port)],
  };
  return Bun.spawn(["/bin/sh", "-c", LEASH, folder, ...commands[kind]], {
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, ROOT_ACCESS_KEY: ACCESS_KEY, ROOT_SECRET_KEY: SECRET_KEY },
    stdin: "pipe",
    stdout: "ignore",
    stderr: "pipe",
  });
}

async function end(child: Child, folder: string): Promise<void> {
  child.stdin.end();
  await child.exited;
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function untilItAnswers(url: string, child: Child): Promise<void> {
  const giveUpAt = performance.now() + START_LIMIT_MS;
  while (child.exitCode === null && performance.now() < giveUpAt) {
    const answer = await fetch(url).catch(() => null);
    if (answer !== null) return;
    await Bun.sleep(10);
  }
  if (child.exitCode === null) throw new Error(`${url} does not answer after ${START_LIMIT_MS} ms`);
  throw new Error(`the server ended: ${(await new Response(child.stderr).text()).slice(-1_000)}`);
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
