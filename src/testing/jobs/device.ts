/**
 * A device on which the command line of a job spec runs as Bacalhau would start it: the same entrypoint, parameters, environment,
 * working directory and mounts, under a root of its own with its own processes. The programs are this machine's, or busybox's.
 * It needs the right to mount; nothing of the real /opt, /etc and /var is seen or changed.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderSpec, type Variables } from "../../fleet/spec/render.ts";
import { asList, asMap, asText } from "./yaml.ts";

export const JOBS = join(import.meta.dir, "../../../jobs");

export type JobEnd = { readonly code: number | null; readonly out: string };
export type Programs = "of this machine" | "busybox";
/** Where Bacalhau would have put inputs that it brings itself: files and folders of this machine, by their place inside. */
export type Brought = Readonly<Record<string, string>>;

/** $1 root, $2 the folder of programs or -, $3 working directory; then SOURCE:TARGET:ro|rw each, --, and the command line. */
const CONTAINER = `
set -eu
root=$1 programs=$2 work=$3; shift 3
mount -t tmpfs tmpfs "$root"
mkdir -p "$root/proc" "$root/dev" "$root/tmp" "$root/usr" "$root/etc"
for each in bin sbin lib lib32 lib64; do
  if [ -L "/$each" ]; then cp -P "/$each" "$root/$each"
  elif [ -d "/$each" ]; then mkdir "$root/$each"; mount --bind "/$each" "$root/$each"; fi
done
mount --rbind /usr "$root/usr"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
if [ "$programs" != - ]; then mkdir "$root/programs"; mount --bind "$programs" "$root/programs"; fi
while [ "$1" != -- ]; do
  source=\${1%%:*} rest=\${1#*:}; target=\${rest%%:*} mode=\${rest##*:}; shift
  if [ -d "$source" ]; then mkdir -p "$root$target"; else mkdir -p "$(dirname "$root$target")"; : > "$root$target"; fi
  mount --bind "$source" "$root$target"
  [ "$mode" = rw ] || mount -o remount,bind,ro "$root$target"
done
shift
exec chroot "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$work" "$@"
`;

export class Device {
  /** What the device's folders are here: `at("/opt/agent")`. */
  readonly #folder = mkdtempSync(join(tmpdir(), "agent-device-"));
  readonly #programs: string | null;

  constructor(programs: Programs = "of this machine") {
    this.#programs = programs === "busybox" ? join(this.#folder, "programs") : null;
    if (this.#programs === null) return;
    mkdirSync(this.#programs);
    const installed = Bun.spawnSync([Bun.which("busybox") ?? "busybox", "--install", "-s", this.#programs]);
    if (installed.exitCode !== 0) throw new Error(`Cannot install busybox: ${installed.stderr.toString()}`);
  }

  at(path: string): string {
    return join(this.#folder, "disk", path);
  }

  /** A file outside the device, such as one that Bacalhau downloaded: 0644. */
  file(name: string, content: string | Uint8Array): string {
    const path = join(this.#folder, name);
    writeFileSync(path, content, { mode: 0o644 });
    return path;
  }

  end(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Runs a spec of `jobs/`. Local directories are made, as CreateAs does. */
  async run(file: string, variables: Variables, brought: Brought = {}): Promise<JobEnd> {
    const rendered = renderSpec(await Bun.file(join(JOBS, file)).text(), variables);
    if (!("text" in rendered)) throw new Error(`Cannot render ${file}: ${JSON.stringify(rendered.problems)}`);
    const task = asMap(asList(asMap(Bun.YAML.parse(rendered.text))["Tasks"])[0]);
    const params = asMap(asMap(task["Engine"])["Params"]);
    const mounts = asList(task["InputSources"]).flatMap((each) => this.#mount(asMap(each)));
    const given = Object.entries(brought).map(([target, source]) => `${source}:${target}:rw`);
    const words = [...asList(params["Entrypoint"]), ...asList(params["Parameters"])].map(asText);
    const env = Object.entries(asMap(task["Env"] ?? {})).map(([name, value]) => `${name}=${asText(value)}`);
    return await this.#inContainer([...mounts, ...given], asText(params["WorkingDirectory"]), [
      ...["/usr/bin/env", "-i", `PATH=${this.#programs === null ? "/usr/sbin:/usr/bin:/sbin:/bin" : "/programs"}`],
      ...env,
      ...(this.#programs === null ? words : words.map((word) => (word === "/bin/sh" ? "/programs/sh" : word))),
    ]);
  }

  #mount(input: Readonly<Record<string, unknown>>): string[] {
    const source = asMap(input["Source"]);
    if (source["Type"] !== "localDirectory") return [];
    const { SourcePath, ReadWrite } = asMap(source["Params"]);
    const here = this.at(asText(SourcePath));
    mkdirSync(here, { recursive: true });
    return [`${here}:${asText(input["Target"])}:${ReadWrite === true ? "rw" : "ro"}`];
  }

  async #inContainer(mounts: readonly string[], work: string, words: readonly string[]): Promise<JobEnd> {
    const root = mkdtempSync(join(this.#folder, "root-"));
    const flags = ["--mount", "--pid", "--fork", "--kill-child"];
    const child = Bun.spawn(
      ["unshare", ...flags, "sh", "-c", CONTAINER, "sh", root, this.#programs ?? "-", work, ...mounts, "--", ...words],
      { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    );
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { code, out: out + err };
  }
}
