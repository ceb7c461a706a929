/**
 * `jobs/agent.yaml` on a real Docker Engine, with the container that Bacalhau makes of it. After each disturbance the rest is
 * delivered: every reading that was accepted must be in the store, once.
 */
import { afterAll, expect, test } from "bun:test";
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY, ENOUGH_MS } from "../agent-process.ts";
import { canRun } from "../needs.ts";
import { quickest } from "../quickest.ts";
import { type ContainerBody, containerOf } from "./agent-spec.ts";
import { type Container, Engine } from "./engine.ts";
import { asList, asMap } from "./yaml.ts";

const LIMIT_MS = ENOUGH_MS * 3;

const engine = canRun("binary", "time", "Docker Engine") ? await Engine.start() : null;
const HOME = engine === null ? null : mkdtempSync(join(tmpdir(), "agent-container-"));
afterAll(async () => {
  await engine?.end();
  if (HOME !== null) rmSync(HOME, { recursive: true, force: true });
}, LIMIT_MS);
const containerTest = test.skipIf(engine === null);

/** A device with the three folders of the convention. */
class Node {
  readonly disk = mkdtempSync(join(HOME ?? "", "node-"));
  readonly containers: Container[] = [];

  constructor() {
    for (const name of ["opt/agent", "etc/agent", "var/lib/agent"])
      mkdirSync(join(this.disk, name), { recursive: true });
    copyFileSync(AGENT_BINARY, this.at("opt/agent/agent"));
    this.settings("");
  }

  at(path: string): string {
    return join(this.disk, path);
  }

  settings(more: string): void {
    const source = `simulator:?sensors=5&rate=20&seed=7`;
    const lines = [
      `AGENT_SOURCE=${source}`,
      "AGENT_STORE=dir:/var/lib/agent/lake",
      "AGENT_COMMIT_MS=50ms",
      "AGENT_BATCH_MS=300ms",
      more,
    ];
    writeFileSync(this.at("etc/agent/.env"), `${lines.join("\n")}\n`, { mode: 0o600 });
  }

  /** `change`: what this test has otherwise than the spec. */
  async run(change: (body: ContainerBody) => ContainerBody = (body) => body): Promise<Container> {
    const container = await engine!.run(change(containerOf(this.disk)));
    this.containers.push(container);
    return container;
  }

  ask(...words: readonly string[]): { readonly code: number; readonly text: string } {
    const done = Bun.spawnSync([AGENT_BINARY, ...words, "--data-dir", this.at("var/lib/agent")], {
      cwd: this.at("etc/agent"),
    });
    return {
      code: done.exitCode,
      text: `${done.stdout.toString()}${done.exitCode === 0 ? "" : done.stderr.toString()}`,
    };
  }

  /** The codes of its problems, once there are as many as these; an agent reports every second. */
  async problems(...expected: readonly string[]): Promise<void> {
    let codes: string[] = [];
    for (const giveUp = performance.now() + ENOUGH_MS; performance.now() < giveUp; await Bun.sleep(200)) {
      const status = asMap(JSON.parse(this.ask("status", "--json").text));
      codes = asList(status["problems"]).map((problem) => String(asMap(problem)["code"]));
      if (codes.join() === expected.join()) return;
    }
    expect(codes).toEqual([...expected]);
  }

  /** The first heartbeat of a start goes out soon after it. */
  async heartbeatSays(text: string): Promise<void> {
    const lake = this.at("var/lib/agent/lake");
    let sent = "";
    for (const giveUp = performance.now() + ENOUGH_MS; performance.now() < giveUp; await Bun.sleep(100)) {
      const [path] = new Bun.Glob("*-metadata-*/nodes/*/heartbeat.*.json").scanSync(lake);
      sent = path === undefined ? "" : await Bun.file(join(lake, path)).text();
      if (sent.includes(text)) return;
    }
    expect(sent).toContain(text);
  }

  /** Ends what still runs, delivers the rest, and audits: nothing is lost, and nothing is double. */
  async audit(): Promise<void> {
    for (const container of this.containers) await container.remove();
    const store = `dir:${this.at("var/lib/agent/lake")}`;
    const rest = this.ask("run", "--for", "100ms", "--store", store);
    expect([rest.code, rest.text]).toEqual([0, rest.text]);
    const { code, text } = this.ask("verify", "--deep", "--json", "--store", store);
    const audit = asMap(JSON.parse(text));
    const epochs = asList(audit["epochs"]).map(asMap);
    expect([code, audit["ok"], epochs.length]).toEqual([0, true, 1]);
    const accepted = Number(epochs[0]?.["accepted"]);
    expect(accepted).toBeGreaterThan(0);
    expect(asMap(asMap(epochs[0]?.["stages"])["raw"])).toMatchObject({
      rows: accepted,
      missing: [],
      duplicate: [],
      pending: [],
    });
  }
}

const within = (limits: Readonly<Record<string, unknown>>) => (body: ContainerBody) => ({
  ...body,
  HostConfig: { ...body.HostConfig, ...limits },
});

/** With a short pause between two starts, and a whole processor. */
const hastily = (body: ContainerBody): ContainerBody => ({
  ...within({ NanoCpus: 1e9 })(body),
  Cmd: body.Cmd.map((text) => text.replace("pause=5", "pause=0.2")),
});
containerTest(
  "a binary that is not executable, a root that is read-only and 48 MiB of memory; TERM ends it in order, two reboots too",
  async () => {
    const node = new Node();
    Bun.spawnSync(["chmod", "0644", node.at("opt/agent/agent")]);
    const container = await node.run(within({ ReadonlyRootfs: true, Memory: 48 << 20, MemorySwap: 48 << 20 }));
    expect([await container.says("running: "), await container.log()]).toEqual([true, expect.anything()]);
    for (let reboot = 1; reboot <= 2; reboot++) {
      expect([await container.stop(), await container.log()]).toEqual([0, expect.stringContaining("loop: stopped")]);
      await container.start();
      expect(await container.says("running: ", reboot + 1)).toBe(true);
    }
    await node.problems();
    expect(await container.stop()).toBe(0);
    await node.audit();
  },
  LIMIT_MS,
);

containerTest(
  "kill -9 of the agent, five times, and out of memory: each time the loop starts it again",
  async () => {
    const node = new Node();
    const container = await node.run((body) => within({ Memory: 96 << 20, MemorySwap: 96 << 20 })(hastily(body)));
    for (let life = 1; life <= 5; life++) {
      expect(await container.says("running: ", life)).toBe(true);
      for (const pid of await container.pidsOf("/opt/agent/agent run")) process.kill(pid, "SIGKILL");
      expect(await container.says("exit code 137", life)).toBe(true);
    }
    expect(await container.says("running: ", 6)).toBe(true);
    // The kernel takes the agent first, and then what fills the memory.
    for (const pid of await container.pidsOf("/opt/agent/agent run"))
      writeFileSync(`/proc/${pid}/oom_score_adj`, "1000");
    await container.exec("/bin/sh", "-c", "tail /dev/zero");
    expect(await container.says("exit code 137", 6)).toBe(true);
    expect(await container.says("running: ", 7)).toBe(true);
    expect(await container.isRunning()).toBe(true);
    expect(await container.stop()).toBe(0);
    await node.audit();
  },
  LIMIT_MS,
);

containerTest(
  "Bacalhau gives a second between TERM and KILL: at work and in the pause between two starts it is enough",
  async () => {
    const node = new Node();
    const container = await node.run();
    let lives = 0;
    /** How long a stop takes when `text` was said once more. */
    const stopAt = async (text: string) => {
      if (!(await container.isRunning())) await container.start();
      expect(await container.says(text, ++lives)).toBe(true);
      const beganMs = performance.now();
      return (await container.stop(1)) === 0 ? performance.now() - beganMs : Number.POSITIVE_INFINITY;
    };
    expect(await quickest(1_000, () => stopAt("running: "))).toBeLessThan(1_000);
    node.settings("AGENT_BATCH_ROWS=many");
    lives = 0;
    expect(await quickest(1_000, () => stopAt("again in 5 s"))).toBeLessThan(1_000);
    node.settings("");
    await node.audit();
  },
  LIMIT_MS,
);

containerTest(
  "a wrong setting is said again and again, and the loop works as soon as it is right",
  async () => {
    const node = new Node();
    node.settings("AGENT_BATCH_ROWS=many");
    const container = await node.run(hastily);
    expect(await container.says("the agent ended with exit code 2", 4)).toBe(true);
    expect(await container.log()).toContain('Cannot use AGENT_BATCH_ROWS "many" (.env');
    node.settings("");
    expect(await container.says("running: ")).toBe(true);
    expect(await container.stop()).toBe(0);
    await node.audit();
  },
  LIMIT_MS,
);

containerTest(
  "an update overlaps, and an orphan holds the lock: the new agent waits, and takes over when the other is gone",
  async () => {
    const node = new Node();
    const first = await node.run();
    expect(await first.says("running: ")).toBe(true);
    const second = await node.run();
    expect(await second.says("waiting_for_lock")).toBe(true);
    expect(await first.stop()).toBe(0);
    expect(await second.says("running: ")).toBe(true);
    // An orphan: no one stops it, and it ends by a power cut.
    const third = await node.run();
    expect(await third.says("waiting_for_lock")).toBe(true);
    await second.kill("SIGKILL");
    expect(await third.says("running: ")).toBe(true);
    expect([await third.stop(), await second.isRunning()]).toEqual([0, false]);
    await node.audit();
  },
  LIMIT_MS,
);

containerTest(
  "a binary that is renamed into place is started in the same container; one that does not come up is rolled back and reported",
  async () => {
    const node = new Node();
    const container = await node.run(hastily);
    expect(await container.says("running: ")).toBe(true);
    const [bin, previous, next] = ["agent", "agent.previous", "next"].map((name) => node.at(`opt/agent/${name}`)) as [
      string,
      string,
      string,
    ];
    const bring = (write: (path: string) => void) => {
      write(next);
      rmSync(previous, { force: true });
      linkSync(bin, previous);
      renameSync(next, bin);
    };
    bring((path) => copyFileSync(AGENT_BINARY, path));
    expect(await container.says("binary_replaced: ")).toBe(true);
    expect(await container.says("running: ", 2)).toBe(true);
    await node.problems();
    // It answers as an agent, so it is started; and crashes.
    bring((path) =>
      writeFileSync(path, '#!/bin/sh\n[ "$1" = --version ] || exit 3\necho "agent 9.9.9"\n', { mode: 0o755 }),
    );
    expect(await container.says("going back to agent.previous")).toBe(true);
    expect(await container.says("running: ", 3)).toBe(true);
    await node.problems("binary_rolled_back");
    expect(node.ask("status").text).toContain("(agent 9.9.9, sha256 ");
    await node.heartbeatSays("binary_rolled_back: The binary that replaced this one did not come up (agent 9.9.9");
    bring((path) => copyFileSync(AGENT_BINARY, path));
    expect(await container.says("running: ", 4)).toBe(true);
    await node.problems();
    expect(await container.stop()).toBe(0);
    await node.audit();
  },
  LIMIT_MS,
);
