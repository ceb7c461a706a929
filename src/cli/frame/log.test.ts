import { expect, test } from "bun:test";
import { resolveSettings } from "../../core/settings/settings.ts";
import { openLog } from "./log.ts";

async function said(env: Record<string, string>): Promise<string[]> {
  const lines: string[] = [];
  const log = await openLog({
    settings: resolveSettings({ env }),
    env,
    cwd: "/nowhere",
    write: async () => undefined,
    say: (line) => void lines.push(line),
    terminal: false,
    typed: "agent",
    stop: new AbortController().signal,
  });
  log.debug("quiet", "Not at this level");
  log.warn("store_down", "Cannot reach the store with dapi-hidden", { tries: 2 });
  return lines;
}

test("without a terminal the log is lines of text, from the level of AGENT_LOG, without secrets", async () => {
  const lines = await said({ DATABRICKS_TOKEN: "dapi-hidden" });
  expect(lines).toEqual([
    expect.stringMatching(/^\S+Z WARN {2}store_down: Cannot reach the store with \*\*\* \(tries=2\)$/),
  ]);
  expect(await said({ AGENT_LOG: "debug" })).toHaveLength(2);
});

test("AGENT_LOG_FORMAT=json makes each line one JSON value", async () => {
  const [line] = await said({ AGENT_LOG_FORMAT: "json", DATABRICKS_TOKEN: "dapi-hidden" });
  expect(JSON.parse(line!)).toMatchObject({ level: "warn", code: "store_down", tries: 2 });
  expect(line).not.toContain("hidden");
});
