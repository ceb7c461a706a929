/** Images: what an archive holds, and what a real Docker Engine makes of it. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { chownSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { bucketOf } from "../../src/core/stage.ts";
import { VERSION } from "../../src/core/version.ts";
import { AGENT_BINARY } from "../../src/testing/agent-process.ts";
import { type Container, Engine } from "../../src/testing/jobs/engine.ts";
import { asMap, asText } from "../../src/testing/jobs/yaml.ts";
import { canRun, type Need, testWith } from "../../src/testing/needs.ts";
import type { Commit } from "./commit.ts";
import { debVersion } from "./deb.ts";
import { writeImage, writeImages } from "./image.ts";
import { bringerOfLibc, libcFiles } from "./libc.ts";

setDefaultTimeout(600_000);
const folder = mkdtempSync(join(tmpdir(), "agent-image-"));
const COMMIT: Commit = { hash: "c".repeat(40), at: "2026-01-02T03:04:05Z", isChanged: false };
const target = process.arch === "arm64" ? "linux-arm64" : "linux-x64";
const ARCHIVE: readonly Need[] = ["linux", "binary"];
const ENGINE: readonly Need[] = ["binary", "Docker Engine"];
let engine: Engine | null = null;

beforeAll(async () => {
  if (canRun(...ARCHIVE)) cpSync(AGENT_BINARY, join(folder, `agent-${target}`));
  if (canRun(...ENGINE)) engine = await Engine.start();
});
afterAll(async () => {
  await engine?.end();
  rmSync(folder, { recursive: true, force: true });
});

const archive = (name: string) => join(folder, name);
/** One file of an archive, as the real tar takes it out. */
const extracted = (path: string, file: string) => Bun.spawnSync(["tar", "-xOf", path, file]).stdout;
const json = (bytes: Uint8Array) => asMap(JSON.parse(Buffer.from(bytes).toString()));
const sum = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const first = (value: unknown) => asMap(Array.isArray(value) ? value[0] : value);

testWith(...ARCHIVE)("an archive is a whole OCI layout, and the same commit gives the same bytes", () => {
  expect(bringerOfLibc(target)).toBeNull();
  writeImage(folder, target, COMMIT);
  const path = archive(`agent-image-${target}.tar`);
  const before = sum(readFileSync(path));
  for (const name of Bun.spawnSync(["tar", "-tf", path]).stdout.toString().split("\n")) {
    if (/sha256\/./.test(name)) expect([name, `blobs/sha256/${sum(extracted(path, name))}`]).toEqual([name, name]);
  }
  const blob = (of: unknown) => extracted(path, `blobs/${asText(asMap(of)["digest"]).replace(":", "/")}`);
  const manifest = json(blob(first(json(extracted(path, "index.json"))["manifests"])));
  const config = json(blob(manifest["config"]));
  const layer = blob(first(manifest["layers"]));
  expect([config["os"], config["architecture"]]).toEqual(["linux", target === "linux-x64" ? "amd64" : "arm64"]);
  expect(asMap(config["rootfs"])["diff_ids"]).toEqual([`sha256:${sum(gunzipSync(layer))}`]);
  writeImage(folder, target, COMMIT);
  expect(sum(readFileSync(path))).toBe(before);
});

test("a C library that this machine lacks is an error that says what to type, and no image without it", () => {
  for (const one of ["linux-x64", "linux-arm64"] as const) {
    const bringer = bringerOfLibc(one);
    if (bringer === null) expect(libcFiles(one).length).toBeGreaterThan(5);
    else expect(() => libcFiles(one)).toThrow(`Try: ${bringer}`);
  }
});

testWith(...ARCHIVE)("the archive for registries has every platform in one index", () => {
  writeImages(folder, [target], COMMIT);
  const path = archive("agent-image.tar");
  const root = first(json(extracted(path, "index.json"))["manifests"]);
  const index = json(extracted(path, `blobs/${asText(root["digest"]).replace(":", "/")}`));
  const expected = { os: "linux", architecture: target === "linux-x64" ? "amd64" : "arm64" };
  expect(first(index["manifests"])["platform"]).toEqual(expected);
});

/** With a root that cannot be written, no network, and no right that Docker can take. */
async function ran(Cmd: readonly string[], more: Readonly<Record<string, unknown>>, mount: object): Promise<Container> {
  const HostConfig = {
    ReadonlyRootfs: true,
    NetworkMode: "none",
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges"],
    Mounts: [{ Target: "/var/lib/agent", ...mount }],
  };
  return (await engine?.run({ Image: `agent:${VERSION}`, Cmd, HostConfig, ...more })) ?? expect.unreachable();
}

async function ended(container: Container): Promise<{ readonly code: number; readonly log: string }> {
  return { code: await container.exitCode(), log: await container.log() };
}

/** Rows of `raw` in a data dir with its lake. */
function rowsOf(dataDir: string): string[] {
  const raw = join(dataDir, "lake", bucketOf("raw", "expanso", "us-west-2"));
  return readdirSync(raw, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json.gz"))
    .flatMap((name) =>
      gunzipSync(readFileSync(join(raw, name)))
        .toString()
        .trimEnd()
        .split("\n"),
    );
}

const ONCE = ["run", "--source", "simulator:?count=500&sensors=3&rate=max", "--once"];
const DELIVERED = { code: 0, log: expect.stringContaining("Everything was delivered") };

testWith(...ENGINE)(
  "Docker loads it; it runs with a read-only root, as its user or any other, and keeps readings in its volume",
  async () => {
    await engine?.ask("POST", "/images/load", new Uint8Array(readFileSync(archive(`agent-image-${target}.tar`))));
    const loaded = json(Buffer.from((await engine?.ask("GET", `/images/agent:${VERSION}/json`)) ?? "{}"));
    expect(asMap(loaded["Config"])).toMatchObject({
      User: "65532:65532",
      Labels: {
        "org.opencontainers.image.version": debVersion(COMMIT),
        "org.opencontainers.image.revision": COMMIT.hash,
      },
    });
    const volume = { Type: "volume", Source: "readings" };
    expect(await ended(await ran(["--version"], {}, volume))).toMatchObject({
      code: 0,
      log: expect.stringContaining(`agent ${VERSION}`),
    });
    expect(await ended(await ran(ONCE, {}, volume))).toMatchObject(DELIVERED);
    const verified = await ended(await ran(["verify", "--deep", "--json"], {}, volume));
    expect(verified).toMatchObject({ code: 0, log: expect.stringMatching(/"ok": ?true/) });
    const found = json(Buffer.from((await engine?.ask("GET", "/volumes/readings")) ?? "{}"));
    expect(new Set(rowsOf(asText(found["Mountpoint"]))).size).toBe(500);

    const dataDir = join(folder, "data of another user");
    mkdirSync(dataDir, { mode: 0o700 });
    chownSync(dataDir, 12_345, 12_345);
    const bind = { Type: "bind", Source: dataDir };
    expect(await ended(await ran(ONCE, { User: "12345:12345" }, bind))).toMatchObject(DELIVERED);
    expect(new Set(rowsOf(dataDir)).size).toBe(500);
  },
);

testWith(...ENGINE)(
  "without words it runs with simulated sensors, and ends in order when Docker stops it",
  async () => {
    const container = await ran([], { Cmd: null }, { Type: "volume", Source: "simulated" });
    expect(await container.says("INFO  running")).toBe(true);
    expect(await container.stop()).toBe(0);
    expect(await container.log()).toContain("INFO  stopped");
  },
);
