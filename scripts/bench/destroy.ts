/**
 * How fast a set-up's seven buckets are emptied and deleted: `bun scripts/bench/destroy.ts [--versions 100000]
 * [--naive 2000] [--delay-ms 0]`. On moto, against a naive loop (one DeleteObject for each version, one after the other), both
 * on as few versions as that loop can do in seconds, and then ours on all of them: a page of a listing costs moto more when
 * the bucket holds more. Prints rates and their ratio; the share of a core that the server and we took (moto is Python and has no
 * more than one); and how much of the time the server had a call to work on. To fill 100,000 versions takes moto ten
 * minutes and 6 GB. `--delay-ms` puts the cloud that far away.
 */
import { readdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Aws, openAws } from "../../src/provision/aws/clients.ts";
import { removeBucket } from "../../src/provision/bucket/empty.ts";
import { FactBook } from "../../src/provision/facts.ts";
import { BUCKET_USES, bucketName } from "../../src/provision/names.ts";
import { startS3Server } from "../../src/testing/s3-server.ts";

const REGION = "us-west-2";
const BUCKETS = BUCKET_USES.map((use) => bucketName(use, { prefix: "bench", region: REGION }));
/** Puts under way while the buckets are filled. */
const FILLERS = 8;
/** Versions of each key; behind the last one a delete marker. */
const VERSIONS_A_KEY = 4;
/** Linux counts CPU time in these, on every architecture that Bun runs on. */
const TICKS_A_SECOND = 100;

type Filled = { readonly versions: number; readonly markers: number };

/** Fills the buckets with this many versions, and with delete markers: overwritten and deleted far more than an agent does. */
async function fill({ s3, s3Api }: Aws, versions: number): Promise<Filled> {
  for (const Bucket of BUCKETS) {
    const CreateBucketConfiguration = { LocationConstraint: REGION } as const;
    await s3.send(new s3Api.CreateBucketCommand({ Bucket, CreateBucketConfiguration }));
    await s3.send(new s3Api.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
  }
  let next = 0;
  let markers = 0;
  const filler = async () => {
    for (let n = next++; n < versions; n = next++) {
      const Bucket = BUCKETS[n % BUCKETS.length];
      const nth = Math.floor(n / BUCKETS.length);
      const at = { Bucket, Key: `k/${Math.floor(nth / VERSIONS_A_KEY)}` };
      await s3.send(new s3Api.PutObjectCommand({ ...at, Body: "x" }));
      if (nth % VERSIONS_A_KEY < VERSIONS_A_KEY - 1) continue;
      await s3.send(new s3Api.DeleteObjectCommand(at));
      markers++;
    }
  };
  await Promise.all(Array.from({ length: FILLERS }, filler));
  return { versions, markers };
}

async function naively({ s3, s3Api }: Aws): Promise<void> {
  for (const Bucket of BUCKETS) {
    for (;;) {
      const page = await s3.send(new s3Api.ListObjectVersionsCommand({ Bucket }));
      const all = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
      if (all.length === 0) break;
      for (const { Key, VersionId } of all) await s3.send(new s3Api.DeleteObjectCommand({ Bucket, Key, VersionId }));
    }
    await s3.send(new s3Api.DeleteBucketCommand({ Bucket }));
  }
}

async function ours(aws: Aws): Promise<void> {
  const stop = new AbortController().signal;
  const doing = {
    facts: new FactBook(),
    stop,
    tell: () => undefined,
    wait: Bun.sleep,
    now: () => performance.now(),
    again: "agent provision destroy",
  };
  await Promise.all(BUCKETS.map((bucket) => removeBucket(aws, bucket, doing)));
}

/** CPU seconds of the server so far: of the process with this port in its arguments. Zero where there is no /proc. */
function serverCpu(endpoint: string): number {
  const port = new URL(endpoint).port;
  for (const pid of readableNames("/proc").filter((name) => /^\d+$/.test(name))) {
    const words = readable(`/proc/${pid}/cmdline`).split("\0");
    const isServer = words.some((word) => word.endsWith("moto_server")) && words.includes(port);
    if (!isServer || words[0]?.endsWith("/sh")) continue;
    const fields = readable(`/proc/${pid}/stat`)
      .replace(/^.*\) /s, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
  }
  return 0;
}

/** A process may end while it is looked at. */
function readable(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function readableNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

const { values } = parseArgs({
  options: {
    versions: { type: "string", default: "100000" },
    naive: { type: "string", default: "2000" },
    "delay-ms": { type: "string", default: "0" },
  },
});
const versions = Number(values.versions);
const delayMs = Number(values["delay-ms"]);
const count = (n: number) => Math.round(n).toLocaleString("en");

const server = await startS3Server("moto", REGION);
const key = { accessKeyId: "bench", secretAccessKey: "bench" };
const aws = await openAws({ region: REGION, env: { AWS_ENDPOINT_URL: server.endpoint }, key });
let calls = 0;
let isFar = false;
/** Calls under way, since when there is one, and for how long there was one. */
const busy = { now: 0, sinceMs: 0, totalMs: 0 };
aws.s3.middlewareStack.add(
  (next) => async (args) => {
    calls++;
    if (isFar && delayMs > 0) await Bun.sleep(delayMs);
    if (busy.now++ === 0) busy.sinceMs = performance.now();
    try {
      return await next(args);
    } finally {
      if (--busy.now === 0) busy.totalMs += performance.now() - busy.sinceMs;
    }
  },
  { step: "finalizeRequest" },
);

/** Versions and delete markers a second. */
async function measured(name: string, size: number, work: (aws: Aws) => Promise<void>): Promise<number> {
  const filled = await fill(aws, size);
  const all = filled.versions + filled.markers;
  calls = 0;
  busy.totalMs = 0;
  isFar = true;
  const [own, theirs, startedMs] = [process.cpuUsage(), serverCpu(server.endpoint), performance.now()];
  await work(aws);
  const seconds = (performance.now() - startedMs) / 1_000;
  isFar = false;
  const { user, system } = process.cpuUsage(own);
  const percent = (part: number) => `${Math.round((100 * part) / seconds)} %`;
  const items = `${count(filled.versions)} versions and ${count(filled.markers)} delete markers`;
  console.log(`${name}: ${items} in ${seconds.toFixed(1)} s, ${count(all / seconds)}/s, ${count(calls)} calls`);
  const cpu = `of a core the server took ${percent(serverCpu(server.endpoint) - theirs)}, we ${percent((user + system) / 1e6)}`;
  console.log(`  the server had a call to work on ${percent(busy.totalMs / 1_000)} of the time; ${cpu}`);
  return all / seconds;
}

try {
  const few = Math.min(versions, Number(values.naive));
  const slow = await measured("one DeleteObject a version", few, naively);
  const fast = await measured("agent provision destroy", few, ours);
  console.log(`ratio: ${(fast / slow).toFixed(1)}`);
  if (few < versions) await measured("agent provision destroy", versions, ours);
} finally {
  aws.close();
  await server.stop();
}
