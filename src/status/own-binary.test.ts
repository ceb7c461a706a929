import { afterAll, expect, test } from "bun:test";
import {
  appendFileSync,
  copyFileSync,
  linkSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeLog, textLine } from "../core/log/log.ts";
import { resolveSettings } from "../core/settings/settings.ts";
import { OwnBinary, ownPath } from "./own-binary.ts";

const HOME = mkdtempSync(join(tmpdir(), "own-binary-"));
afterAll(() => rmSync(HOME, { recursive: true }));

/** A binary that is running, beside which a test puts others. `answers`: what each file says to `--version`. */
function running(env: Readonly<Record<string, string>> = { AGENT_EXIT_WHEN_REPLACED: "on" }, name = "agent") {
  const dir = mkdtempSync(join(HOME, "case-"));
  const path = join(dir, name);
  writeFileSync(path, "first");
  const said: string[] = [];
  const log = makeLog({
    least: "debug",
    secrets: [],
    now: () => 0,
    write: (entry) => void said.push(textLine(entry).slice("1970-01-01T00:00:00.000Z ".length)),
  });
  let nowMs = 0;
  let answer: { version: string } | { refused: string } = { version: "agent 2.0.0" };
  let asked = 0;
  const binary = new OwnBinary(resolveSettings({ env }), log, {
    path,
    running: () => nowMs,
    ask: async () => {
      asked++;
      return answer;
    },
  });
  const replaced = binary.watch();
  const look = async (times = 1) => {
    for (let looks = 0; looks < times; looks++) {
      nowMs += 1_000;
      await binary.look();
    }
    return replaced.aborted;
  };
  const answers = (next: typeof answer) => {
    answer = next;
  };
  return { dir, path, binary, look, said, answers, asked: () => asked };
}

test("a file that was renamed into place ends the agent once, with a line in the log", async () => {
  const { dir, path, look, said } = running();
  expect(await look(3)).toBe(false);
  writeFileSync(join(dir, "new"), "second");
  renameSync(join(dir, "new"), path);
  expect([await look(1), await look(1)]).toEqual([false, true]);
  await look(2);
  expect(said).toEqual([
    `INFO  binary_replaced: "${path}" is another binary now, agent 2.0.0: this one ends in order, so that the other can be started`,
  ]);
});

test("hard links to the running binary, a missing file and its return are no other binary", async () => {
  const { dir, path, look, asked } = running();
  linkSync(path, join(dir, "agent.previous"));
  expect(await look(3)).toBe(false);
  rmSync(path);
  expect(await look(3)).toBe(false);
  linkSync(join(dir, "agent.previous"), path);
  expect([await look(3), asked()]).toEqual([false, 0]);
});

test("a file that still grows is left alone until it is whole", async () => {
  const { path, look, asked } = running();
  rmSync(path);
  writeFileSync(path, "half");
  for (let part = 0; part < 10; part++) {
    expect(await look()).toBe(false);
    appendFileSync(path, "more");
  }
  expect(asked()).toBe(0);
  expect([await look(1), await look(1)]).toEqual([false, true]);
});

test("a binary that does not start is reported and not waited for; a whole one that follows is taken", async () => {
  const { path, binary, look, answers, said, asked } = running();
  rmSync(path);
  writeFileSync(path, "half");
  answers({ refused: "it ended with signal SIGBUS" });
  expect(await look(5)).toBe(false);
  expect(asked()).toBe(1);
  const message = `"${path}" is another binary that does not start (it ended with signal SIGBUS). The agent continues with the one that it was started from`;
  expect(binary.problems()).toEqual([{ code: "binary_unusable", message, try: `${path} --version` }]);
  expect(said).toEqual([`WARN  binary_unusable: ${message} (try="${path} --version")`]);
  // What it needed may be back: it is asked again, but not often.
  expect([await look(70), asked(), said.length]).toEqual([false, 2, 1]);
  answers({ version: "agent 2.0.0" });
  copyFileSync(process.execPath, path);
  expect([await look(1), await look(1), binary.problems()]).toEqual([false, true, []]);
});

test("a binary that is put back is no problem any more", async () => {
  const { dir, path, binary, look, answers } = running();
  linkSync(path, join(dir, "agent.previous"));
  rmSync(path);
  writeFileSync(path, "bad");
  answers({ refused: "no such file" });
  await look(3);
  expect(binary.problems()).toHaveLength(1);
  renameSync(join(dir, "agent.previous"), path);
  expect([await look(1), binary.problems()]).toEqual([false, []]);
});

test("without the setting nothing is watched", async () => {
  const { path, look, asked } = running({});
  rmSync(path);
  writeFileSync(path, "second");
  expect([await look(5), asked()]).toEqual([false, 0]);
});

test("a link that was switched to another binary counts: the path that was typed is watched", () => {
  const dir = mkdtempSync(join(HOME, "link-"));
  writeFileSync(join(dir, "agent-1"), "first");
  symlinkSync("agent-1", join(dir, "agent"));
  const started = { argv0: "./agent", execPath: join(dir, "agent-1"), cwd: dir };
  expect(ownPath(started)).toBe(join(dir, "agent"));
  expect(ownPath({ ...started, argv0: "agent" })).toBe(join(dir, "agent-1"));
  expect(ownPath({ ...started, argv0: "/no/such/agent" })).toBe(join(dir, "agent-1"));
  expect(ownPath({ ...started, argv0: "agent", execPath: "/opt/agent/agent (deleted)" })).toBe("/opt/agent/agent");
});

test("a binary that was rolled back is a problem as long as the start says so", () => {
  const { binary, path } = running({ AGENT_ROLLED_BACK_FROM: "agent 3.0.0" });
  expect(binary.problems()).toEqual([
    {
      code: "binary_rolled_back",
      message:
        "The binary that replaced this one did not come up (agent 3.0.0), and this one was put back. It stays until another binary comes",
      try: `ls -l ${join(path, "..")}`,
    },
  ]);
});
