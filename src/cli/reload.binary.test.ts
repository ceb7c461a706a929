/** Rules that change under a running agent, with the compiled binary: an editor's saves in both ways, bad ones, and a storm. */
import { Database } from "bun:sqlite";
import { afterAll, expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY, AgentProcess, ENOUGH_MS } from "../testing/agent-process.ts";
import { testWith } from "../testing/needs.ts";
import { quickest } from "../testing/quickest.ts";

const binaryTest = testWith("binary");
const folder = mkdtempSync(join(tmpdir(), "agent-reload-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ENV = {
  AGENT_NODE_ID: "node-1",
  AGENT_COMMIT_MS: "50ms",
  AGENT_BATCH_MS: "300ms",
  PATH: process.env["PATH"] ?? "",
};
/** Promised: in force within a second of the last write. */
const IN_FORCE_MS = 1_000;

const rule = (max: number, name = "too-warm") =>
  JSON.stringify({ name, when: { range: { measure: "temperature", max } } });

type Node = { readonly cwd: string; readonly rules: string; readonly agent: AgentProcess };

function begin(name: string): Node {
  const cwd = join(folder, name);
  const rules = join(cwd, "rules");
  mkdirSync(rules, { recursive: true });
  writeFileSync(join(rules, "a.json"), rule(10_000));
  return { cwd, rules, agent: start(cwd) };
}

function start(cwd: string): AgentProcess {
  return new AgentProcess({ args: ["run", "--source", "simulator:?sensors=2&rate=50"], cwd, env: ENV });
}

async function end({ agent }: Node): Promise<void> {
  agent.kill("SIGTERM");
  expect((await agent.ended).code).toBe(0);
}

/** How often the log said it so far. */
const timesSaid = ({ agent }: Node, code: string) => agent.heard.split(code).length - 1;

/** How long it took from `edit` until the log said `code` once more; throws when it never does. */
async function saidAfter(edit: () => void, node: Node, code: string): Promise<number> {
  const before = timesSaid(node, code);
  edit();
  const from = performance.now();
  while (timesSaid(node, code) === before) {
    if (performance.now() - from > ENOUGH_MS) throw new Error(`The log did not say ${code}: ${node.agent.heard}`);
    await Bun.sleep(10);
  }
  return performance.now() - from;
}

type Status = {
  health: string;
  silent_sensors: { rule: string; sensor_id: string; since: string }[];
  problems: { code: string }[];
  rules: { version: string; refused: { file: string; line: number; column: number; message: string }[] };
};

function json<T>(cwd: string, ...args: string[]): T {
  const done = Bun.spawnSync([AGENT_BINARY, ...args, "--json"], { cwd, env: ENV });
  return JSON.parse(done.stdout.toString()) as T;
}

/** The status once the running agent has written down that it is so. */
async function status(cwd: string, is: (status: Status) => boolean, dataDir = "agent-data"): Promise<Status> {
  for (const giveUp = performance.now() + ENOUGH_MS; ; await Bun.sleep(100)) {
    const found = json<Status>(cwd, "status", "--data-dir", dataDir);
    if (is(found) || performance.now() > giveUp) return found;
  }
}

type Judged = { readonly version: string; readonly verdicts: number; readonly rows: number };

/** What each rule set judged, in the order in which they were in force. */
function groupsOf(cwd: string): Judged[] {
  const db = new Database(join(cwd, "agent-data/buffer.db"), { readonly: true });
  const commits = db
    .query<Judged, []>(
      `SELECT g.rules_version AS version, count(*) AS rows, sum(r.verdict) AS verdicts
       FROM commit_group g JOIN reading r ON r.seq BETWEEN g.first_seq AND g.last_seq
       GROUP BY g.first_seq ORDER BY g.first_seq`,
    )
    .all();
  db.close();
  const groups: Judged[] = [];
  for (const { version, verdicts, rows } of commits) {
    const last = groups.at(-1);
    if (last?.version !== version) groups.push({ version, verdicts, rows });
    else groups.splice(-1, 1, { version, verdicts: last.verdicts + verdicts, rows: last.rows + rows });
  }
  return groups;
}

/** Waits until the newest of that many rule sets has judged enough to be distinguished from the one before. */
async function hasJudged(cwd: string, sets: number): Promise<void> {
  const isSo = (groups: readonly Judged[]) => groups.length === sets && groups.at(-1)!.rows >= 50;
  for (const giveUp = performance.now() + ENOUGH_MS; !isSo(groupsOf(cwd)); await Bun.sleep(20))
    if (performance.now() > giveUp) throw new Error(`not ${sets} rule sets: ${JSON.stringify(groupsOf(cwd))}`);
}

binaryTest(
  "a save in place and a save by rename are in force within a second, and no reading is lost or judged twice",
  async () => {
    const node = begin("edits");
    expect(await node.agent.says("running")).toBe(true);
    const file = join(node.rules, "a.json");
    const added = join(node.rules, "b.json");
    // For each set whether its rules are broken by every reading that has a value.
    const sets = [false];
    let isBroken = false;
    const limit = () => {
      isBroken = !isBroken;
      return isBroken ? -500 - sets.length : 10_000 + sets.length;
    };
    const edits: Record<string, () => void> = {
      "in place": () => writeFileSync(file, rule(limit())),
      "by rename": () => {
        writeFileSync(join(node.rules, ".a.json.tmp"), rule(limit()));
        renameSync(join(node.rules, ".a.json.tmp"), file);
      },
      "a file more, or less": () => {
        if (existsSync(added)) rmSync(added);
        else writeFileSync(added, rule(-500 - sets.length, "second"));
      },
    };
    for (const how of ["in place", "by rename", "a file more, or less", "a file more, or less"]) {
      const tookMs = await quickest(IN_FORCE_MS, async () => {
        await hasJudged(node.cwd, sets.length);
        const ms = await saidAfter(edits[how]!, node, "rules_changed");
        sets.push(isBroken || existsSync(added));
        return ms;
      });
      expect([how, tookMs < IN_FORCE_MS ? "in time" : tookMs]).toEqual([how, "in time"]);
    }
    expect(node.agent.heard).toContain("added second");
    await hasJudged(node.cwd, sets.length);
    await end(node);
    // Each set judged what was committed while it was in force, and nothing else. A missing value breaks no limit.
    const judged = groupsOf(node.cwd).map(({ verdicts, rows }) => (verdicts === 0 ? false : verdicts > rows * 0.8));
    expect(judged).toEqual(sets);
    const once = new AgentProcess({
      args: ["run", "--source", "simulator:?count=1", "--once"],
      cwd: node.cwd,
      env: ENV,
    });
    expect((await once.ended).code).toBe(0);
    expect(json<{ ok: boolean }>(node.cwd, "verify", "--deep").ok).toBe(true);
  },
  600_000,
);

binaryTest(
  "a bad save, half a save, an empty folder and none change nothing, and say where and what",
  async () => {
    const node = begin("bad");
    expect(await node.agent.says("running")).toBe(true);
    const { version } = (await status(node.cwd, ({ rules }) => rules.version !== "")).rules;
    const bad = [
      [
        () => writeFileSync(join(node.rules, "a.json"), rule(30).replace("measure", "mesure")),
        /when\.range\.mesure: is not known here; did you mean measure/,
      ],
      [() => writeFileSync(join(node.rules, "a.json"), rule(30).slice(0, 40)), /./],
      [() => writeFileSync(join(node.rules, "a.json"), ""), /./],
      [() => rmSync(join(node.rules, "a.json")), /there is no \*\.json file in it/],
      [() => rmSync(node.rules, { recursive: true }), /Cannot read rules folder/],
    ] as const;
    const tookMs: number[] = [];
    for (const [spoil, message] of bad) {
      tookMs.push(await saidAfter(spoil, node, "rules_kept"));
      const found = await status(node.cwd, ({ rules }) => message.test(rules.refused[0]?.message ?? ""));
      expect(found.rules.refused[0]).toMatchObject({ line: 1, message: expect.stringMatching(message) });
      expect([found.health, found.rules.version]).toEqual(["degraded", version]);
      expect(found.problems.map(({ code }) => code)).toContain("rules_refused");
    }
    // The quickest: a busy machine may hold up each of them.
    expect(Math.min(...tookMs)).toBeLessThan(IN_FORCE_MS);
    // The last good set survives a restart with nothing good on the disk.
    mkdirSync(node.rules);
    writeFileSync(join(node.rules, "a.json"), "{");
    await end(node);
    const again = { ...node, agent: start(node.cwd) };
    expect(await again.agent.says("rules_kept")).toBe(true);
    expect((await status(node.cwd, ({ rules }) => rules.refused.length > 0)).rules.version).toBe(version);
    const restoredMs = await quickest(IN_FORCE_MS, async () => {
      const save = (text: string) => () => writeFileSync(join(node.rules, "a.json"), text);
      if (timesSaid(again, "rules_restored") > 0) await saidAfter(save("{"), again, "rules_kept");
      return await saidAfter(save(rule(10_000)), again, "rules_restored");
    });
    expect(restoredMs).toBeLessThan(IN_FORCE_MS);
    const well = await status(node.cwd, ({ health }) => health === "ok");
    expect([well.health, well.rules.version, well.rules.refused]).toEqual(["ok", version, []]);
    await end(again);
    // Nor do the rules in the binary take the place of a folder that is not there any more.
    rmSync(node.rules, { recursive: true });
    const without = { ...node, agent: start(node.cwd) };
    expect(await without.agent.says("rules_kept")).toBe(true);
    const kept = await status(node.cwd, ({ rules }) => rules.refused.length > 0);
    expect([kept.health, kept.rules.version, kept.rules.refused[0]?.file]).toEqual(["degraded", version, "rules"]);
    await end(without);
    expect(groupsOf(node.cwd).map((group) => group.version)).toEqual([version]);
  },
  600_000,
);

binaryTest(
  "of a storm of 200 saves in 2 seconds the last is in force a second later, and none in between is half",
  async () => {
    const node = begin("storm");
    expect(await node.agent.says("running")).toBe(true);
    const file = join(node.rules, "a.json");
    mkdirSync(join(node.cwd, "last"));
    let version = "";
    const tookMs = await quickest(IN_FORCE_MS, async () => {
      const last = rule(777 + timesSaid(node, "rules_changed"));
      writeFileSync(join(node.cwd, "last/a.json"), last);
      ({ version } = json<{ version: string }>(node.cwd, "rules", "check", "last"));
      for (let i = 1; i <= 200; i++) {
        const text = rule(i);
        // Every other one as an editor that writes in two parts.
        if (i % 2 === 0) writeFileSync(file, text.slice(0, 30));
        writeFileSync(file, text);
        await Bun.sleep(10);
      }
      return await saidAfter(() => writeFileSync(file, last), node, `-> ${version}`);
    });
    expect(tookMs).toBeLessThan(IN_FORCE_MS);
    await end(node);
    expect(groupsOf(node.cwd).at(-1)!.version).toBe(version);
  },
  600_000,
);

binaryTest(
  "a rule of silence shows which sensors are silent, and the memory of the rules survives kill -9",
  async () => {
    const node = begin("memory");
    const field = new Database(join(node.cwd, "field.db"));
    field.run("PRAGMA journal_mode = WAL");
    field.run(
      "CREATE TABLE sensor_readings (id INTEGER PRIMARY KEY, sensor_id TEXT, timestamp TEXT, temperature REAL)",
    );
    const write = (minute: number, temperature: number) =>
      field
        .query("INSERT INTO sensor_readings (sensor_id, timestamp, temperature) VALUES ('s1', ?, ?)")
        .run(new Date(Date.UTC(2026, 0, 1) + minute * 60_000).toISOString(), temperature);
    node.agent.kill("SIGKILL");
    await node.agent.ended;
    const silent = { name: "silent", when: { gap: { longer_than: "10m" } } };
    const confirmed = {
      name: "hot",
      when: { range: { measure: "temperature", max: 30 } },
      confirm: { at_least: 3, of: 3 },
    };
    writeFileSync(join(node.rules, "a.json"), JSON.stringify([silent, confirmed]));
    const args = ["run", "--source", "sqlite:field.db", "--data-dir", "memory"];
    const accepted = (n: number) => () =>
      json<{ buffer: { accepted: number } }>(node.cwd, "status", "--data-dir", "memory").buffer.accepted >= n;
    for (const [minute, temperature] of [
      [0, 31],
      [1, 31],
      [2, 31],
      [20, 31],
    ] as const) {
      const agent = new AgentProcess({ args, cwd: node.cwd, env: ENV });
      expect(await agent.says("running")).toBe(true);
      write(minute, temperature);
      const count = field.query<{ n: number }, []>("SELECT count(*) AS n FROM sensor_readings").get()!.n;
      for (const giveUp = performance.now() + ENOUGH_MS; !accepted(count)() && performance.now() < giveUp; )
        await Bun.sleep(50);
      if (minute === 20) {
        const found = await status(
          node.cwd,
          ({ silent_sensors: who }) => who[0]?.since?.includes("T00:20") === true,
          "memory",
        );
        expect(found.silent_sensors).toEqual([{ rule: "silent", sensor_id: "s1", since: "2026-01-01T00:20:00.000Z" }]);
      }
      agent.kill("SIGKILL");
      await agent.ended;
    }
    field.close();
    const db = new Database(join(node.cwd, "memory/buffer.db"), { readonly: true });
    const found = db
      .query<{ seq: number; findings: string }, []>("SELECT seq, findings FROM finding ORDER BY seq")
      .all();
    db.close();
    const rulesBroken = found.map(({ seq, findings }) => [
      seq,
      (JSON.parse(findings) as { rule: string }[]).map((f) => f.rule),
    ]);
    // Each life saw one reading: only memory shows the third hot one in a row, and the silence before the fourth.
    expect(rulesBroken).toEqual([
      [3, ["hot"]],
      [4, ["hot", "silent"]],
    ]);
  },
  600_000,
);
