/**
 * How fast a set-up's buckets are emptied and deleted: `bun scripts/bench/destroy.ts [--versions 100000] [--delay-ms 0]`.
 * Seven buckets on moto, our way against a naive loop (one bucket after the other, one call after the other), and the
 * server's own bound: the same calls as fast as it takes them are not possible, so what it answers a second is shown.
 * `--delay-ms` puts the cloud that far away: that is where a naive loop waits.
 */
import { parseArgs } from "node:util";
import { type Aws, openAws } from "../../src/provision/aws-clients.ts";
import { removeBucket } from "../../src/provision/aws-empty.ts";
import { FactBook } from "../../src/provision/facts.ts";
import { BUCKET_USES, bucketName } from "../../src/provision/names.ts";
import { startRecordingProxy } from "../../src/testing/recording-proxy.ts";
import { startS3Server } from "../../src/testing/s3-server.ts";

const REGION = "us-west-2";
const BUCKETS = BUCKET_USES.map((use) => bucketName(use, { prefix: "bench", region: REGION }));
/** Puts under way while the buckets are filled. */
const FILLERS = 16;

async function fill(aws: Aws, versions: number): Promise<void> {
  const { s3, s3Api } = aws;
  for (const Bucket of BUCKETS) {
    const CreateBucketConfiguration = { LocationConstraint: REGION } as const;
    await s3.send(new s3Api.CreateBucketCommand({ Bucket, CreateBucketConfiguration }));
    await s3.send(new s3Api.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
  }
  let next = 0;
  const filler = async () => {
    for (let n = next++; n < versions; n = next++) {
      // Every key twice, so that old versions are among them.
      const put = { Bucket: BUCKETS[n % BUCKETS.length]!, Key: `k/${Math.floor(n / BUCKETS.length / 2)}`, Body: "x" };
      await s3.send(new s3Api.PutObjectCommand(put));
    }
  };
  await Promise.all(Array.from({ length: FILLERS }, filler));
}

async function naively(aws: Aws): Promise<void> {
  const { s3, s3Api } = aws;
  for (const Bucket of BUCKETS) {
    for (;;) {
      const page = await s3.send(new s3Api.ListObjectVersionsCommand({ Bucket }));
      const all = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
      if (all.length === 0) break;
      const Objects = all.map(({ Key, VersionId }) => ({ Key, VersionId }));
      await s3.send(new s3Api.DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
    }
    await s3.send(new s3Api.DeleteBucketCommand({ Bucket }));
  }
}

async function ours(aws: Aws): Promise<void> {
  const stop = new AbortController().signal;
  const doing = { facts: new FactBook(), stop, tell: () => undefined, wait: Bun.sleep, now: () => performance.now() };
  await Promise.all(BUCKETS.map((bucket) => removeBucket(aws, bucket, doing)));
}

const { values } = parseArgs({
  options: { versions: { type: "string", default: "100000" }, "delay-ms": { type: "string", default: "0" } },
});
const versions = Number(values.versions);
const server = await startS3Server("moto", REGION);
const proxy = await startRecordingProxy(server.endpoint);
const key = { accessKeyId: "bench", secretAccessKey: "bench" };
const [direct, far] = await Promise.all(
  [server.endpoint, proxy.url].map((url) => openAws({ region: REGION, env: { AWS_ENDPOINT_URL: url }, key })),
);
for (const [name, work] of [
  ["naive loop", naively],
  ["agent provision destroy", ours],
] as const) {
  proxy.delayMs = 0;
  await fill(direct!, versions);
  proxy.delayMs = Number(values["delay-ms"]);
  proxy.seen.length = 0;
  const startedMs = performance.now();
  await work(far!);
  const seconds = (performance.now() - startedMs) / 1_000;
  if (process.env["BENCH_CALLS"])
    console.log(
      Object.fromEntries(
        [...Map.groupBy(proxy.seen, (s) => `${s.call.split(" ")[1]} ${s.status}`)].map(([k, v]) => [k, v.length]),
      ),
    );
  const perSecond = Math.round(versions / seconds).toLocaleString("en");
  console.log(`${name}: ${versions} versions in ${seconds.toFixed(1)} s, ${perSecond}/s, ${proxy.seen.length} calls`);
}
for (const aws of [direct!, far!]) aws.close();
await proxy.stop();
await server.stop();
