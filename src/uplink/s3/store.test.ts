/** The suite of the port, and tests of S3 alone, against real servers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeniedError, TransientError } from "../../core/errors.ts";
import { seededRandom } from "../../core/random.ts";
import { type FaultyProxy, startFaultyProxy } from "../../testing/faulty-proxy.ts";
import { canRun } from "../../testing/needs.ts";
import { type S3Server, SERVER_KINDS, type ServerKind, startS3Server } from "../../testing/s3-server.ts";
import { bytes, describeObjectStore, listed, METADATA, reference } from "../object-store.suite.ts";
import type { ObjectStore } from "../object-store.ts";
import { openS3Store } from "./store.ts";

const MANY: Record<ServerKind, { objects: number; pageSize: number }> = {
  versitygw: { objects: 1_100, pageSize: 1_000 },
  // A page that holds less, because this server is slow.
  moto: { objects: 120, pageSize: 50 },
};
const outcomeOf = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

for (const kind of SERVER_KINDS) {
  let server: S3Server;
  describe.skipIf(!canRun(kind))("a real server", () =>
    describeObjectStore(`store in S3, on ${kind}`, {
      open: async () => {
        server = await startS3Server(kind);
        await server.createBuckets("acme");
        const { pageSize } = MANY[kind];
        return await openS3Store({
          prefix: "acme",
          region: server.region,
          env: server.env,
          putTimeoutMs: 60_000,
          pageSize,
        });
      },
      stop: () => server.stop(),
      manyObjects: MANY[kind].objects,
      // moto's own gap, seen in its source (s3/responses.py): get_object, then put_object.
      isRacy: kind === "moto",
      timeoutMs: 60_000,
    }),
  );
}

const real = SERVER_KINDS.find((kind) => canRun(kind));
describe.skipIf(real === undefined)(`S3 alone, on ${real ?? "a real server"}`, () => {
  let server: S3Server;
  let proxy: FaultyProxy;
  beforeAll(async () => {
    server = await startS3Server(real!);
    await server.createBuckets("acme");
    proxy = await startFaultyProxy({ upstream: server.endpoint, seed: 1, faults: {} });
  }, 600_000);
  afterAll(async () => {
    await proxy.stop();
    await server.stop();
  }, 600_000);

  const open = (env: Record<string, string> = {}, prefix = "acme", putTimeoutMs = 60_000): Promise<ObjectStore> =>
    openS3Store({ prefix, region: server.region, env: { ...server.env, ...env }, putTimeoutMs });
  const throughProxy = (putTimeoutMs?: number) => open({ AWS_ENDPOINT_URL_S3: proxy.url }, "acme", putTimeoutMs);

  test("an object says what it is: type, no encoding, node, stage, count and versions", async () => {
    const { HeadObjectCommand } = await import("@aws-sdk/client-s3");
    const ref = reference("raw", "described");
    await (await open()).put(ref, bytes("x"), METADATA);
    const client = await server.client();
    const head = await client.send(new HeadObjectCommand({ Bucket: "acme-raw-data-us-west-2", Key: ref.key }));
    expect(head.ContentType).toBe("application/x-ndjson");
    expect(head.ContentEncoding ?? "").toBe("");
    expect(head.Metadata).toEqual({
      node: "pump-7",
      stage: "raw",
      count: "3",
      "agent-version": "0.0.0",
      "rules-version": "000000000000",
    });
  });

  test("a bucket that is not there is named; its listing is empty", async () => {
    const store = await open({}, "missing");
    const error = await outcomeOf(store.put(reference("raw", "x"), bytes("x"), METADATA));
    expect(error).toBeInstanceOf(DeniedError);
    expect(error).toMatchObject({ missing: 'bucket "missing-raw-data-us-west-2"' });
    expect(await listed(store, "raw")).toEqual([]);
  });

  // moto accepts all credentials by default.
  test.skipIf(real !== "versitygw")("a person must correct a wrong secret, and the error never shows it", async () => {
    const store = await open({ AWS_SECRET_ACCESS_KEY: "hunter2-hunter2" });
    const error = await outcomeOf(store.put(reference("raw", "x"), bytes("x"), METADATA));
    expect(error).toBeInstanceOf(DeniedError);
    expect(Bun.inspect(error)).not.toContain("hunter2");
  });

  test.skipIf(real !== "versitygw")(
    "credentials that are corrected in their file work without a restart",
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "agent-credentials-"));
      const file = join(folder, "credentials");
      const write = (secret: string) =>
        Bun.write(
          file,
          `[default]\naws_access_key_id = ${server.env["AWS_ACCESS_KEY_ID"]}\naws_secret_access_key = ${secret}\n`,
        );
      // The SDK's chain reads the environment of its process, so this one has a process of its own.
      const program = `
      import { openS3Store } from "${import.meta.dir}/store.ts";
      const store = await openS3Store({ prefix: "acme", region: "${server.region}", env: process.env, putTimeoutMs: 60000 });
      for await (const line of console) {
        const put = store.put({ stage: "raw", key: line }, new Uint8Array(1), { node: "n", stage: "raw", count: 1, agentVersion: "0", rulesVersion: "0" });
        console.log(await put.catch((error) => error.name));
      }`;
      const { AWS_ACCESS_KEY_ID: _id, AWS_SECRET_ACCESS_KEY: _secret, ...rest } = server.env;
      const env = { ...rest, PATH: process.env["PATH"] ?? "", AWS_SHARED_CREDENTIALS_FILE: file };
      const child = Bun.spawn([process.execPath, "-e", program], { env, stdin: "pipe", stdout: "pipe" });
      const answers = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const put = async (key: string) => {
        child.stdin.write(`${key}\n`);
        await child.stdin.flush();
        return (await answers.read()).value?.trim();
      };
      expect(await put("none/1")).toBe("DeniedError");
      await write("wrong-secret");
      expect(await put("wrong/1")).toBe("DeniedError");
      await write(server.env["AWS_SECRET_ACCESS_KEY"]!);
      expect(await put("corrected/1")).toBe("stored");
      child.stdin.end();
      await child.exited;
      await rm(folder, { recursive: true });
    },
    600_000,
  );

  test("no server, a connection that ends, no answer in time: each waits", async () => {
    const dead = await open({ AWS_ENDPOINT_URL_S3: "http://127.0.0.1:1" });
    expect(await outcomeOf(dead.put(reference("raw", "dead"), bytes("x"), METADATA))).toBeInstanceOf(TransientError);
    const store = await throughProxy();
    const impatient = await throughProxy(200);
    for (const fault of ["reset", "unavailable", "timeout", "lostAnswer"] as const) {
      proxy.setFaults({ [fault]: 1 });
      const asked = fault === "timeout" ? impatient : store;
      const error = await outcomeOf(asked.put(reference("raw", `fault-${fault}`), bytes("x"), METADATA));
      expect({ fault, error: error instanceof TransientError }).toEqual({ fault, error: true });
    }
    proxy.setFaults({ retryAfter: 1 });
    expect(await outcomeOf(store.put(reference("raw", "later"), bytes("x"), METADATA))).toMatchObject({
      retryAfterMs: 1_000,
    });
    proxy.setFaults({});
    expect(await store.put(reference("raw", "fault-lostAnswer"), bytes("y"), METADATA)).toBe("perhaps-own");
    expect(await store.put(reference("raw", "fault-reset"), bytes("y"), METADATA)).toBe("stored");
  }, 600_000);

  test("a key that may only put cannot look, and says which permission it lacks; a busy store is asked later", async () => {
    const store = await throughProxy();
    const ref = reference("raw", "put-only");
    await store.put(ref, bytes("x"), METADATA);
    for (const status of [403, 401]) {
      proxy.refusing = (method) => (method === "HEAD" ? status : null);
      expect(await store.look(ref, bytes("x"))).toMatchObject({
        is: "unseen",
        missing: "s3:GetObject on arn:aws:s3:::acme-raw-data-us-west-2/*",
      });
    }
    for (const status of [503, 429, 500, 404, 400]) {
      proxy.refusing = (method) => (method === "HEAD" ? status : null);
      expect(await outcomeOf(store.look(ref, bytes("x")))).toBeInstanceOf(TransientError);
    }
    proxy.refusing = () => null;
    expect(await store.look(ref, bytes("x"))).toEqual({ is: "same" });
  });

  test("a put that is repeated below the store is not taken for another's object: not known, or sent once", async () => {
    const ref = reference("raw", "repeated");
    // Before any answer there is no connection that could break under the put.
    expect(await (await throughProxy()).put(ref, bytes("x"), METADATA)).toBe("stored");
    expect(await (await throughProxy()).put(ref, bytes("x"), METADATA)).toBe("already-there");
    const store = await throughProxy();
    for (const name of ["first", "kept"]) await store.put(reference("raw", `repeated-${name}`), bytes("x"), METADATA);
    // The kept connection ends without an answer, once: fetch sends the put again by itself.
    const before = proxy.counts().lostAnswer;
    proxy.onRequest = () => {
      if (proxy.counts().lostAnswer > before) proxy.setFaults({});
    };
    proxy.setFaults({ lostAnswer: 1 });
    expect(await store.put(reference("raw", "repeated-alone"), bytes("x"), METADATA)).toBe("perhaps-own");
    proxy.onRequest = () => undefined;
    proxy.setFaults({});
    // What cannot be seen makes the next puts certain.
    proxy.refusing = (method) => (method === "HEAD" ? 403 : null);
    expect(await store.look(ref, bytes("x"))).toMatchObject({ is: "unseen" });
    proxy.refusing = () => null;
    expect(await store.put(ref, bytes("x"), METADATA)).toBe("already-there");
  });

  test("a put that hangs ends when it is aborted", async () => {
    proxy.setFaults({ timeout: 1 });
    const stop = new AbortController();
    const before = proxy.counts().timeout;
    const put = outcomeOf((await throughProxy()).put(reference("raw", "hang"), bytes("x"), METADATA, stop.signal));
    while (proxy.counts().timeout === before) await new Promise((resolve) => setImmediate(resolve));
    const reason = new Error("stopping");
    stop.abort(reason);
    expect(await put).toBe(reason);
  });

  test("a clock that is hours wrong fails once: the next try is signed with the server's time", async () => {
    const aheadMs = 3 * 3_600_000;
    const signedAt: number[] = [];
    const strict = Bun.serve({
      port: 0,
      fetch: (request) => {
        const [, y, mo, d, h, mi, s] =
          /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(request.headers.get("x-amz-date") ?? "") ?? [];
        signedAt.push(Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`));
        const nowMs = Date.now() + aheadMs;
        const headers = { date: new Date(nowMs).toUTCString(), etag: '"x"' };
        if (Math.abs(signedAt.at(-1)! - nowMs) < 900_000) return new Response(null, { headers });
        const xml = "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large</Message></Error>";
        return new Response(xml, { status: 403, headers });
      },
    });
    const store = await open({ AWS_ENDPOINT_URL_S3: strict.url.href });
    expect(await outcomeOf(store.put(reference("raw", "skew"), bytes("x"), METADATA))).toBeInstanceOf(TransientError);
    expect(await store.put(reference("raw", "skew"), bytes("x"), METADATA)).toBe("stored");
    expect(signedAt).toHaveLength(2);
    await strict.stop(true);
  });

  test("a captive portal that says 200 to everything has stored nothing and lists nothing", async () => {
    const portal = Bun.serve({
      port: 0,
      fetch: () => new Response("<html><body>Welcome, please log in</body></html>"),
    });
    const store = await open({ AWS_ENDPOINT_URL_S3: portal.url.href });
    expect(await outcomeOf(store.put(reference("raw", "portal"), bytes("x"), METADATA))).toBeInstanceOf(TransientError);
    expect(await outcomeOf(listed(store, "raw"))).toBeInstanceOf(TransientError);
    await portal.stop(true);
  });

  for (const seed of [1, 2, 3]) {
    test(`on a bad line every object arrives once, whole, as it was first sent (seed ${seed})`, async () => {
      const faults = { unavailable: 0.15, retryAfter: 0.05, reset: 0.15, lostAnswer: 0.25, slow: 0.05 };
      const line = await startFaultyProxy({ upstream: server.endpoint, seed, faults });
      const store = await open({ AWS_ENDPOINT_URL_S3: line.url });
      const random = seededRandom(seed);
      const keys = Array.from({ length: 40 }, (_, i) => `bad-line-${seed}/${String(i).padStart(3, "0")}`);
      const bodies = new Map(keys.map((key) => [key, bytes(key.repeat(1 + Math.floor(random() * 2_000)))]));
      await Promise.all(
        keys.map(async (key) => {
          for (let outcome: unknown; typeof outcome !== "string"; ) {
            outcome = await outcomeOf(store.put({ stage: "validated", key }, bodies.get(key)!, METADATA));
            if (typeof outcome !== "string") expect(outcome).toBeInstanceOf(TransientError);
          }
        }),
      );
      const direct = await open();
      expect((await listed(direct, "validated", `bad-line-${seed}/`)).map((object) => object.key)).toEqual(keys);
      for (const key of keys) expect(await direct.get({ stage: "validated", key })).toEqual(bodies.get(key)!);
      expect(line.counts().lostAnswer).toBeGreaterThan(0);
      await line.stop();
    }, 600_000);
  }
});
