/** The compiled binary: a run that ends while a source cannot be read is no success, and `status` keeps why. */
import { Database } from "bun:sqlite";
import { afterAll, expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";

const binaryTest = testWith("binary");
const folder = mkdtempSync(join(tmpdir(), "agent-unread-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const newFolder = () => mkdtempSync(join(folder, "case-"));

async function agent(cwd: string, ...args: readonly string[]): Promise<{ code: number; text: string }> {
  const child = Bun.spawn([AGENT_BINARY, ...args], { cwd, env: {}, stdout: "pipe", stderr: "pipe" });
  const text = (await new Response(child.stdout).text()) + (await new Response(child.stderr).text());
  return { code: await child.exited, text };
}

async function statusOf(cwd: string) {
  const { text } = await agent(cwd, "status", "--json");
  return JSON.parse(text) as {
    health: string;
    problems: { code: string; message: string }[];
    sources: { uri: string; trouble: string | null }[];
  };
}

/** A port that another program has, and that never answers. */
async function takenPort(): Promise<{ port: number; free: () => void }> {
  const server = createServer((socket) => void socket.on("error", () => undefined));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { port: (server.address() as AddressInfo).port, free: () => server.close() };
}

binaryTest("a source that never worked makes a run with --for a failure that says which and why", async () => {
  const gone = await takenPort();
  gone.free();
  const taken = await takenPort();
  const cases: [uri: string, why: string][] = [
    [`mqtt://127.0.0.1:${gone.port}/a`, "no broker answers at"],
    [`mqtt://127.0.0.1:${taken.port}/a`, "does not answer"],
    ["sqlite:nowhere.db", "nowhere.db"],
    [`http://127.0.0.1:${taken.port}/a`, String(taken.port)],
  ];
  await Promise.all(
    cases.map(async ([uri, why]) => {
      const cwd = newFolder();
      const { code, text } = await agent(cwd, "run", "--source", uri, "--for", "2s");
      expect([uri, code, text]).toEqual([
        uri,
        1,
        expect.stringContaining("Everything that could be read was delivered"),
      ]);
      const last = text.trimEnd().split("\n").at(-1) ?? "";
      expect(last).toContain("WARN");
      expect(last).toContain(`Cannot take from "${uri}"`);
      expect(last).toContain(why);
      const { health, problems, sources } = await statusOf(cwd);
      expect([health, problems.map(({ code }) => code)]).toEqual(["degraded", ["source_trouble"]]);
      expect(sources).toEqual([expect.objectContaining({ uri, trouble: expect.stringContaining(why) })]);
    }),
  );
  taken.free();
});

binaryTest("a source that was in trouble and works again is none, neither at the end nor in status", async () => {
  const cwd = newFolder();
  const args = ["run", "--source", "sqlite:late.db?table=r", "--for"];
  expect((await agent(cwd, ...args, "1s")).code).toBe(1);
  const run = agent(cwd, ...args, "6s");
  await Bun.sleep(1_500);
  const db = new Database(join(cwd, "late.db"));
  db.run("CREATE TABLE r (id INTEGER PRIMARY KEY, sensor_id TEXT, timestamp TEXT, temperature REAL)");
  db.run("INSERT INTO r VALUES (1, 'a', '2026-01-01T00:00:00Z', 20)");
  db.close();
  const { code, text } = await run;
  expect([code, text]).toEqual([0, expect.stringContaining("Everything was delivered")]);
  const { problems, sources } = await statusOf(cwd);
  expect([problems, sources.map(({ trouble }) => trouble)]).toEqual([[], [null]]);
});
