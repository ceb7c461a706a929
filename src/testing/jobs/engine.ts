/**
 * A Docker Engine of a test's own, beside any that this machine has: its own folders, its own socket, no network of its own. It is
 * spoken to as Bacalhau does, over its API, and its image is made of programs of this machine, so that nothing is pulled.
 */
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { messageOf } from "../../core/errors.ts";
import { ENOUGH_MS } from "../agent-process.ts";
import { asMap, asText } from "./yaml.ts";

/** What `debian:bookworm-slim` has, as far as the specs and the agent need it. */
const PROGRAMS = [
  ...[
    "od",
    "ls",
    "cksum",
    "sed",
    "date",
    "sleep",
    "rm",
    "mv",
    "ln",
    "cp",
    "chmod",
    "timeout",
    "tr",
    "cut",
    "head",
    "tail",
    "sha256sum",
    "cat",
    "env",
    "uname",
  ],
  ...["awk", "df", "wc", "sync", "flock", "paste", "mkdir", "mktemp", "diff", "grep", "tar", "gzip"],
];
const IMAGE = "agent-test-root:latest";

export class Engine {
  readonly #folder = mkdtempSync(join(tmpdir(), "agent-engine-"));
  readonly #socket = join(this.#folder, "socket");
  readonly #daemon: Bun.Subprocess;
  readonly #containers: Container[] = [];

  private constructor() {
    const log = openSync(join(this.#folder, "log"), "a");
    const at = (name: string) => join(this.#folder, name);
    this.#daemon = Bun.spawn(
      [
        // It ends with this process, however that ends.
        ...[
          "setpriv",
          "--pdeathsig",
          "TERM",
          "dockerd",
          "--host",
          `unix://${this.#socket}`,
          "--data-root",
          at("data"),
          "--exec-root",
          at("exec"),
        ],
        ...["--pidfile", at("pid"), "--bridge", "none", "--iptables=false", "--ip6tables=false"],
      ],
      { stdin: "ignore", stdout: log, stderr: log },
    );
  }

  /** Null where it cannot start, or runs no container: one line says why. */
  static async start(): Promise<Engine | null> {
    const engine = new Engine();
    try {
      await engine.#begin();
      return engine;
    } catch (error) {
      const log = readFileSync(join(engine.#folder, "log"), "utf8").trimEnd().split("\n").at(-1) ?? "";
      console.warn(`skipped: dockerd runs no container on this machine (${messageOf(error)}): ${log}`);
      await engine.end();
      return null;
    }
  }

  async #begin(): Promise<void> {
    for (const giveUp = performance.now() + ENOUGH_MS; !existsSync(this.#socket); await Bun.sleep(100)) {
      if (this.#daemon.exitCode !== null) throw new Error(`it ended with exit code ${this.#daemon.exitCode}`);
      if (performance.now() > giveUp) throw new Error("it opens no socket");
    }
    await this.#import();
    const body = { Entrypoint: ["/bin/sh", "-c"], Cmd: ["exit 7"] };
    const trial = await this.run({ ...body, HostConfig: { NetworkMode: "host", Memory: 64 << 20, NanoCpus: 1e9 } });
    const code = await trial.exitCode();
    if (code !== 7) throw new Error(`a container ended with exit code ${code}`);
    await trial.remove();
  }

  /** Ends all containers, too. */
  async end(): Promise<void> {
    if (this.#daemon.exitCode === null) for (const container of this.#containers) await container.remove();
    this.#daemon.kill("SIGTERM");
    await this.#daemon.exited;
    const mounts = readFileSync("/proc/mounts", "utf8").split("\n");
    for (const path of mounts.map((line) => line.split(" ")[1] ?? "").filter((path) => path.startsWith(this.#folder))) {
      Bun.spawnSync(["umount", "-l", path]);
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The answer's text; an error of the engine is thrown. */
  async ask(method: "GET" | "POST" | "DELETE", path: string, body?: unknown): Promise<string> {
    const isBytes = body instanceof Uint8Array;
    const response = await fetch(`http://engine/v1.40${path}`, {
      method,
      unix: this.#socket,
      headers: { "content-type": isBytes ? "application/x-tar" : "application/json" },
      ...(body !== undefined && { body: isBytes ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text;
  }

  /** `spec`: the body that creates a container; without `Image`, that of the programs of this machine. */
  async run(spec: Readonly<Record<string, unknown>>): Promise<Container> {
    const made = asMap(JSON.parse(await this.ask("POST", "/containers/create", { Image: IMAGE, ...spec })));
    const container = new Container(this, asText(made["Id"]));
    this.#containers.push(container);
    await container.start();
    return container;
  }

  async #import(): Promise<void> {
    const root = join(this.#folder, "root");
    for (const name of ["bin", "tmp", "proc", "sys", "dev", "etc"]) mkdirSync(join(root, name), { recursive: true });
    const programs = [...PROGRAMS, "sh"].map((name) => ({ name, path: realpathSync(Bun.which(name) ?? name) }));
    for (const { name, path } of programs) copy(path, join(root, "bin", name));
    for (const library of new Set(
      programs.flatMap(({ path }) => librariesOf(path)).concat(librariesOf("/bin/sh"), AGENT_NEEDS()),
    )) {
      copy(realpathSync(library), join(root, library));
    }
    const tar = Bun.spawnSync(["tar", "-C", root, "-c", "."]);
    await this.ask("POST", `/images/create?fromSrc=-&repo=agent-test-root&tag=latest`, new Uint8Array(tar.stdout));
  }
}

/** The libraries that a compiled agent of this platform is linked with. */
const AGENT_NEEDS = () => librariesOf(join(import.meta.dir, "../../../dist/agent"));

function librariesOf(program: string): string[] {
  const listed = Bun.spawnSync(["ldd", program]).stdout.toString();
  return [...listed.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path = ""]) => path);
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  const done = Bun.spawnSync(["cp", "-L", from, to]);
  if (done.exitCode !== 0) throw new Error(`Cannot copy ${from}: ${done.stderr.toString()}`);
}

export class Container {
  readonly #engine: Engine;
  readonly id: string;
  #isRemoved = false;

  constructor(engine: Engine, id: string) {
    this.#engine = engine;
    this.id = id;
  }

  async start(): Promise<void> {
    await this.#engine.ask("POST", `/containers/${this.id}/start`);
  }

  /** SIGTERM, and SIGKILL after `graceSeconds`; the usual ones are for a busy machine. The exit code: 137 after SIGKILL. */
  async stop(graceSeconds = 60): Promise<number> {
    await this.#engine.ask("POST", `/containers/${this.id}/stop?t=${graceSeconds}`);
    return await this.exitCode();
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    await this.#engine.ask("POST", `/containers/${this.id}/kill?signal=${signal}`);
  }

  async exitCode(): Promise<number> {
    const waited = asMap(JSON.parse(await this.#engine.ask("POST", `/containers/${this.id}/wait`)));
    return Number(waited["StatusCode"]);
  }

  async inspect(): Promise<Readonly<Record<string, unknown>>> {
    return asMap(JSON.parse(await this.#engine.ask("GET", `/containers/${this.id}/json`)));
  }

  async isRunning(): Promise<boolean> {
    return asMap((await this.inspect())["State"])["Running"] === true;
  }

  /** Starts a program inside, and does not wait for it. */
  async exec(...words: readonly string[]): Promise<void> {
    const made = asMap(JSON.parse(await this.#engine.ask("POST", `/containers/${this.id}/exec`, { Cmd: words })));
    await this.#engine.ask("POST", `/exec/${asText(made["Id"])}/start`, { Detach: true });
  }

  /** Pids of this machine: of the programs inside whose command line has `part`. */
  async pidsOf(part: string): Promise<number[]> {
    const top = asMap(JSON.parse(await this.#engine.ask("GET", `/containers/${this.id}/top?ps_args=-eo%20pid,args`)));
    const processes = top["Processes"];
    if (!Array.isArray(processes)) return [];
    return processes.flatMap((row: unknown) => {
      const [pid, args] = Array.isArray(row) ? row.map(String) : [];
      return args?.startsWith(part) === true ? [Number(pid)] : [];
    });
  }

  /** All that was said so far. */
  async log(): Promise<string> {
    return await this.#engine.ask("GET", `/containers/${this.id}/logs?stdout=1&stderr=1`);
  }

  async says(text: string, times = 1): Promise<boolean> {
    for (const giveUp = performance.now() + ENOUGH_MS; performance.now() < giveUp; await Bun.sleep(50)) {
      if ((await this.log()).split(text).length > times) return true;
    }
    return false;
  }

  async remove(): Promise<void> {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    await this.#engine.ask("DELETE", `/containers/${this.id}?force=1`);
  }
}
