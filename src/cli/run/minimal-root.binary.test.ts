/**
 * The compiled binary in a root with nothing but itself, its loader and its libraries: no /etc (no users, names, certificates,
 * time zones), /tmp, /dev, /sys or HOME, mounted for reading only; only the data dir can be written, by a user without a name.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AGENT_BINARY } from "../../testing/agent-process.ts";
import { canRun } from "../../testing/needs.ts";

const isHere = canRun("binary", "time", "linux", "small disks", "a user who is root");
const CHROOT = Bun.which("chroot", { PATH: "/usr/sbin:/sbin:/usr/bin:/bin" }) ?? "chroot";
const USER = 12_345;
const LIMIT_MS = 120_000;

const root = mkdtempSync(join(tmpdir(), "agent-root-"));
const mounts: string[] = [];

function sh(...command: readonly string[]): string {
  const done = Bun.spawnSync([...command]);
  expect([command, done.exitCode, done.stderr.toString()]).toEqual([[...command], 0, ""]);
  return done.stdout.toString();
}

function mount(path: string, ...options: readonly string[]): void {
  mkdirSync(path, { recursive: true });
  sh("mount", ...options, path);
  mounts.unshift(path);
}

function copyIn(path: string, from = path): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  copyFileSync(from, join(root, path));
}

/** `until`: it is killed when it has said this. */
type RootCall = { readonly env?: Readonly<Record<string, string>>; readonly until?: RegExp };
async function inRoot(args: readonly string[], { env = {}, until }: RootCall = {}) {
  const child = Bun.spawn([CHROOT, `--userspec=${USER}:${USER}`, root, "/agent", ...args], {
    cwd: "/",
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const stdout = child.stdout.text();
  const decoder = new TextDecoder();
  let stderr = "";
  for await (const bytes of child.stderr) {
    stderr += decoder.decode(bytes, { stream: true });
    if (until?.test(stderr)) child.kill("SIGKILL");
  }
  const code = await child.exited;
  clearTimeout(timer);
  return { code, stdout: await stdout, stderr };
}

const run = (store: string, data: string, call: RootCall = {}) =>
  inRoot(
    ["run", "--once", "--source", "simulator:?count=20&rate=100", "--store", store, "--data-dir", `/data/${data}`],
    call,
  );

describe.skipIf(!isHere)("a root with nothing in it", () => {
  beforeAll(() => {
    mount(root, "-t", "tmpfs", "-o", "size=300m,mode=755", "tmpfs");
    const libraries = sh("ldd", AGENT_BINARY).match(/\/\S+/g) ?? [];
    for (const path of libraries) copyIn(path);
    copyIn("/agent", AGENT_BINARY);
    for (const path of ["agent", ...libraries]) chmodSync(join(root, path), 0o755);
    mount(join(root, "proc"), "-t", "proc", "proc");
    mount(join(root, "data"), "-t", "tmpfs", "-o", "size=64m", "tmpfs");
    chmodSync(join(root, "data"), 0o700);
    chownSync(join(root, "data"), USER, USER);
    sh("mount", "-o", "remount,ro", root);
  });
  afterAll(() => {
    for (const path of mounts) Bun.spawnSync(["umount", "-l", path]);
    rmSync(root, { recursive: true, force: true });
  });

  test("it takes, keeps and delivers, and the commands that look at a node work", async () => {
    const done = await run("dir:/data/lake", "node");
    expect([done.code, done.stderr]).toEqual([0, expect.stringContaining("Everything was delivered")]);
    const line = await inRoot(["status", "--line", "--data-dir", "/data/node"]);
    expect([line.code, line.stdout]).toEqual([0, expect.stringMatching(/^\S+ stopped .* lag=0s .* problem=-\n$/)]);
    const audit = await inRoot(["verify", "--data-dir", "/data/node", "--store", "dir:/data/lake"]);
    expect([audit.code, audit.stderr]).toEqual([0, ""]);
    for (const command of [["--version"], ["config", "check"], ["rules", "test"], ["init", "/data/new"]]) {
      expect([command, (await inRoot(command)).code]).toEqual([command, 0]);
    }
  });

  test("what it may not write is named", async () => {
    // Without --once it waits for as long as it takes.
    const args = ["run", "--store", "dir:/data/lake", "--data-dir", "/nowhere"];
    const { stderr } = await inRoot(args, { until: /data_dir_waits: .*\n/ });
    expect(stderr).toMatch(/data_dir_waits: .*"\/nowhere": its file system is mounted for reading only/);
  });

  test.skipIf(!canRun("openssl"))(
    "S3 without a home, users or certificates: what is missing is said, and AWS_CA_BUNDLE brings it",
    async () => {
      const keys = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
      ];
      const [key, cert] = [join(root, "data/key.pem"), join(root, "data/ca.pem")];
      const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
      Bun.spawnSync(["openssl", ...keys, "-keyout", key, "-out", cert, ...names]);
      chmodSync(cert, 0o644);
      const server = Bun.serve({
        port: 0,
        tls: { key: Bun.file(key), cert: Bun.file(cert) },
        fetch: () => new Response("", { headers: { ETag: '"x"' } }),
      });
      const env = {
        AWS_ENDPOINT_URL_S3: `https://127.0.0.1:${server.port}`,
        AWS_ACCESS_KEY_ID: "a-key-of-no-one",
        AWS_SECRET_ACCESS_KEY: "a-secret-of-no-one",
      };
      const unknown = await run("s3:", "tls", { env, until: /uplink_down: .*\n/ });
      expect(unknown.stderr).toMatch(/uplink_down: .*SELF_SIGNED_CERT: .*AWS_CA_BUNDLE/);
      expect(unknown.stderr).not.toContain("batch_halved");
      const known = await run("s3:", "tls", { env: { ...env, AWS_CA_BUNDLE: "/data/ca.pem" } });
      expect([known.code, known.stderr]).toEqual([0, expect.stringContaining("Everything was delivered")]);
      await server.stop(true);
    },
  );

  test("without /proc, which the engine needs, it says so", async () => {
    sh("umount", "-l", join(root, "proc"));
    const { code, stdout, stderr } = await inRoot(["--version"]);
    expect([code, stdout, stderr]).toEqual([
      2,
      "",
      expect.stringMatching(/^ERROR Cannot start: there is no \/proc.*\n {2}Try: mount /),
    ]);
    sh("mount", "-t", "proc", "proc", join(root, "proc"));
  });
});
