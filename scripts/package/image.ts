/**
 * Container images, built from nothing, without a network and without Docker: the binary, its C library, and a user who is not root.
 * An archive is an OCI layout; for one platform it has Docker's own manifest too, which `docker load` reads before version 25.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VERSION } from "../../src/core/version.ts";
import { usualUnit } from "../../src/systemd/unit.ts";
import { type Commit, packageTime } from "./commit.ts";
import { ROOT } from "./compile.ts";
import { DEB_ARCHITECTURES, type DebTarget, debVersion, gzip } from "./deb.ts";
import { libcFiles } from "./libc.ts";
import { foldersAbove, type TarEntry, tar } from "./tar.ts";

/** The user of images without one: no account of a host has this number. */
const USER = 65_532;
const { binary, configDir, dataDir } = usualUnit(null);
const NAME = "agent";
const INDEX = "application/vnd.oci.image.index.v1+json";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

type Blob = { readonly digest: string; readonly bytes: Uint8Array };
type Image = {
  readonly blobs: readonly Blob[];
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layer: Blob;
  readonly target: DebTarget;
};

/** Writes the image of `out`/agent-TARGET as an archive. Throws an Error where this machine lacks the C library of the target. */
export function writeImage(out: string, target: DebTarget, commit: Commit | null): void {
  const time = packageTime(commit, process.env);
  const image = imageOf(out, target, commit);
  const tag = `${NAME}:${VERSION}`;
  const dockers = [{ Config: pathOf(image.config), RepoTags: [tag], Layers: [pathOf(image.layer)] }];
  const entries = [
    ...layout(image.blobs, { ...descriptor(MANIFEST, image.manifest), annotations: refOf(tag) }),
    jsonFile("manifest.json", dockers),
  ];
  writeFileSync(join(out, `${NAME}-image-${target}.tar`), tar(entries, time));
}

/** Writes one archive with the images of all targets: for registries, which give each machine its own. */
export function writeImages(out: string, targets: readonly DebTarget[], commit: Commit | null): void {
  const images = targets.map((target) => imageOf(out, target, commit));
  const manifests = images.map(({ manifest, target }) => ({
    ...descriptor(MANIFEST, manifest),
    platform: platformOf(target),
  }));
  const index = jsonBlob({ schemaVersion: 2, mediaType: INDEX, manifests });
  const blobs = [...images.flatMap((image) => image.blobs), index];
  const entries = layout(blobs, { ...descriptor(INDEX, index), annotations: refOf(`${NAME}:${VERSION}`) });
  writeFileSync(join(out, `${NAME}-image.tar`), tar(entries, packageTime(commit, process.env)));
}

function imageOf(out: string, target: DebTarget, commit: Commit | null): Image {
  const time = packageTime(commit, process.env);
  const files = filesOf(target, readFileSync(join(out, `agent-${target}`)));
  const unpacked = tar([...foldersAbove(files.map(({ path }) => path)).filter(isNoLink(files)), ...files], time);
  const layer = blobOf(gzip(unpacked));
  const created = new Date(time * 1_000).toISOString();
  const config = jsonBlob({
    created,
    ...platformOf(target),
    config: {
      User: `${USER}:${USER}`,
      // HOME: an engine that runs it as another user knows no home of that one.
      Env: [`PATH=/opt/agent`, `HOME=${dataDir}`, `AGENT_DATA_DIR=${dataDir}`],
      Entrypoint: [binary],
      Cmd: ["run"],
      WorkingDir: configDir,
      Volumes: { [dataDir]: {} },
      StopSignal: "SIGTERM",
      Labels: labelsOf(commit, created),
    },
    rootfs: { type: "layers", diff_ids: [digestOf(unpacked)] },
    history: [{ created, created_by: "bun run build" }],
  });
  const manifest = jsonBlob({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: descriptor("application/vnd.oci.image.config.v1+json", config),
    layers: [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer)],
    annotations: labelsOf(commit, created),
  });
  return { target, blobs: [layer, config, manifest], manifest, config, layer };
}

/** Roots of certificates are in the binary. */
function filesOf(target: DebTarget, bytes: Uint8Array): TarEntry[] {
  const text = (path: string, content: string) => ({ path, mode: 0o644, bytes: Buffer.from(content) });
  const own = (path: string) => ({ path, mode: 0o700, owner: USER });
  return [
    ...libcFiles(target),
    { path: binary.slice(1), mode: 0o755, bytes },
    text(
      `${configDir.slice(1)}/.env`,
      `# Settings of this image. Mount a folder of your own in the place of ${configDir}.\nAGENT_STORE=dir:${dataDir}/lake\n`,
    ),
    { path: `${configDir.slice(1)}/rules/`, mode: 0o755 },
    text("etc/passwd", `root:x:0:0:root:/:/\n${NAME}:x:${USER}:${USER}::${dataDir}:/\n`),
    text("etc/group", `root:x:0:\n${NAME}:x:${USER}:\n`),
    // Without it the C library asks DNS before /etc/hosts.
    text("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    text("usr/share/doc/agent/copyright", readFileSync(join(ROOT, "LICENSE"), "utf8")),
    own(`${dataDir.slice(1)}/`),
    { path: "tmp/", mode: 0o1777 },
  ];
}

/** A folder that is a link is no folder. */
function isNoLink(files: readonly TarEntry[]): (folder: TarEntry) => boolean {
  const links = new Set(files.flatMap(({ path, link }) => (link === undefined ? [] : [`${path}/`])));
  const known = new Set(files.map(({ path }) => path));
  return ({ path }) => !links.has(path) && !known.has(path);
}

function labelsOf(commit: Commit | null, created: string): Readonly<Record<string, string>> {
  const label = (name: string, value: string) => [`org.opencontainers.image.${name}`, value] as const;
  return Object.fromEntries([
    label("title", NAME),
    label("description", "Sensor readings, kept on the device and delivered exactly once"),
    label("version", debVersion(commit)),
    ...(commit === null ? [] : [label("revision", commit.hash)]),
    label("created", created),
    label("licenses", "MIT AND LGPL-2.1-or-later"),
  ]);
}

const platformOf = (target: DebTarget) => ({ architecture: DEB_ARCHITECTURES[target], os: "linux" });

/** By both names: the tag alone, as OCI says, and the whole, as containerd reads it. */
function refOf(tag: string): Readonly<Record<string, string>> {
  return {
    "io.containerd.image.name": `docker.io/library/${tag}`,
    "org.opencontainers.image.ref.name": tag.split(":")[1] ?? "",
  };
}

function layout(blobs: readonly Blob[], root: object): TarEntry[] {
  return [
    { path: "blobs/", mode: 0o755 },
    { path: "blobs/sha256/", mode: 0o755 },
    ...blobs.map((blob) => ({ path: pathOf(blob), mode: 0o644, bytes: blob.bytes })),
    jsonFile("index.json", { schemaVersion: 2, mediaType: INDEX, manifests: [root] }),
    jsonFile("oci-layout", { imageLayoutVersion: "1.0.0" }),
  ];
}

const jsonFile = (path: string, value: unknown): TarEntry => ({
  path,
  mode: 0o644,
  bytes: Buffer.from(JSON.stringify(value)),
});
const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const blobOf = (bytes: Uint8Array): Blob => ({ digest: digestOf(bytes), bytes });
const jsonBlob = (value: unknown): Blob => blobOf(Buffer.from(JSON.stringify(value)));
const pathOf = ({ digest }: Blob) => `blobs/${digest.replace(":", "/")}`;
const descriptor = (mediaType: string, { digest, bytes }: Blob) => ({ mediaType, digest, size: bytes.length });
