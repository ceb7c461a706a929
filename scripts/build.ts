/**
 * `bun run build`: compiles `dist/agent` for this machine. `--all`: every artifact, and `dist/SHA256SUMS`. Names of artifacts:
 * only these. `--out DIR`: another folder. `bun run build --help` lists them.
 */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { commitOf } from "./package/commit.ts";
import { compile, ROOT, TARGETS } from "./package/compile.ts";
import { DEB_ARCHITECTURES, type DebTarget, writeDeb } from "./package/deb.ts";

function debTargets(): DebTarget[] {
  return (Object.keys(DEB_ARCHITECTURES) as DebTarget[]).toSorted();
}

/** How an artifact is made, in the order in which they are made: some are made of earlier ones. */
const ARTIFACTS: Readonly<Record<string, (out: string) => Promise<void>>> = {
  ...Object.fromEntries(
    TARGETS.map((target) => [
      `agent-${target}`,
      (out: string) => compile(join(out, `agent-${target}`), target, commitOf(ROOT)),
    ]),
  ),
  ...Object.fromEntries(
    debTargets().map((target) => [
      `agent-${target}.deb`,
      (out: string) => Promise.resolve(writeDeb(out, target, commitOf(ROOT))),
    ]),
  ),
  // Windows starts nothing without .exe, and scripts rely on the name without: both, the same bytes.
  "agent-windows-x64.exe": async (out) =>
    copyFileSync(join(out, "agent-windows-x64"), join(out, "agent-windows-x64.exe")),
};

const HELP = `bun run build                  dist/agent, for this machine
bun run build --all            every artifact, and dist/SHA256SUMS:
${Object.keys(ARTIFACTS)
  .map((name) => `                                 ${name}\n`)
  .join("")}bun run build ARTIFACT…        only these
  --out DIR                    another folder than dist/
`;

async function make(name: string, work: () => Promise<void>): Promise<void> {
  const started = performance.now();
  await work();
  console.error(`built ${name} in ${((performance.now() - started) / 1_000).toFixed(1)} s`);
}

/** As sha256sum writes it: `sha256sum --check SHA256SUMS` reads it. */
function writeSums(out: string, names: readonly string[]): void {
  const sum = (name: string) =>
    createHash("sha256")
      .update(readFileSync(join(out, name)))
      .digest("hex");
  writeFileSync(join(out, "SHA256SUMS"), names.map((name) => `${sum(name)}  ${name}\n`).join(""));
}

async function build(
  names: readonly string[],
  options: { readonly all: boolean; readonly out: string },
): Promise<void> {
  const { all, out } = options;
  mkdirSync(out, { recursive: true });
  const made = Object.keys(ARTIFACTS).filter((name) => all || names.includes(name));
  // Sums of another build would be those of files that are no longer there.
  if (made.length > 0) rmSync(join(out, "SHA256SUMS"), { force: true });
  for (const name of made) await make(name, () => ARTIFACTS[name]!(out));
  if (made.length === 0) await make("agent", () => compile(join(out, "agent"), null, commitOf(ROOT)));
  if (all) writeSums(out, made);
}

function refuse(why: string): never {
  console.error(`${why}\nTry: bun run build --help`);
  process.exit(2);
}

function called() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { all: { type: "boolean", default: false }, out: { type: "string" }, help: { type: "boolean" } },
    });
  } catch (error) {
    return refuse(`Cannot understand the call: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const { values, positionals } = called();
if (values.help === true) {
  process.stdout.write(HELP);
  process.exit(0);
}
for (const name of positionals) {
  if (!Object.hasOwn(ARTIFACTS, name)) refuse(`Cannot build "${name}": there is no such artifact`);
}
try {
  await build(positionals, { all: values.all, out: resolve(values.out ?? join(ROOT, "dist")) });
} catch (error) {
  for (const one of error instanceof AggregateError ? error.errors : [error]) console.error(String(one));
  process.exit(1);
}
