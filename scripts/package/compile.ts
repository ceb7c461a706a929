/**
 * One binary. The flags are measured ones: see docs/decisions.md, "How the binary is bundled". The same files give the same bytes,
 * in any folder: Bun writes the name of its output into it, so that name is always `agent`.
 */
import { chmodSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Built } from "../../src/core/version.ts";
import type { Commit } from "./commit.ts";
import { sayThatProcIsNeeded } from "./needs-proc.ts";
import { embeddedPage } from "./page.ts";

export const ROOT = join(import.meta.dir, "../..");
export const TARGETS = [
  "linux-x64",
  "linux-arm64",
  "linux-x64-musl",
  "linux-arm64-musl",
  "darwin-x64",
  "darwin-arm64",
  "windows-x64",
] as const;
export type Target = (typeof TARGETS)[number];

/** On return `outfile` is the whole binary. `target` null: for this machine. Bun fetches what it needs for another platform. */
export async function compile(outfile: string, target: Target | null, commit: Commit | null): Promise<void> {
  // In a folder of its own until it is whole: a running `dist/agent` does not change, and no one starts half a binary.
  const folder = `${outfile}.building`;
  mkdirSync(folder, { recursive: true });
  try {
    const built: Built = {
      commit: commit?.hash ?? null,
      committedAt: commit?.at ?? null,
      isChanged: commit?.isChanged ?? false,
      target: target ?? thisMachine(),
    };
    const result = await Bun.build({
      entrypoints: [join(ROOT, "src/main.ts")],
      root: ROOT,
      target: "bun",
      format: "esm",
      minify: true,
      splitting: true,
      bytecode: true,
      plugins: [await embeddedPage()],
      define: { AGENT_BUILT: JSON.stringify(built) },
      compile: {
        outfile: join(folder, "agent"),
        ...(target === null ? {} : { target: `bun-${target}` }),
        // `.env` is read by the agent itself (src/core/settings/dotenv.ts); no bunfig.toml of a working directory may change it.
        autoloadDotenv: false,
        autoloadBunfig: false,
      },
    });
    if (!result.success) throw new AggregateError(result.logs, `Cannot build ${outfile}`);
    // For Windows Bun adds .exe; the names in dist/ are the same on every platform.
    const made = join(folder, target === "windows-x64" ? "agent.exe" : "agent");
    // Of a C library only glibc needs it; for musl, and for other systems, there is nothing to say.
    if (/^linux-(?:x64|arm64)$/.test(built.target)) sayThatProcIsNeeded(made);
    chmodSync(made, 0o755);
    renameSync(made, outfile);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As the targets are named; `linux-x64-musl` on Alpine. */
function thisMachine(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const libc = platform === "linux" && glibcVersion() === null ? "-musl" : "";
  return `${platform}-${process.arch}${libc}`;
}

function glibcVersion(): string | null {
  const report: { readonly header?: { readonly glibcVersionRuntime?: unknown } } = Object(process.report.getReport());
  const version = report.header?.glibcVersionRuntime;
  return typeof version === "string" ? version : null;
}
