/**
 * `bun run build`: compiles `dist/agent` for this machine. `--all`: for every platform, and `dist/SHA256SUMS`.
 * The flags are measured ones: see docs/decisions.md, "How the binary is bundled".
 */
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const DIST = join(ROOT, "dist");
const TARGETS = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64", "windows-x64"] as const;

async function compile(outfile: string, target?: (typeof TARGETS)[number]): Promise<void> {
  const started = performance.now();
  // Under another name until it is whole: a running `dist/agent` does not change, and no one starts half a binary.
  const building = `${outfile}.building`;
  const result = await Bun.build({
    entrypoints: [join(ROOT, "src/main.ts")],
    root: ROOT,
    target: "bun",
    format: "esm",
    minify: true,
    splitting: true,
    bytecode: true,
    compile: {
      outfile: building,
      ...(target === undefined ? {} : { target: `bun-${target}` }),
      // `.env` is read by the agent itself (src/core/settings/dotenv.ts); no bunfig.toml of a working directory may change it.
      autoloadDotenv: false,
      autoloadBunfig: false,
    },
  });
  if (!result.success) throw new AggregateError(result.logs, `Cannot build ${outfile}`);
  // For Windows Bun adds .exe; the names in dist/ are the same on every platform.
  const built = target === "windows-x64" ? `${building}.exe` : building;
  chmodSync(built, 0o755);
  renameSync(built, outfile);
  console.error(`built ${outfile.slice(ROOT.length + 1)} in ${((performance.now() - started) / 1_000).toFixed(1)} s`);
}

async function buildAll(): Promise<void> {
  const sums: string[] = [];
  for (const target of TARGETS) {
    const name = `agent-${target}`;
    await compile(join(DIST, name), target);
    sums.push(
      `${createHash("sha256")
        .update(readFileSync(join(DIST, name)))
        .digest("hex")}  ${name}\n`,
    );
  }
  // Windows starts nothing without .exe, and scripts rely on the name without: both, the same bytes.
  copyFileSync(join(DIST, "agent-windows-x64"), join(DIST, "agent-windows-x64.exe"));
  writeFileSync(join(DIST, "SHA256SUMS"), sums.join(""));
}

mkdirSync(DIST, { recursive: true });
const all = process.argv.slice(2);
if (all.some((flag) => flag !== "--all")) {
  console.error(`Cannot understand "${all.join(" ")}"\nTry: bun run build --all`);
  process.exit(2);
}
try {
  await (all.length > 0 ? buildAll() : compile(join(DIST, "agent")));
} catch (error) {
  for (const one of error instanceof AggregateError ? error.errors : [error]) console.error(String(one));
  process.exit(1);
} finally {
  for (const name of ["agent", ...TARGETS.map((target) => `agent-${target}`)]) {
    rmSync(join(DIST, `${name}.building`), { force: true });
  }
}
