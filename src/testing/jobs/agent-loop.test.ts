/** The loop of `jobs/agent.yaml` by itself, in every shell of this machine, with programs in the place of the agent. */
import { afterAll, afterEach, describe, expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENOUGH_MS } from "../agent-process.ts";
import { testWith } from "../needs.ts";
import { loopOf } from "./agent-spec.ts";

const HOME = mkdtempSync(join(tmpdir(), "agent-loop-"));
afterAll(() => rmSync(HOME, { recursive: true, force: true }));

const loopTest = testWith("time", "linux");
/** The first is /bin/sh of Debian, the second that of Alpine. Those that are not here are not tried. */
const SHELLS = [["dash"], ["busybox", "ash"]].filter(([name = ""]) => Bun.which(name) !== null);
const PAUSES = "pause=0.1 settled=30 patience=1 tries=3";

/** Says `running`, as an agent that has its lock and its buffer, and works until TERM. */
const WORKS = 'echo running > "$AGENT_STATE_FILE"; trap "echo TERM >&2; exit 0" TERM; while :; do sleep 0.05; done';
const IDLES = "while :; do sleep 0.05; done";
const CRASHES = "exit 3";
/** A setting is wrong for it as long as the folder has no file `.env`. */
const WANTS_ENV = `[ -e .env ] || exit 2; [ "$1" != config ] || exit 0; ${WORKS}`;
/** A person repairs the settings just when it is asked of them. */
const REPAIRED_MEANWHILE = `[ "$1" != config ] || { : > .env; exit 0; }; exit 2`;

class Loop {
  readonly dir = mkdtempSync(join(HOME, "node-"));
  readonly bin = join(this.dir, "opt/agent");
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  heard = "";

  constructor(shell: readonly string[], files: Readonly<Record<string, string>>) {
    for (const name of ["opt", "etc"]) mkdirSync(join(this.dir, name));
    for (const [name, script] of Object.entries(files)) this.put(name, script);
    this.#child = this.#start(shell);
  }

  #start(shell: readonly string[]) {
    const script = loopOf()
      .replace(/^pause=.*$/m, PAUSES)
      .replaceAll("/opt/agent/", `${this.dir}/opt/`);
    expect(script).toContain(PAUSES);
    const [program = "", ...flags] = shell;
    const child = Bun.spawn([Bun.which(program) ?? program, ...flags, "-c", script], {
      cwd: join(this.dir, "etc"),
      env: { PATH: this.#programsOf(shell), AGENT_STATE_FILE: join(this.dir, "state"), HOME: this.dir },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    void this.#hear(child.stderr);
    return child;
  }

  /** A shell of busybox comes with all other programs, and a device has no others. */
  #programsOf([name]: readonly string[]): string {
    if (name !== "busybox") return process.env["PATH"] ?? "";
    mkdirSync(join(this.dir, "bin"));
    Bun.spawnSync(["busybox", "--install", "-s", join(this.dir, "bin")]);
    return join(this.dir, "bin");
  }

  async #hear(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const bytes of stream) this.heard += new TextDecoder().decode(bytes);
  }

  /** Whole, then renamed into place. `version`: what it says to `--version`. */
  put(name: string, script: string, version = name): void {
    const config = [WANTS_ENV, REPAIRED_MEANWHILE].includes(script) ? "" : '[ "$1" != config ] || exit 0\n';
    const head = `#!/bin/sh\n${config}[ "$1" != --version ] || { echo "agent ${version}"; exit; }\n`;
    const say = `echo "start ${version} from=$AGENT_ROLLED_BACK_FROM." >&2\n`;
    this.putText(name, `${head}${say}${script}\n`);
  }

  putText(name: string, text: string, mode = 0o755): void {
    const path = join(this.dir, "opt", name);
    writeFileSync(`${path}.new`, text, { mode });
    renameSync(`${path}.new`, path);
  }

  says(name: string): string {
    return readFileSync(join(this.dir, "opt", name), "utf8");
  }

  has(name: string): boolean {
    return existsSync(join(this.dir, "opt", name));
  }

  /** How often `text` was said. */
  count(text: string): number {
    return this.heard.split(text).length - 1;
  }

  async until(is: () => boolean, what: string): Promise<void> {
    for (const giveUp = performance.now() + ENOUGH_MS; !is() && performance.now() < giveUp; ) await Bun.sleep(20);
    expect([what, is(), this.heard]).toEqual([what, true, this.heard]);
  }

  heardOf = (text: string, times = 1) => this.until(() => this.count(text) >= times, `${times} x ${text}`);

  /** The pid of the program in the agent's place. */
  async agent(): Promise<number> {
    const child = () => Bun.spawnSync(["pgrep", "-P", String(this.#child.pid), "-f", this.bin]).stdout.toString();
    await this.until(() => child() !== "", "a program runs");
    return Number(child().split("\n")[0]);
  }

  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.#child.kill(signal);
    await this.#child.exited;
    return this.#child.exitCode;
  }
}

for (const [at, shell] of SHELLS.entries()) {
  // What takes seconds is tried in one shell.
  const onceTest = (name: string, body: () => Promise<void>) => at === 0 && loopTest(name, body);
  describe(`in ${shell.join(" ")}`, () => {
    let loop: Loop;
    const begin = (files: Readonly<Record<string, string>>) => {
      loop = new Loop(shell, files);
      return loop;
    };
    afterEach(async () => {
      await loop.end("SIGTERM");
    });

    loopTest("TERM is passed on; the loop waits for the agent and ends with 0", async () => {
      begin({ agent: WORKS });
      await loop.heardOf("start agent from=.");
      await loop.agent();
      await loop.until(() => existsSync(join(loop.dir, "state")), "the agent works");
      expect([await loop.end(), loop.count("TERM\n"), loop.count("loop: stopped")]).toEqual([0, 1, 1]);
    });

    loopTest("TERM ends a pause at once", async () => {
      begin({ agent: CRASHES });
      await loop.heardOf("again in", 2);
      expect(await loop.end()).toBe(0);
    });

    loopTest(
      "kill -9 of an agent at work, five times: it is started again, and agent.previous stays where it is",
      async () => {
        begin({ agent: WORKS, "agent.previous": WORKS });
        for (let life = 1; life <= 5; life++) {
          await loop.heardOf("start agent from=.", life);
          await loop.until(() => existsSync(join(loop.dir, "state")), "the agent works");
          process.kill(await loop.agent(), "SIGKILL");
          await loop.heardOf("exit code 137", life);
        }
        await loop.heardOf("start agent from=.", 6);
        expect([loop.count("going back"), loop.count("start agent.previous")]).toEqual([0, 0]);
      },
    );

    loopTest(
      "a binary that crashes three times is replaced by the previous one, whose environment says so until another comes",
      async () => {
        begin({ agent: CRASHES, "agent.previous": WORKS });
        await loop.heardOf("start agent.previous from=agent agent, sha256 ");
        expect([loop.count("start agent from=."), loop.count("going back")]).toEqual([3, 1]);
        expect(loop.says("agent")).toBe(loop.says("agent.previous"));
        await loop.until(() => !loop.has("agent.bad"), "the one that works is kept");
        process.kill(await loop.agent(), "SIGKILL");
        await loop.heardOf("start agent.previous from=agent agent, sha256 ", 2);
        loop.put("agent", WORKS, "third");
        process.kill(await loop.agent(), "SIGKILL");
        await loop.heardOf("start third from=.");
        expect(loop.has("agent.rolled-back")).toBe(false);
      },
    );

    loopTest("a binary that crashes soon after it came up is one that does not come up", async () => {
      begin({ agent: 'echo running > "$AGENT_STATE_FILE"; exit 1', "agent.previous": WORKS });
      await loop.heardOf("start agent.previous from=agent agent");
    });

    onceTest("a binary that hangs is ended after its patience; one that waits for a lock is not", async () => {
      begin({ agent: `echo waiting > "$AGENT_STATE_FILE"; ${IDLES}`, "agent.previous": WORKS });
      await Bun.sleep(2_500);
      expect([loop.count("start"), loop.count("exit code")]).toEqual([1, 0]);
      loop.put("agent", IDLES, "hangs");
      process.kill(await loop.agent(), "SIGKILL");
      await loop.heardOf("start agent.previous from=agent hangs");
      expect(loop.count("start hangs")).toBe(1);
    });

    onceTest("where there is no other binary, one without a sign of life is left alone", async () => {
      begin({ agent: IDLES });
      await Bun.sleep(2_500);
      expect([loop.count("start"), loop.count("exit code")]).toEqual([1, 0]);
      process.kill(await loop.agent(), "SIGKILL");
      await loop.heardOf("start agent from=.", 2);
    });

    loopTest(
      "with settings that both binaries refuse nothing is put back; the newer one works when they are right",
      async () => {
        begin({ agent: WANTS_ENV, "agent.previous": WANTS_ENV });
        await loop.heardOf(", a setting is wrong (see above)", 6);
        expect([loop.count("going back"), loop.has("agent.bad")]).toEqual([0, false]);
        writeFileSync(join(loop.dir, "etc/.env"), "");
        await loop.until(() => existsSync(join(loop.dir, "state")), "the newer one works");
        expect([loop.count("going back"), loop.says("agent").includes("agent.previous")]).toEqual([0, false]);
      },
    );

    loopTest("settings that are repaired while the previous binary is asked of them put nothing back", async () => {
      begin({ agent: WANTS_ENV, "agent.previous": REPAIRED_MEANWHILE });
      await loop.until(() => existsSync(join(loop.dir, "state")), "the newer one works");
      expect([loop.count("going back"), loop.says("agent").includes("agent.previous")]).toEqual([0, false]);
    });

    loopTest("a binary that refuses settings which the previous one takes does not come up", async () => {
      begin({ agent: "exit 2", "agent.previous": WORKS });
      await loop.heardOf("start agent.previous from=agent agent");
    });

    loopTest(
      "if neither binary comes up, the newer one stays; nothing is put back again until a file changes",
      async () => {
        begin({ agent: CRASHES, "agent.previous": CRASHES });
        await loop.heardOf("agent.previous does not come up either");
        await loop.heardOf("start agent from=.", 9);
        expect([loop.count("going back"), loop.count("start agent.previous")]).toEqual([1, 3]);
        expect([loop.has("agent.bad"), loop.has("agent.rolled-back")]).toEqual([false, false]);
        loop.put("agent.previous", WORKS);
        await loop.heardOf("start agent.previous from=agent agent", 4);
      },
    );

    loopTest("a program of another machine, or a page, is never run as a script", async () => {
      begin({ "agent.previous": WORKS });
      const page = `<html>\ntouch ${loop.dir}/ran\n</html>\n`;
      loop.putText("agent", page);
      await loop.heardOf("start agent.previous from=no version, sha256 ");
      const foreign = new Uint8Array(readFileSync("/bin/sh").subarray(0, 4_096));
      foreign[18] = 0xf3;
      loop.putText("agent", `${new TextDecoder("latin1").decode(foreign)}\ntouch ${loop.dir}/ran\n`);
      process.kill(await loop.agent(), "SIGKILL");
      await loop.heardOf("start agent.previous from=no version, sha256 ", 2);
      expect(existsSync(join(loop.dir, "ran"))).toBe(false);
    });

    loopTest("a binary that is missing is waited for; one that is not executable is made so", async () => {
      begin({});
      await loop.heardOf("is missing, or no program", 4);
      loop.putText("agent", `#!/bin/sh\n${WORKS}`, 0o644);
      await loop.until(() => existsSync(join(loop.dir, "state")), "the agent works");
      expect(statSync(loop.bin).mode & 0o777).toBe(0o755);
    });

    onceTest("an agent that ends in order is started again at once, without counting as a failure", async () => {
      begin({ agent: "exit 0", "agent.previous": WORKS });
      await loop.heardOf("start agent from=.", 3);
      expect(loop.count("going back")).toBe(0);
    });
  });
}
