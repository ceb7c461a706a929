/**
 * The binaries for musl and for arm64, run where only that C library is: a folder as root, under an emulator where the processor is
 * another. What a binary does with libraries, numbers, files, sockets and certificates is the part that differs by platform.
 */
import { afterAll, expect, setDefaultTimeout } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { bucketOf, type Stage } from "../../src/core/stage.ts";
import { VERSION } from "../../src/core/version.ts";
import { AgentProcess } from "../../src/testing/agent-process.ts";
import { ROOTS, testWith } from "../../src/testing/needs.ts";
import { startS3Server } from "../../src/testing/s3-server.ts";
import { ROOT } from "./compile.ts";

setDefaultTimeout(600_000);
const folder = mkdtempSync(join(tmpdir(), "agent-platforms-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Root = {
  readonly path: string;
  /** The binary, with this root and nothing of this environment. */
  readonly run: (
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ) => Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;
};

/** With the /proc of every container: it is unmounted when the process has ended. */
const into = (root: string) => [
  "unshare",
  "--mount",
  "sh",
  "-c",
  'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"',
  root,
];

/** A root folder with the binary in it, and only what its C library brings. */
async function rootFor(target: string): Promise<Root> {
  const built = Bun.spawn([process.execPath, "scripts/build.ts", "--out", folder, `agent-${target}`], {
    cwd: ROOT,
    stderr: "inherit",
  });
  expect(await built.exited).toBe(0);
  const root = join(folder, target);
  cpSync(join(ROOTS, target), root, { recursive: true, verbatimSymlinks: true });
  cpSync(join(folder, `agent-${target}`), join(root, "agent"));
  mkdirSync(join(root, "proc"));
  const emulator = target.includes("arm64") ? ["/qemu-aarch64"] : [];
  if (emulator.length > 0) cpSync(join(ROOTS, "qemu-aarch64"), join(root, "qemu-aarch64"));
  cpSync(join(ROOT, "rules"), join(root, "rules"), { recursive: true });
  writeFileSync(join(root, "rules", "pattern.json"), JSON.stringify(RULE));
  return {
    path: root,
    run: async (args, env = {}) => {
      const child = Bun.spawn([...into(root), ...emulator, "/agent", ...args], {
        env: { PATH: process.env["PATH"] ?? "", ...env },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
      const [stdout, stderr] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      return { code: await child.exited, stdout, stderr };
    },
  };
}

/** In the syntax of RE2 only. An engine that goes back and forth would need years for the second of its own tests. */
const RULE = {
  name: "even-sensor",
  description: "Sensors whose number is even",
  severity: "warning",
  when: { expression: String.raw`sensor_id.matches(r'\A(\pL+)+_[[:xdigit:]]*[02468ACE]\z')` },
  tests: [
    { reading: { sensor_id: "SIN_3BA936" }, breaks: true },
    { reading: { sensor_id: `s${"a".repeat(60)}_1` }, breaks: false },
  ],
};

/** All rows in a folder of objects. */
function rowsIn(path: string): Record<string, unknown>[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json.gz"))
    .flatMap((name) =>
      gunzipSync(readFileSync(join(path, name)))
        .toString()
        .trimEnd()
        .split("\n"),
    )
    .map((line): Record<string, unknown> => JSON.parse(line));
}

function rowsByStage(lake: string): Record<Stage, Record<string, unknown>[]> {
  const rows = (stage: Stage) => rowsIn(join(lake, bucketOf(stage, "expanso", "us-west-2")));
  return {
    raw: rows("raw"),
    validated: rows("validated"),
    anomalies: rows("anomalies"),
    schematized: rows("schematized"),
    aggregated: rows("aggregated"),
  };
}

/** Every reading once, each stage in agreement, and what the pattern found. */
function expectLake(lake: string, count: number): void {
  const { raw, validated, anomalies, schematized, aggregated } = rowsByStage(lake);
  expect(new Set(raw.map((row) => row["reading_id"])).size).toBe(count);
  expect([raw.length, validated.length + anomalies.length, schematized.length]).toEqual([
    count,
    count,
    validated.length,
  ]);
  const even = raw.filter((row) => /^[A-Z]{3}_[0-9A-F]*[02468ACE]$/.test(String(row["sensor_id"])));
  const found = anomalies.filter((row) => String(row["anomaly_rules"]).includes("even-sensor"));
  expect(found.length).toBe(even.length);
  expect([even.length > 0, even.length < count]).toEqual([true, true]);
  expect(anomalies.some((row) => String(row["anomaly_rules"]).includes("sensor-flag"))).toBe(true);
  expect(aggregated.some((row) => typeof row["stddev_temperature"] === "number")).toBe(true);
}

/** Without /proc, which is the part that a bare `chroot` lacks: musl's binary works, glibc's says what is missing. */
function withoutProc(root: Root, emulator: readonly string[]) {
  const { exitCode, stderr } = Bun.spawnSync(["chroot", root.path, ...emulator, "/agent", "--version"], {
    stderr: "pipe",
  });
  return { exitCode, stderr: stderr.toString() };
}

const NO_PROC = {
  exitCode: 2,
  stderr:
    "ERROR Cannot start: there is no /proc, and the engine needs it (that of the musl binary does not)\n  Try: mount -t proc proc /proc\n",
};

async function expectVersion(root: Root, target: string): Promise<void> {
  const { code, stdout, stderr } = await root.run(["--version"]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout.split("\n")).toEqual([
    `agent ${VERSION}`,
    expect.stringMatching(/^commit /),
    `target ${target}`,
    `bun ${Bun.version}`,
    "",
  ]);
}

const DELIVERED = { code: 0, stderr: expect.stringContaining("Everything was delivered") };
const HERE = ["--data-dir", "/data", "--store", "dir:/lake"];

testWith("musl", "versitygw")("linux-x64-musl does all of its work where only musl is", async () => {
  const root = await rootFor("linux-x64-musl");
  await expectVersion(root, "linux-x64-musl");
  expect(withoutProc(root, [])).toEqual({ exitCode: 0, stderr: "" });
  expect(await root.run(["rules", "test", "/rules"])).toMatchObject({ code: 0 });
  const simulated = ["simulate", "--sensors", "3", "--count", "2000", "--rate", "max", "--seed", "7"];
  expect(await root.run([...simulated, "--out", "sqlite:/source.db"])).toMatchObject({ code: 0 });
  expect(await root.run(["run", "--source", "sqlite:/source.db", ...HERE, "--once"])).toMatchObject(DELIVERED);
  expectLake(join(root.path, "lake"), 2_000);
  const verified = await root.run(["verify", "--deep", "--json", ...HERE]);
  expect([verified.code, JSON.parse(verified.stdout)]).toEqual([0, expect.objectContaining({ ok: true })]);
  await overTls(root);
});

/** A real S3 server behind TLS, with a certificate of its own. */
async function overTls(root: Root): Promise<void> {
  const server = await startS3Server("versitygw");
  const { key, cert } = certificate();
  const port = Number(new URL(server.endpoint).port);
  const proxy = tlsBefore(port, { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") });
  try {
    await server.createBuckets("musl");
    cpSync(cert, join(root.path, "ca.pem"));
    const env = { ...server.env, AWS_ENDPOINT_URL_S3: `https://127.0.0.1:${proxy.port}`, S3_BUCKET_PREFIX: "musl" };
    const args = ["run", "--source", "sqlite:/source.db", "--store", "s3:", "--data-dir", "/data-s3"];
    expect(await refusal(root, args, env)).toMatch(/certificate/i);
    expect(await root.run([...args, "--once"], { ...env, NODE_EXTRA_CA_CERTS: "/ca.pem" })).toMatchObject(DELIVERED);
    const verify = ["verify", "--json", "--store", "s3:", "--data-dir", "/data-s3"];
    const verified = await root.run(verify, { ...env, NODE_EXTRA_CA_CERTS: "/ca.pem" });
    expect([verified.code, JSON.parse(verified.stdout)]).toEqual([0, expect.objectContaining({ ok: true })]);
  } finally {
    proxy.stop(true);
    await server.stop();
  }
}

/** What an agent says of an uplink that is down: it never gives up, so it is stopped. */
async function refusal(root: Root, args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const agent = new AgentProcess({
    program: "/usr/bin/env",
    args: [...into(root.path), "/agent", ...args],
    cwd: folder,
    env,
  });
  await agent.says("uplink");
  agent.kill("SIGTERM");
  await agent.ended;
  return agent.heard;
}

function certificate() {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const made = Bun.spawnSync(
    ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"].concat([
      "-subj",
      "/CN=test",
      "-addext",
      "subjectAltName=IP:127.0.0.1",
      "-keyout",
      key,
      "-out",
      cert,
    ]),
  );
  expect([made.exitCode, made.exitCode === 0 ? "" : made.stderr.toString()]).toEqual([0, ""]);
  return { key, cert };
}

/** Every connection is TLS outside and plain to the server on `port`. */
function tlsBefore(port: number, tls: { readonly key: string; readonly cert: string }) {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls,
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      // The signature covers the Host header, which stays that of the caller.
      return fetch(`http://127.0.0.1:${port}${pathname}${search}`, {
        method: request.method,
        headers: request.headers,
        ...(request.body === null ? {} : { body: await request.arrayBuffer() }),
        decompress: false,
        redirect: "manual",
      });
    },
  });
}

for (const target of ["linux-arm64", "linux-arm64-musl"]) {
  testWith("arm64")(`${target} takes, judges and delivers, under an emulator`, async () => {
    const root = await rootFor(target);
    await expectVersion(root, target);
    const noProc = target === "linux-arm64" ? NO_PROC : { exitCode: 0, stderr: "" };
    expect(withoutProc(root, ["/qemu-aarch64"])).toEqual(noProc);
    const source = "simulator:?count=60&sensors=3&rate=max&seed=7&anomaly=0.5";
    expect(await root.run(["run", "--source", source, ...HERE, "--once"])).toMatchObject(DELIVERED);
    expectLake(join(root.path, "lake"), 60);
  });
}
