/** The Debian package: a binary at its place, the unit, and settings that an update never touches. Needs no tool of Debian. */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { envExample } from "../../src/core/settings/example.ts";
import { VERSION } from "../../src/core/version.ts";
import { UNIT_MARK, unitText, usualUnit } from "../../src/systemd/unit.ts";
import { type Commit, packageTime } from "./commit.ts";
import { ROOT } from "./compile.ts";
import { foldersAbove, type TarEntry, tar } from "./tar.ts";

export const DEB_ARCHITECTURES = { "linux-x64": "amd64", "linux-arm64": "arm64" } as const;
export type DebTarget = keyof typeof DEB_ARCHITECTURES;

const UNIT = usualUnit(null);
const MAINTAINER = "The agent contributors <agent@localhost>";
const BINARY = UNIT.binary.slice(1);
const TEMPLATE = "usr/share/agent/env";

/** Later commits are later versions. The commit has no place in the order, its time has: `0.1.0+git20261130152301.839031b1c2d3`. */
export function debVersion(commit: Commit | null): string {
  if (commit === null) return VERSION;
  const at = commit.at.replaceAll(/\D/g, "").slice(0, 14);
  return `${VERSION}+git${at}.${commit.hash.slice(0, 12)}${commit.isChanged ? ".changed" : ""}`;
}

/** Writes the package of `out`/agent-TARGET, on return whole. */
export function writeDeb(out: string, target: DebTarget, commit: Commit | null): void {
  const time = packageTime(commit, process.env);
  const version = debVersion(commit);
  const files = filesOf(readFileSync(join(out, `agent-${target}`)), { version, time });
  const data: TarEntry[] = [...foldersAbove([...files.map(({ path }) => path), "etc/agent/rules/x"]), ...files];
  const sizeKib = Math.ceil(files.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0) / 1_024);
  const facts = { version, architecture: DEB_ARCHITECTURES[target], sizeKib };
  const members = {
    "debian-binary": Buffer.from("2.0\n"),
    "control.tar.gz": gzip(tar(controlFiles(facts, files), time)),
    "data.tar.gz": gzip(tar(data, time)),
  };
  writeFileSync(join(out, `agent-${target}.deb`), ar(members, time));
}

/** Every version of Debian reads gzip; this implementation writes no time and no system. */
export function gzip(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return Bun.gzipSync(bytes, { library: "libdeflate", level: 6 });
}

function filesOf(binary: Uint8Array, now: { readonly version: string; readonly time: number }): TarEntry[] {
  const text = (path: string, content: string) => ({ path, mode: 0o644, bytes: Buffer.from(content) });
  return [
    { path: BINARY, mode: 0o755, bytes: binary },
    text("usr/lib/systemd/system/agent.service", unitText(UNIT).replace(UNIT_MARK, "# The unit of the package agent")),
    text("usr/share/doc/agent/copyright", readFileSync(join(ROOT, "LICENSE"), "utf8")),
    { path: "usr/share/doc/agent/changelog.gz", mode: 0o644, bytes: gzip(Buffer.from(changelog(now))) },
    text(TEMPLATE, environment()),
    { path: "usr/bin/agent", mode: 0o777, link: `/${BINARY}` },
  ];
}

function environment(): string {
  return envExample(
    [
      "# The settings of the service. It reads them when it starts, and at: systemctl reload agent",
      "# Updates of the package leave this file alone; /usr/share/agent/env is that of the version which is installed.",
      `AGENT_STORE=dir:${UNIT.dataDir}/lake`,
    ].join("\n"),
  );
}

function changelog({ version, time }: { readonly version: string; readonly time: number }): string {
  const date = new Date(time * 1_000).toUTCString().replace("GMT", "+0000");
  return `agent (${version}) stable; urgency=medium

  * CHANGELOG.md of the source says what is new.

 -- ${MAINTAINER}  ${date}
`;
}

type Facts = { readonly version: string; readonly architecture: string; readonly sizeKib: number };

function controlFiles(facts: Facts, files: readonly TarEntry[]): TarEntry[] {
  const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");
  const sums = files.map(({ path, bytes }) => (bytes === undefined ? "" : `${md5(bytes)}  ${path}\n`)).join("");
  const script = (name: string) => ({
    path: name,
    mode: 0o755,
    bytes: readFileSync(join(import.meta.dir, "debian", name)),
  });
  return [
    { path: "control", mode: 0o644, bytes: Buffer.from(control(facts)) },
    { path: "md5sums", mode: 0o644, bytes: Buffer.from(sums) },
    ...["postinst", "prerm", "postrm"].map(script),
  ];
}

/** The C library: every symbol that Bun asks for is in 2.17. `passwd` brings useradd. */
function control({ version, architecture, sizeKib }: Facts): string {
  return `Package: agent
Version: ${version}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Installed-Size: ${sizeKib}
Depends: libc6 (>= 2.17), passwd
Section: misc
Priority: optional
Description: sensor readings, kept on the device and delivered exactly once
 Reads sensors, keeps every reading in a durable buffer, judges it by rules
 that can be edited while it runs, and delivers five stages to S3 or a folder,
 through weeks without a network.
 .
 The service is installed and not started: settings are in /etc/agent/.env.
`;
}

/** As `ar` writes it for dpkg: names of at most 16 characters, members at even places. */
function ar(members: Readonly<Record<string, Uint8Array>>, time: number): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from("!<arch>\n")];
  for (const [name, bytes] of Object.entries(members)) {
    const header = [name.padEnd(16), String(time).padEnd(12), "0".padEnd(6), "0".padEnd(6), "100644".padEnd(8)];
    parts.push(Buffer.from(`${header.join("")}${String(bytes.length).padEnd(10)}\`\n`), bytes);
    if (bytes.length % 2 === 1) parts.push(Buffer.from("\n"));
  }
  return Buffer.concat(parts);
}
