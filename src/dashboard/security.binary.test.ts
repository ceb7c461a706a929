/** The compiled binary against clients that mean harm: each is refused and counted, and the agent works on as before. */
import { afterAll, afterEach, expect } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentProcess, ENOUGH_MS, killAllAgents } from "../testing/agent-process.ts";
import { testWith } from "../testing/needs.ts";

const binaryTest = testWith("binary");
const folder = mkdtempSync(join(tmpdir(), "agent-security-"));
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(() => {
  killAllAgents();
  rmSync(folder, { recursive: true, force: true });
});

type Node = { readonly agent: AgentProcess; readonly cwd: string; readonly port: number; readonly token: string };

const place = () => mkdtempSync(join(folder, "node-"));

async function start(host = "127.0.0.1", env: Readonly<Record<string, string>> = {}, cwd = place()): Promise<Node> {
  const agent = new AgentProcess({
    args: ["run", "--dashboard", `${host}:0`, "--source", "simulator:?sensors=2&rate=50"],
    cwd,
    env: { AGENT_COMMIT_MS: "50ms", AGENT_BATCH_MS: "300ms", ...env },
  });
  expect(await agent.says("running:")).toBe(true);
  const port = Number(/listening: Page: http:\/\/[\d.]+:(\d+)\//.exec(agent.heard)?.[1]);
  const set = env["AGENT_DASHBOARD_TOKEN"];
  const token = set ?? readFileSync(join(cwd, "agent-data/dashboard.token"), "utf8").trim();
  return { agent, cwd, port, token };
}

type ReplyHeard = { readonly status: number; readonly head: string; readonly body: string };

/** What is sent as it is, and all that comes back. */
function send({ port }: Node, text: string, more?: (socket: Socket) => void): Promise<ReplyHeard> {
  const socket = connect(port, "127.0.0.1");
  sockets.push(socket);
  let heard = "";
  socket.on("data", (data) => {
    heard += data.toString("latin1");
  });
  socket.on("error", () => undefined);
  socket.write(text);
  more?.(socket);
  return new Promise((done) => {
    socket.once("close", () => {
      const [head = "", ...body] = heard.split("\r\n\r\n");
      done({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0), head, body: body.join("\r\n\r\n") });
    });
  });
}

function ask(node: Node, line: string, headers: Readonly<Record<string, string>> = {}, body = ""): Promise<ReplyHeard> {
  const sent: Record<string, string> = { host: `127.0.0.1:${node.port}`, ...headers };
  if (body !== "") sent["content-length"] ??= String(body.length);
  const lines = Object.entries(sent).map(([name, value]) => `${name}: ${value}\r\n`);
  return send(node, `${line} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

async function refused(node: Node, reason: string): Promise<number> {
  // Among a thousand others this connection may be the oldest, and has no answer.
  const { body } = await ask(node, "GET /metrics");
  return Number(
    new RegExp(`^agent_http_refused_total\\{reason="${reason}"\\} (\\d+)$`, "m").exec(body)?.[1] ?? Number.NaN,
  );
}

async function until(is: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const giveUp = performance.now() + ENOUGH_MS; !(await is()); await Bun.sleep(50))
    if (performance.now() > giveUp) throw new Error(`It never came so far: ${what}`);
}

type Health = { readonly health: string; readonly stages: { readonly raw: { readonly delivered: number } } };

/** Readings that are taken now are delivered, and nothing is wrong. */
async function isUnharmed(node: Node): Promise<void> {
  const read = async (): Promise<Health> => {
    // Among a thousand others this connection may be the oldest, too.
    let body = "";
    await until(async () => {
      ({ body } = await ask(node, "GET /healthz"));
      return body !== "";
    }, "an answer");
    return JSON.parse(body);
  };
  const { stages } = await read();
  await until(async () => (await read()).stages.raw.delivered > stages.raw.delivered, "a reading is delivered");
  expect((await read()).health).toBe("ok");
}

function residentBytes({ agent }: Node): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${agent.pid}/status`, "utf8"))?.[1]) * 1024;
}

const RULE = JSON.stringify({ name: "planted", when: { range: { measure: "temperature", max: 1 } } });
const SAVE = JSON.stringify({ file: "planted.json", text: RULE, sum: null });

binaryTest(
  "another host, another site, no token, a wrong one and odd paths are refused and counted; nothing is written",
  async () => {
    const node = await start();
    const own = `http://127.0.0.1:${node.port}`;
    const cases: readonly (readonly [reason: string, status: number, line: string, headers: Record<string, string>])[] =
      [
        ["host", 421, "GET /", { host: "evil.example", accept: "text/html" }],
        ["host", 421, "GET /api/rules", { host: `node.evil.example:${node.port}` }],
        ["origin", 403, "GET /api/rules", { origin: "http://evil.example" }],
        ["origin", 403, "GET /api/rules", { "sec-fetch-site": "cross-site" }],
        ["origin", 403, "PUT /api/rules/file", { origin: "null", ...bearer(node.token) }],
        ["token", 401, "PUT /api/rules/file", { origin: own }],
        ["token", 401, "PUT /api/rules/file", bearer("another-token-of-this-length-000")],
        ["token", 401, "PUT /api/rules/file", bearer(node.token.slice(0, -1))],
        ["path", 404, "GET /../../etc/passwd", {}],
        ["path", 404, "GET /..%2f..%2fetc%2fpasswd", bearer(node.token)],
        ["path", 404, "GET //etc/passwd", {}],
        ["path", 404, "GET /index.html/../healthz", {}],
        ["path", 404, "GET /healthz%00", {}],
        ["method", 405, "DELETE /api/rules/file", bearer(node.token)],
        ["malformed", 400, "GET http://127.0.0.1/healthz", {}],
      ];
    for (const [, status, line, headers] of cases) {
      const asked = await ask(node, line, headers, line.startsWith("PUT") ? SAVE : "");
      expect([line, headers, asked.status]).toEqual([line, headers, status]);
      if (status === 401)
        expect(JSON.parse(asked.body).try).toBe(`cat ${join(node.cwd, "agent-data/dashboard.token")}`);
    }
    for (const [reason, all] of Map.groupBy(cases, ([first]) => first))
      await until(async () => (await refused(node, reason)) === all.length, `${all.length} are counted for ${reason}`);
    expect(readdirSync(node.cwd)).not.toContain("rules");
    // The same request with everything right reaches the editor, whatever it thinks of it.
    const right = await ask(node, "PUT /api/rules/file", { origin: own, ...bearer(node.token) }, SAVE);
    expect([401, 403, 404, 405].includes(right.status)).toBe(false);
    expect(node.agent.heard).not.toContain(node.token);
    await isUnharmed(node);
  },
  ENOUGH_MS * 2,
);

binaryTest(
  "beyond loopback nothing but health, metrics and the page's own files is shown without the token",
  async () => {
    const token = "a-token-that-a-setting-has";
    const node = await start("0.0.0.0", { AGENT_DASHBOARD_TOKEN: token });
    for (const path of ["/healthz", "/metrics", "/"])
      expect([path, (await ask(node, `GET ${path}`)).status]).toEqual([path, 200]);
    const page = await ask(node, "GET /", { accept: "text/html" });
    expect([page.status, page.head]).toEqual([
      200,
      expect.stringContaining("content-security-policy: default-src 'none'"),
    ]);
    expect((await ask(node, "GET /api/rules")).status).toBe(401);
    expect((await ask(node, "GET /api/rules", bearer(token))).status).toBe(200);
    expect([node.agent.heard.includes(token), readdirSync(join(node.cwd, "agent-data"))]).toEqual([
      false,
      expect.not.arrayContaining(["dashboard.token"]),
    ]);
    expect(node.agent.heard).toMatch(/Type it there, or open http:\/\/[\d.:]+\/#token=THE-TOKEN/);
    // Where none is set one is made, and said once.
    const made = await start("0.0.0.0");
    expect(made.agent.heard.split(made.token).length).toBe(2);
    expect((await ask(made, "GET /api/rules", bearer(made.token))).status).toBe(200);
  },
  ENOUGH_MS * 2,
);

binaryTest(
  "a token file that is a link is neither read nor written: the agent works, says so, and edits no rules",
  async () => {
    const cwd = place();
    mkdirSync(join(cwd, "agent-data"), { mode: 0o700 });
    writeFileSync(join(cwd, "planted"), "a-token-that-someone-planted\n");
    symlinkSync(join(cwd, "planted"), join(cwd, "agent-data/dashboard.token"));
    const node = await start("127.0.0.1", {}, cwd);
    const planted = bearer("a-token-that-someone-planted");
    expect((await ask(node, "PUT /api/rules/file", planted, SAVE)).status).toBe(503);
    expect((await ask(node, "GET /api/rules", planted)).status).toBe(200);
    const codes = async () =>
      JSON.parse((await ask(node, "GET /healthz")).body).problems.map(({ code }: { code: string }) => code);
    await until(async () => (await codes()).includes("dashboard_token"), "the problem is reported");
    expect(readFileSync(join(cwd, "planted"), "utf8")).toBe("a-token-that-someone-planted\n");
    node.agent.kill("SIGTERM");
    expect((await node.agent.ended).code).toBe(0);
  },
  ENOUGH_MS,
);

binaryTest(
  "the token's file is there again, with the same token, after the data dir was deleted under the agent",
  async () => {
    const node = await start();
    rmSync(join(node.cwd, "agent-data"), { recursive: true });
    const path = join(node.cwd, "agent-data/dashboard.token");
    await until(() => existsSync(path), "the file is there");
    expect(readFileSync(path, "utf8").trim()).toBe(node.token);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    node.agent.kill("SIGTERM");
    expect((await node.agent.ended).code).toBe(0);
  },
  ENOUGH_MS,
);

binaryTest(
  "a body of 10 MB, a thousand connections, slow heads and bodies, and views that are never read: the agent is unharmed",
  async () => {
    const node = await start();
    const head = (length: number) =>
      `PUT /api/rules/file HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${node.token}\r\nContent-Length: ${length}\r\n\r\n`;
    await isUnharmed(node);
    const beforeBytes = residentBytes(node);
    const large = await send(node, head(10_000_000), (socket) => {
      socket.write(Buffer.alloc(10_000_000, "x"));
    });
    expect([large.status, JSON.parse(large.body).message]).toEqual([413, expect.stringContaining("too large")]);
    const unframed = `PUT /api/rules/file HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${node.token}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    expect((await send(node, `${unframed}989680\r\n${"x".repeat(1_000)}`)).status).toBe(413);
    await until(async () => (await refused(node, "body")) === 2, "both are counted");

    for (let i = 0; i < 1_000; i++) {
      const text = i % 2 === 0 ? "GET /healthz HTTP/1.1\r\nHost: local" : `${head(1_000)}{"file`;
      void send(node, text);
    }
    await isUnharmed(node);
    await until(async () => (await refused(node, "connections")) > 900, "the oldest are closed");
    // Those that are left dribble on, and are cut off in time.
    const dribble = setInterval(() => {
      for (const socket of sockets) if (!socket.destroyed && socket.writable) socket.write("a");
    }, 200);
    await until(async () => (await refused(node, "late")) > 10, "slow requests are cut off");
    clearInterval(dribble);

    const readers = Array.from({ length: 12 }, () => {
      const socket = connect(node.port, "127.0.0.1");
      sockets.push(socket);
      socket.on("error", () => undefined);
      socket.pause();
      socket.write("GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
      return socket;
    });
    await until(async () => (await refused(node, "streams")) === 4, "the streams beyond eight are refused");
    await isUnharmed(node);
    for (const socket of readers) socket.destroy();
    await until(async () => (await openFiles(node)) < 60, "connections are closed");
    expect(residentBytes(node) - beforeBytes).toBeLessThan(64 * 1024 * 1024);
    expect(node.agent.heard).not.toMatch(/EMFILE|answer_failed/);
    node.agent.kill("SIGTERM");
    expect((await node.agent.ended).code).toBe(0);
  },
  ENOUGH_MS * 3,
);

function openFiles({ agent }: Node): number {
  return readdirSync(`/proc/${agent.pid}/fd`).length;
}
