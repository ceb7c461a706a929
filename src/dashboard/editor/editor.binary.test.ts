/** The editor of rules over HTTP, of the compiled binary: who may ask, what is refused, and that a save is in force. */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENOUGH_MS } from "../../testing/agent-process.ts";
import { canRun, testWith } from "../../testing/needs.ts";
import { DashboardAgent } from "../../testing/page/dashboard-agent.ts";
import type {
  BacktestLine,
  RuleCheckRefusal,
  RuleConflict,
  RuleEditCheck,
  RuleFileText,
  RuleSaved,
  WireRules,
  WireRuleText,
} from "../rules-wire.ts";
import type { WireProblem } from "../wire.ts";

const binaryTest = testWith("binary");

const rule = (name: string, max: number, tests: unknown[] = []) =>
  `${JSON.stringify({ name, when: { range: { measure: "temperature", max } }, tests }, null, 2)}\n`;
/** Above what the simulator gives: it breaks no reading until a test changes it. */
const HIGH = 10_000;

let agent: DashboardAgent;
let token = "";
beforeAll(async () => {
  if (!canRun("binary")) return;
  agent = await DashboardAgent.start({ files: { "rules/a.json": rule("a", HIGH), "rules/b.json": rule("b", HIGH) } });
  token = new URL(await agent.addressWithToken()).hash.replace("#token=", "");
}, ENOUGH_MS);
afterAll(async () => agent?.close(), ENOUGH_MS);

const file = (name: string) => join(agent.folder, "rules", name);

async function ask<T>(method: "GET" | "POST" | "PUT", path: string, body: unknown = null, bearer = token) {
  const answer = await fetch(`${agent.address}api/rules${path}`, {
    method,
    body: body === null ? null : JSON.stringify(body),
    headers: bearer === "" ? {} : { authorization: `Bearer ${bearer}` },
  });
  return { status: answer.status, body: (await answer.json()) as T };
}

const versionOf = async (name: string) => (await ask<RuleFileText>("GET", `/file?name=${name}`)).body.version;
const rulesNow = async () => (await ask<WireRules>("GET", "")).body;

async function until<T>(look: () => Promise<T>, is: (value: T) => boolean): Promise<T> {
  for (const giveUp = performance.now() + ENOUGH_MS; ; await Bun.sleep(50)) {
    const value = await look();
    if (is(value) || performance.now() > giveUp) return value;
  }
}

binaryTest("the list says what is in force, from which file, and since when", async () => {
  const { body } = await ask<WireRules>("GET", "", null, "");
  expect(body).toMatchObject({ folder: "rules", files: ["a.json", "b.json"], refused: [], isHistoryCut: false });
  expect(body.rules.map(({ name, kind, file: from }) => [name, kind, from])).toEqual([
    ["a", "range", "a.json"],
    ["b", "range", "b.json"],
  ]);
  expect(body.history).toMatchObject([{ version: body.version, from: null, count: 2, added: ["a", "b"] }]);
  const { body: one } = await ask<WireRuleText>("GET", "/rule?name=a");
  expect(JSON.parse(one.text)).toMatchObject({ name: "a" });
  const seen = await until(
    async () => (await ask<WireRuleText>("GET", "/rule?name=a")).body.series,
    (series) => series.length === 4,
  );
  expect(seen[0]).toEqual({ key: expect.stringMatching(/\0temperature$/), unit: "°C" });
});

binaryTest("without the token, or with another one, nothing is read, checked or written", async () => {
  const body = { name: "a.json", text: rule("a", 1), version: await versionOf("a.json"), sinceMs: 0 };
  const { version: _, sinceMs: __, ...edit } = body;
  for (const bearer of ["", "wrong", `${token}x`]) {
    expect((await ask("GET", "/file?name=a.json", null, bearer)).status).toBe(401);
    expect((await ask("POST", "/check", edit, bearer)).status).toBe(401);
    expect((await ask("POST", "/backtest", { ...edit, sinceMs: 0 }, bearer)).status).toBe(401);
    expect((await ask("PUT", "/file", { ...edit, version: body.version }, bearer)).status).toBe(401);
  }
  expect(readFileSync(file("a.json"), "utf8")).toBe(rule("a", HIGH));
});

binaryTest("no name leads out of the folder, and no link is followed", async () => {
  const outside = join(agent.folder, "outside.json");
  writeFileSync(outside, rule("outside", 1));
  const names = ["../outside.json", outside, "..", "sub/a.json", "a.json\0", ".hidden.json", `${"a".repeat(252)}.json`];
  for (const name of names) {
    const save = await ask<WireProblem>("PUT", "/file", { name, text: rule("outside", 2), version: null });
    const read = await ask<WireProblem>("GET", `/file?name=${encodeURIComponent(name)}`);
    expect([name, save.status]).toEqual([name, 400]);
    expect([400, 404]).toContain(read.status);
    expect(JSON.stringify([save.body, read.body])).not.toContain("temperature");
  }
  expect(readFileSync(outside, "utf8")).toBe(rule("outside", 1));
  symlinkSync(outside, file("link.json"));
  try {
    const save = await ask<WireProblem>("PUT", "/file", { name: "link.json", text: rule("c", 2), version: null });
    expect([save.status, save.body.message]).toEqual([
      403,
      "Cannot edit rules/link.json here: it is a symbolic link, and no link is followed. Edit the file that it points to",
    ]);
    expect((await ask("GET", "/file?name=link.json")).status).toBe(403);
  } finally {
    rmSync(file("link.json"));
  }
  await until(rulesNow, ({ rules }) => rules.length === 2);
});

binaryTest("a body that is too large or not what is asked for is refused, and nothing changes", async () => {
  const large = "x".repeat(10 * 1024 * 1024);
  const answer = await fetch(`${agent.address}api/rules/file`, {
    method: "PUT",
    body: large,
    headers: { authorization: `Bearer ${token}` },
  }).catch(() => null);
  // The server may close the connection before all of it was sent.
  expect(answer === null || answer.status === 413).toBe(true);
  for (const body of [{}, { name: "a.json" }, { name: "a.json", text: 1, version: null }, [], "a"]) {
    expect((await ask("PUT", "/file", body)).status).toBe(400);
  }
  expect(readFileSync(file("a.json"), "utf8")).toBe(rule("a", HIGH));
});

binaryTest("a check says every problem with its line, runs the rules' tests, and writes nothing", async () => {
  const text = rule("a", 30, [{ reading: { temperature: 31 }, breaks: true }]);
  const good = await ask<RuleEditCheck>("POST", "/check", { name: "a.json", text });
  expect(good.body).toMatchObject({ outcome: "in-force", problems: [], rules: 2 });
  expect(good.body.tests).toMatchObject([{ rule: "a", cases: [{ readings: 1, problem: null }] }]);
  const wrong = await ask<RuleEditCheck>("POST", "/check", {
    name: "a.json",
    text: text.replace('"max"', '"maximum"'),
  });
  expect(wrong.body.outcome).toBe("refused");
  expect(wrong.body.problems).toMatchObject([
    { file: "rules/a.json", name: "a.json", line: 4, column: 14 },
    { file: "rules/a.json", name: "a.json", line: 6, column: 7 },
  ]);
  expect(readFileSync(file("a.json"), "utf8")).toBe(rule("a", HIGH));
});

binaryTest("a broken rule, or one whose test fails, is not written", async () => {
  const version = await versionOf("a.json");
  const fails = rule("a", 40, [{ reading: { temperature: 31 }, breaks: true }]);
  for (const text of ["{", fails]) {
    const save = await ask<RuleCheckRefusal>("PUT", "/file", { name: "a.json", text, version });
    expect([save.status, save.body.outcome, save.body.message]).toEqual([
      422,
      "refused",
      "Cannot save a.json: the check of its text failed",
    ]);
  }
  expect(readFileSync(file("a.json"), "utf8")).toBe(rule("a", HIGH));
});

binaryTest(
  "a save is in force when it is answered, judges what comes next, and is in the log and the history",
  async () => {
    const before = await rulesNow();
    const text = rule("a", -10_000);
    const version = await versionOf("a.json");
    const { status, body } = await ask<RuleSaved>("PUT", "/file", { name: "a.json", text, version });
    expect([status, body.isInForce, body.refused]).toEqual([200, true, []]);
    expect(readFileSync(file("a.json"), "utf8")).toBe(text);
    const after = await until(rulesNow, ({ rules }) => (rules.find(({ name }) => name === "a")?.broken ?? 0) > 0);
    expect(after.version).toBe(body.setVersion);
    expect(after.rules.find(({ name }) => name === "a")?.broken).toBeGreaterThan(0);
    expect(after.history[0]).toMatchObject({ version: after.version, from: before.version, changed: ["a"] });
    expect(agent.heard).toMatch(/rules_edited: rules\/a\.json was saved from the page \(from="127\.0\.0\.1"/);
    expect(agent.heard).not.toContain(token);

    // The text that the other editor began with is old now.
    const stale = await ask<RuleConflict>("PUT", "/file", { name: "a.json", text: rule("a", 5), version });
    expect([stale.status, stale.body.current]).toEqual([409, { name: "a.json", text, version: body.version }]);
    expect(readFileSync(file("a.json"), "utf8")).toBe(text);
  },
);

binaryTest("a file that another program writes meanwhile wins", async () => {
  const version = await versionOf("b.json");
  writeFileSync(file("b.json"), rule("b", 9_000));
  const save = await ask<RuleConflict>("PUT", "/file", { name: "b.json", text: rule("b", 8_000), version });
  expect([save.status, save.body.current?.text]).toEqual([409, rule("b", 9_000)]);
  rmSync(file("b.json"));
  const gone = await ask<RuleConflict>("PUT", "/file", { name: "b.json", text: rule("b", 8_000), version });
  expect([gone.status, gone.body.current, existsSync(file("b.json"))]).toEqual([409, null, false]);
  const made = await ask<RuleSaved>("PUT", "/file", { name: "b.json", text: rule("b", HIGH), version: null });
  expect([made.status, made.body.isInForce]).toEqual([200, true]);
});

binaryTest("of two broken files one can be repaired after the other", async () => {
  const good = [rule("a", HIGH), rule("b", HIGH)] as const;
  writeFileSync(file("a.json"), "{");
  writeFileSync(file("b.json"), "{");
  const refused = await until(rulesNow, (rules) => new Set(rules.refused.map(({ name }) => name)).size === 2);
  expect(refused.refused.map(({ name }) => name)).toEqual(["a.json", "b.json"]);
  const first = await ask<RuleSaved>("PUT", "/file", {
    name: "a.json",
    text: good[0],
    version: await versionOf("a.json"),
  });
  expect([first.status, first.body.isInForce, first.body.refused.map(({ name }) => name)]).toEqual([
    200,
    false,
    ["b.json"],
  ]);
  const second = await ask<RuleSaved>("PUT", "/file", {
    name: "b.json",
    text: good[1],
    version: await versionOf("b.json"),
  });
  expect([second.status, second.body.isInForce]).toEqual([200, true]);
});

binaryTest("a backtest streams its progress, says what would change, and ends with its client", async () => {
  await until(rulesNow, ({ rules }) => (rules[0]?.readings ?? 0) > 100);
  const run = async (text: string) => {
    const answer = await fetch(`${agent.address}api/rules/backtest`, {
      method: "POST",
      body: JSON.stringify({ name: "b.json", text, sinceMs: 0 }),
      headers: { authorization: `Bearer ${token}` },
    });
    expect(answer.status).toBe(200);
    const lines = (await answer.text())
      .trim()
      .split("\n")
      .map((line): BacktestLine => JSON.parse(line));
    const last = lines.at(-1)!;
    if (!("result" in last)) throw new Error(JSON.stringify(last));
    expect("progress" in lines[0]!).toBe(true);
    return last.result;
  };
  const same = await run(rule("b", HIGH));
  expect(same.rules.find(({ name }) => name === "b")).toMatchObject({
    change: "same",
    would: 0,
    did: 0,
    isEdited: true,
  });
  const low = await run(rule("b", -10_000));
  const b = low.rules.find(({ name }) => name === "b")!;
  expect(b).toMatchObject({ change: "changed", did: 0, isEdited: true });
  expect(b.would).toBeGreaterThan(100);
  expect(b.onlyWould).toBe(b.would);
  expect(low.marks.length).toBe(Math.min(500, b.would));
  expect(low.marks[0]).toMatchObject({ rule: "b", measure: "temperature", which: "new" });
  const renamed = await run(rule("c", HIGH));
  expect(renamed.rules.map(({ name, change }) => [name, change])).toContainEqual(["c", "new"]);
  expect(renamed.rules.map(({ name, change }) => [name, change])).toContainEqual(["b", "removed"]);

  const refused = await ask("POST", "/backtest", { name: "b.json", text: "{", sinceMs: 0 });
  expect(refused.status).toBe(422);

  // One that its client left does not keep the next one waiting.
  const leave = new AbortController();
  const left = fetch(`${agent.address}api/rules/backtest`, {
    method: "POST",
    body: JSON.stringify({ name: "b.json", text: rule("b", 1), sinceMs: 0 }),
    headers: { authorization: `Bearer ${token}` },
    signal: leave.signal,
  });
  await left;
  leave.abort();
  const next = await until(
    () => run(rule("b", HIGH)).catch(() => null),
    (result) => result !== null,
  );
  expect(next).not.toBeNull();
});

binaryTest("where the rules are those in the binary, it says how to write them to files", async () => {
  const bare = await DashboardAgent.start();
  try {
    const secret = new URL(await bare.addressWithToken()).hash.replace("#token=", "");
    const answer = await fetch(`${bare.address}api/rules/check`, {
      method: "POST",
      body: JSON.stringify({ name: "a.json", text: rule("a", 1) }),
      headers: { authorization: `Bearer ${secret}` },
    });
    expect(answer.status).toBe(409);
    expect(await answer.json()).toMatchObject({ try: "agent rules init rules" });
    const rules = (await (await fetch(`${bare.address}api/rules`)).json()) as WireRules;
    expect(rules.folder).toBeNull();
    expect(rules.rules.length).toBeGreaterThan(10);
    expect(rules.rules.every(({ file: from }) => from === null)).toBe(true);
  } finally {
    await bare.close();
  }
});

binaryTest("an agent that waits for its first good rules shows what is wrong, and the editor repairs it", async () => {
  const secret = "a-token-of-the-settings";
  const waits = await DashboardAgent.start({
    files: { "rules/a.json": "{" },
    env: { AGENT_DASHBOARD_TOKEN: secret },
  });
  try {
    const headers = { authorization: `Bearer ${secret}` };
    const rules = async () => (await (await fetch(`${waits.address}api/rules`)).json()) as WireRules;
    expect(await rules()).toMatchObject({
      version: null,
      rules: [],
      refused: [{ name: "a.json", line: 1, column: 2 }],
    });
    const { version } = (await (
      await fetch(`${waits.address}api/rules/file?name=a.json`, { headers })
    ).json()) as RuleFileText;
    const save = await fetch(`${waits.address}api/rules/file`, {
      method: "PUT",
      body: JSON.stringify({ name: "a.json", text: rule("a", HIGH), version }),
      headers,
    });
    expect(save.status).toBe(200);
    const after = await until(rules, (one) => one.version !== null);
    expect(after.rules.map(({ name }) => name)).toEqual(["a"]);
  } finally {
    await waits.close();
  }
});
