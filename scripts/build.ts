/**
 * `bun run build`: compiles `dist/agent` for this machine. `--all`: every artifact, and `dist/SHA256SUMS`. Names of artifacts:
 * only these. `--out DIR`: another folder. `bun run build --help` lists them.
 */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Commit, commitOf } from "./package/commit.ts";
import { compile, ROOT, TARGETS } from "./package/compile.ts";
import { DEB_ARCHITECTURES, type DebTarget, writeDeb } from "./package/deb.ts";
import { writeImage, writeImages } from "./package/image.ts";
import { bringerOfLibc } from "./package/libc.ts";

const PACKAGED = Object.keys(DEB_ARCHITECTURES) as DebTarget[];

type Artifact = {
  /** Artifacts that it is made of. */
  readonly of?: readonly string[];
  readonly make: (out: string, commit: Commit | null) => void | Promise<void>;
  /** What to type, so that this machine can make it; null: it can. */
  readonly bringer?: () => string | null;
};

/** In the order in which they are made. */
const ARTIFACTS: Readonly<Record<string, Artifact>> = {
  ...each(
    TARGETS,
    (target) => `agent-${target}`,
    (target) => ({
      make: (out, commit) => compile(join(out, `agent-${target}`), target, commit),
    }),
  ),
  // Windows starts nothing without .exe, and scripts rely on the name without: both, the same bytes.
  "agent-windows-x64.exe": {
    of: ["agent-windows-x64"],
    make: (out) => copyFileSync(join(out, "agent-windows-x64"), join(out, "agent-windows-x64.exe")),
  },
  ...each(
    PACKAGED,
    (target) => `agent-${target}.deb`,
    (target) => ({
      of: [`agent-${target}`],
      make: (out, commit) => writeDeb(out, target, commit),
    }),
  ),
  ...each(
    PACKAGED,
    (target) => `agent-image-${target}.tar`,
    (target) => ({
      of: [`agent-${target}`],
      make: (out, commit) => writeImage(out, target, commit),
      bringer: () => bringerOfLibc(target),
    }),
  ),
  "agent-image.tar": {
    of: PACKAGED.map((target) => `agent-${target}`),
    make: (out, commit) => writeImages(out, PACKAGED, commit),
    bringer: () => PACKAGED.map(bringerOfLibc).find((bringer) => bringer !== null) ?? null,
  },
};

function each<Key>(
  keys: readonly Key[],
  name: (key: Key) => string,
  artifact: (key: Key) => Artifact,
): Record<string, Artifact> {
  return Object.fromEntries(keys.map((key) => [name(key), artifact(key)]));
}

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

/** All that are named, and what they are made of. Answers the names of those that were made. */
async function makeAll(names: readonly string[], isAll: boolean, out: string): Promise<readonly string[]> {
  const wanted = new Set([...names, ...names.flatMap((name) => ARTIFACTS[name]?.of ?? [])]);
  const commit = commitOf(ROOT);
  const made: string[] = [];
  for (const [name, { make: work, bringer }] of Object.entries(ARTIFACTS)) {
    if (!isAll && !wanted.has(name)) continue;
    const missing = bringer?.() ?? null;
    // One of an earlier build would not be of this commit.
    rmSync(join(out, name), { force: true });
    if (missing !== null) {
      const why = `Cannot build ${name}: the C library of its platform is not on this machine\nTry: ${missing}`;
      if (!isAll) throw new Error(why);
      console.error(`!!! ${why.replace("\n", " !!!\n")}`);
      continue;
    }
    await make(name, async () => work(out, commit));
    made.push(name);
  }
  return made;
}

async function build(
  names: readonly string[],
  options: { readonly all: boolean; readonly out: string },
): Promise<void> {
  const { all, out } = options;
  mkdirSync(out, { recursive: true });
  if (!all && names.length === 0) return make("agent", () => compile(join(out, "agent"), null, commitOf(ROOT)));
  // Sums of another build would be those of files that are no longer there.
  rmSync(join(out, "SHA256SUMS"), { force: true });
  const made = await makeAll(names, all, out);
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
  for (const one of error instanceof AggregateError ? error.errors : [error])
    console.error(one instanceof Error ? one.message : String(one));
  process.exit(1);
}
