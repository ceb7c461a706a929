/** TLS to a server whose authority only AWS_CA_BUNDLE names. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TransientError, UsageError } from "../../core/errors.ts";
import { openS3Store } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-ca-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string) => join(folder, name);

/** A certificate of its own authority for 127.0.0.1; null: this machine has no openssl. */
function selfSigned(): { readonly key: string; readonly cert: string } | null {
  if (Bun.which("openssl") === null) {
    process.stderr.write("skipped: needs openssl, which this machine does not have\n");
    return null;
  }
  const made = Bun.spawnSync([
    ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path("key"), "-out", path("ca")],
  ]);
  expect([made.exitCode, made.exitCode === 0 ? "" : made.stderr.toString()]).toEqual([0, ""]);
  return { key: readFileSync(path("key"), "utf8"), cert: readFileSync(path("ca"), "utf8") };
}

const tls = selfSigned();
const open = (env: Record<string, string>) =>
  openS3Store({
    prefix: "acme",
    region: "us-west-2",
    env: { AWS_ACCESS_KEY_ID: "test-access-key", AWS_SECRET_ACCESS_KEY: "test-secret-key", ...env },
    putTimeoutMs: 5_000,
  });

test.skipIf(tls === null)("AWS_CA_BUNDLE is trusted for S3, and without it the same server is not", async () => {
  const empty = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", tls: tls!, fetch: () => new Response(empty) });
  try {
    const AWS_ENDPOINT_URL_S3 = `https://127.0.0.1:${server.port}`;
    const trusting = await open({ AWS_ENDPOINT_URL_S3, AWS_CA_BUNDLE: path("ca") });
    expect(await Array.fromAsync(trusting.list("raw"))).toEqual([]);
    const careful = await open({ AWS_ENDPOINT_URL_S3 });
    const refused = await Array.fromAsync(careful.list("raw")).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(TransientError);
    expect((refused as Error).message).toMatch(/CERT|self.signed/i);
  } finally {
    await server.stop(true);
  }
});

test("a bundle that is not there, or holds no certificate, is a wrong call", async () => {
  writeFileSync(path("empty"), "not a certificate\n");
  for (const bundle of [path("nowhere"), path("empty"), folder]) {
    const error = await open({ AWS_CA_BUNDLE: bundle }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(`AWS_CA_BUNDLE "${bundle}": `);
  }
});
