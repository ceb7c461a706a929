/** `agent run` and `agent simulate` on a real broker: logins, certificates, a broker that goes away, and a network that is cut. */
import { afterAll, expect } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY, AgentProcess, ENOUGH_MS, killAllAgents } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";
import { endBrokers, publishLines, startBroker } from "./broker.suite.ts";

const brokerTest = testWith("binary", "mosquitto");
const folder = mkdtempSync(join(tmpdir(), "agent-mqtt-"));
afterAll(async () => {
  killAllAgents();
  await endBrokers();
  rmSync(folder, { recursive: true, force: true });
});

const ENV = { AGENT_NODE_ID: "node-1", AGENT_COMMIT_MS: "50ms", AGENT_BATCH_MS: "300ms", AGENT_STAGES: "raw" };
const newFolder = () => mkdtempSync(join(folder, "run-"));

function run(cwd: string, args: readonly string[], env: Record<string, string> = {}) {
  const done = Bun.spawnSync([AGENT_BINARY, ...args], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", ...ENV, ...env },
  });
  return { code: done.exitCode, text: done.stdout.toString() + done.stderr.toString() };
}

const start = (cwd: string, uri: string, env: Record<string, string> = {}) =>
  new AgentProcess({ args: ["run", "--source", uri], cwd, env: { ...ENV, ...env } });

type SourceStatus = {
  accepted: number;
  refused: number;
  trouble: string | null;
  flaws: { reason: string; count: number }[];
};
function sourceOf(cwd: string): SourceStatus | undefined {
  const { code, text } = run(cwd, ["status", "--json"]);
  if (code !== 0 && !text.startsWith("{")) return undefined;
  return (JSON.parse(text) as { sources: SourceStatus[] }).sources[0];
}

async function until(is: () => boolean): Promise<boolean> {
  for (const giveUp = performance.now() + ENOUGH_MS; performance.now() < giveUp; await Bun.sleep(50))
    if (is()) return true;
  return is();
}

const lineOf = (n: number) =>
  JSON.stringify({ sensor_id: "a", timestamp: new Date(Date.UTC(2026, 0, 1) + n).toISOString(), temperature: 20, n });
const linesOf = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => lineOf(from + i));

/** A certificate of its own authority for 127.0.0.1 and localhost. */
function certificates(cwd: string): void {
  const openssl = (...args: string[]) => expect(Bun.spawnSync(["openssl", ...args], { cwd }).exitCode).toBe(0);
  writeFileSync(join(cwd, "ext"), "subjectAltName=DNS:localhost,IP:127.0.0.1");
  openssl(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
    "-days",
    "2",
    "-subj",
    "/CN=ca",
  );
  openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "b.key", "-out", "b.csr", "-subj", "/CN=localhost");
  openssl(
    "x509",
    "-req",
    "-in",
    "b.csr",
    "-CA",
    "ca.crt",
    "-CAkey",
    "ca.key",
    "-CAcreateserial",
    "-out",
    "b.crt",
    "-days",
    "2",
    "-extfile",
    "ext",
  );
}

brokerTest(
  "TLS with a CA of one's own, and a user with a password; what is wrong is said in words, without the password",
  async () => {
    const cwd = newFolder();
    certificates(cwd);
    writeFileSync(join(cwd, "pw"), "anna:hush-hush\n");
    Bun.spawnSync(["mosquitto_passwd", "-U", join(cwd, "pw")]);
    const broker = await startBroker(join(cwd, "broker"), [
      "allow_anonymous false",
      `password_file ${join(cwd, "pw")}`,
      `cafile ${join(cwd, "ca.crt")}`,
      `certfile ${join(cwd, "b.crt")}`,
      `keyfile ${join(cwd, "b.key")}`,
    ]);
    const at = `localhost:${broker.port}/site/#`;
    const login = { AGENT_MQTT_USERNAME: "anna", AGENT_MQTT_PASSWORD: "hush-hush" };
    const tries: [string, Record<string, string>, string][] = [
      [`mqtts://${at}`, login, "its certificate is not trusted"],
      [`mqtt://${at}`, login, "it ended the connection"],
      [`mqtts://${at}?ca=ca.crt`, {}, "AGENT_MQTT_USERNAME and AGENT_MQTT_PASSWORD"],
      [`mqtts://anna:hush-wrong@${at}?ca=ca.crt`, {}, 'refused user "anna" with the password'],
      [
        `mqtts://${at}?ca=ca.crt`,
        { ...login, AGENT_MQTT_PASSWORD: "hush-wrong" },
        'refused user "anna" with the password',
      ],
      [`mqtts://${at}?ca=ca.crt`, { AGENT_MQTT_USERNAME: "anna" }, 'user "anna" was given without a password'],
    ];
    for (const [uri, env, says] of tries) {
      const agent = start(newFolder(), uri.replace("ca=ca.crt", `ca=${join(cwd, "ca.crt")}`), env);
      expect([uri, await agent.says(says), agent.heard]).toEqual([uri, true, expect.any(String)]);
      expect(agent.heard).not.toContain("hush");
      expect(agent.heard).toContain("(try=");
      agent.kill("SIGKILL");
      await agent.ended;
    }
    expect(run(cwd, ["run", "--source", `mqtts://${at}?ca=nix.crt`])).toMatchObject({
      code: 2,
      text: expect.stringContaining('the file "nix.crt" of ca: there is no such file'),
    });

    const uri = `mqtts://anna:hush-hush@${at}?ca=ca.crt`;
    expect(run(cwd, ["run", "--source", uri, "--once"]).code).toBe(0);
    const pub = [
      "-h",
      "localhost",
      "-p",
      String(broker.port),
      "--cafile",
      join(cwd, "ca.crt"),
      "-u",
      "anna",
      "-P",
      "hush-hush",
    ];
    await publishLines([...pub, "-t", "site/a"], linesOf(0, 300));
    const taken = run(cwd, ["run", "--source", uri, "--once"]);
    expect([taken.code, taken.text]).toEqual([0, expect.stringContaining("accepted=300")]);
    const all = [
      taken.text,
      run(cwd, ["status", "--json"]).text,
      run(cwd, ["config", "show"], { AGENT_SOURCE: uri }).text,
    ];
    for (const name of readdirSync(join(cwd, "agent-data")))
      all.push(readFileSync(join(cwd, "agent-data", name)).toString("latin1"));
    expect(all.map((text) => text.includes("hush-hush"))).toEqual(all.map(() => false));
    await broker.end("SIGTERM");
  },
);

brokerTest(
  "a broker that restarts, and one that is not there, are troubles of the source, and the agent continues",
  async () => {
    const cwd = newFolder();
    const lines = ["allow_anonymous true", "persistence true", `persistence_location ${join(cwd, "kept")}/`];
    mkdirSync(join(cwd, "kept"));
    const broker = await startBroker(join(cwd, "broker"), lines);
    const agent = start(cwd, `mqtt://127.0.0.1:${broker.port}/site/#`);
    const pub = ["-p", String(broker.port), "-t", "site/a"];
    expect(await until(() => broker.log().includes("SUBACK") || broker.log().includes("agent-node-1"))).toBe(true);
    await until(() => sourceOf(cwd) !== undefined);
    await publishLines(pub, linesOf(0, 200));
    expect(await until(() => sourceOf(cwd)?.accepted === 200)).toBe(true);
    await broker.end("SIGTERM");
    expect(await agent.says("source_trouble")).toBe(true);
    expect(agent.heard).toContain("the broker does not run, or does not listen on this address");
    await broker.startAgain();
    await publishLines(pub, linesOf(200, 400));
    expect(await agent.says("source_back")).toBe(true);
    expect(await until(() => sourceOf(cwd)?.accepted === 400)).toBe(true);
    agent.kill("SIGTERM");
    expect((await agent.ended).code).toBe(0);
    await broker.end("SIGTERM");
    const once = run(cwd, ["run", "--source", `mqtt://127.0.0.1:${broker.port}/site/#`, "--once"]);
    expect([once.code, once.text]).toEqual([1, expect.stringContaining("no broker answers at")]);
  },
);

brokerTest("a broker that lost the session gets the topics at once, and what is not known is said", async () => {
  const cwd = newFolder();
  const broker = await startBroker(join(cwd, "broker"));
  // Longer than the test: the subscription must not wait for a commit by time.
  const agent = start(cwd, `mqtt://127.0.0.1:${broker.port}/site/#`, { AGENT_COMMIT_MS: "60s" });
  const pub = ["-p", String(broker.port), "-t", "site/a"];
  expect(await until(() => broker.log().includes("agent-node-1"))).toBe(true);
  await until(() => sourceOf(cwd) !== undefined);
  await Bun.sleep(500);
  await publishLines(pub, linesOf(0, 1_000));
  expect(await until(() => sourceOf(cwd)?.accepted === 1_000)).toBe(true);
  await broker.end("SIGKILL");
  expect(await agent.says("source_trouble")).toBe(true);
  await broker.startAgain();
  expect(await agent.says("source_back")).toBe(true);
  await publishLines(pub, linesOf(1_000, 2_000));
  expect(await until(() => sourceOf(cwd)?.accepted === 2_000)).toBe(true);
  expect(agent.heard.match(/had lost the session of this agent/g)).toHaveLength(1);
  const problems = () => {
    const status = JSON.parse(run(cwd, ["status", "--json"]).text) as { problems: { code: string }[] };
    return status.problems.map(({ code }) => code);
  };
  // Once a second it reports: the last report may still be of before, or of the trouble.
  expect(await until(() => problems().join() === "session_lost")).toBe(true);
  agent.kill("SIGTERM");
  await agent.ended;
  await broker.end("SIGTERM");
});

/** Between agent and broker; `cut` ends all connections, in the middle of what is on its way. */
async function startCable(to: number): Promise<{ port: number; cut: () => void; end: () => void }> {
  const ends = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(to, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(one);
      one.on("error", () => undefined);
      one.on("close", () => other.destroy());
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    for (const socket of ends) socket.destroy();
    ends.clear();
  };
  const end = () => {
    cut();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, cut, end };
}

brokerTest("a network that is cut again and again costs no message and doubles none", async () => {
  const cwd = newFolder();
  const broker = await startBroker(join(cwd, "broker"));
  const cable = await startCable(broker.port);
  const uri = `mqtt://127.0.0.1:${cable.port}/site/#`;
  expect((await new AgentProcess({ args: ["run", "--source", uri, "--once"], cwd, env: ENV }).ended).code).toBe(0);
  const agent = start(cwd, uri);
  const publishing = (async () => {
    for (let at = 0; at < 3_000; at += 300)
      await publishLines(["-p", String(broker.port), "-t", "site/a"], linesOf(at, at + 300));
  })();
  for (let cut = 0; cut < 6; cut++) {
    await Bun.sleep(150);
    cable.cut();
  }
  await publishing;
  expect(await until(() => (sourceOf(cwd)?.accepted ?? 0) >= 3_000)).toBe(true);
  agent.kill("SIGTERM");
  await agent.ended;
  expect((await new AgentProcess({ args: ["run", "--source", uri, "--once"], cwd, env: ENV }).ended).code).toBe(0);
  expect(sourceOf(cwd)?.accepted).toBe(3_000);
  cable.end();
  await broker.end("SIGTERM");
});

brokerTest("retained messages are left out and counted, or taken once; an empty one is left out", async () => {
  const cwd = newFolder();
  const broker = await startBroker(join(cwd, "broker"));
  const pub = ["-p", String(broker.port), "-t", "site/a"];
  await publishLines([...pub, "-r"], linesOf(0, 1));
  for (const [skip, ...end] of [
    ["qos=1", "--once"],
    ["clean=true", "--for", "2s"],
    ["protocol=3.1.1", "--for", "2s"],
  ] as const) {
    const own = newFolder();
    const uri = `mqtt://127.0.0.1:${broker.port}/site/#?${skip}&client_id=c${skip.length}`;
    expect(run(own, ["run", "--source", uri, ...end]).text).toContain("accepted=0");
    const flaws = [expect.objectContaining({ reason: "filtered", count: 1 })];
    expect([skip, sourceOf(own)?.flaws]).toEqual([skip, flaws]);
  }
  const take = `mqtt://127.0.0.1:${broker.port}/site/#?retained=take`;
  const other = newFolder();
  for (const accepted of [1, 0]) {
    expect(run(other, ["run", "--source", take, "--once"]).text).toContain(`accepted=${accepted}`);
  }
  expect(Bun.spawnSync(["mosquitto_pub", ...pub, "-q", "1", "-n"]).exitCode).toBe(0);
  expect(run(other, ["run", "--source", take, "--once"]).text).toContain("accepted=0");
  await broker.end("SIGTERM");
});

brokerTest("simulate --out publishes each reading and waits for the broker; a source takes them all", async () => {
  const cwd = newFolder();
  const broker = await startBroker(join(cwd, "broker"));
  const source = `mqtt://127.0.0.1:${broker.port}/site/+/reading`;
  expect(run(cwd, ["run", "--source", source, "--once"]).code).toBe(0);
  const out = `mqtt://127.0.0.1:${broker.port}/site/{sensor_id}/reading`;
  const made = run(cwd, ["simulate", "--rate", "max", "--count", "2500", "--sensors", "4", "--out", out]);
  expect(made).toMatchObject({
    code: 0,
    text: expect.stringContaining("Wrote 2,500 readings of 4 sensors to mqtt://"),
  });
  expect(run(cwd, ["run", "--source", source, "--once"]).text).toContain("accepted=2500");
  await broker.end("SIGTERM");
  const gone = run(cwd, ["simulate", "--count", "1", "--out", out]);
  expect([gone.code, gone.text]).toEqual([1, expect.stringContaining("Cannot publish: no broker answers at")]);
});
