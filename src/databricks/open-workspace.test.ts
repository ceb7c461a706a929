/** Where the workspace is and who we are there: the settings, and a profile of the Databricks CLI. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../core/errors.ts";
import { resolveSettings } from "../core/settings/settings.ts";
import { openWorkspace } from "./open-workspace.ts";

const HOME = mkdtempSync(join(tmpdir(), "agent-home-"));
afterAll(() => rmSync(HOME, { recursive: true }));
writeFileSync(
  join(HOME, ".databrickscfg"),
  "[DEFAULT]\nhost = https://a.cloud.databricks.com\ntoken = dapi-profile\n[sp]\nhost = https://b.cloud.databricks.com\nclient_id = id\nclient_secret = s\n",
);

/** The Authorization headers that a call ends up with, and where it goes. */
async function sentWith(env: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const sent: string[] = [];
  const { workspace } = openWorkspace({
    settings: resolveSettings({ env }),
    home: HOME,
    fetch: async (url, init) => {
      sent.push(`${url} ${new Headers(init.headers).get("authorization")}`);
      return Response.json({ access_token: "fetched", expires_in: 3_600 }) as unknown as Response;
    },
  });
  const pace = { stop: new AbortController().signal, wait: async () => undefined, now: () => 0, tell: () => undefined };
  await workspace.request({ doing: "ask", method: "GET", path: ["x"] }, pace);
  return sent;
}

const refused = (env: Readonly<Record<string, string>>) => {
  try {
    openWorkspace({ settings: resolveSettings({ env }), home: HOME });
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return "opened";
};

test("a profile gives host and credentials, and what the settings say goes first", async () => {
  expect(await sentWith({ DATABRICKS_CONFIG_PROFILE: "DEFAULT" })).toEqual([
    "https://a.cloud.databricks.com/x Bearer dapi-profile",
  ]);
  const basic = `Basic ${Buffer.from("id:s").toString("base64")}`;
  expect(await sentWith({ DATABRICKS_CONFIG_PROFILE: "sp" })).toEqual([
    `https://b.cloud.databricks.com/oidc/v1/token ${basic}`,
    "https://b.cloud.databricks.com/x Bearer fetched",
  ]);
  expect(await sentWith({ DATABRICKS_CONFIG_PROFILE: "sp", DATABRICKS_TOKEN: "dapi-mine" })).toEqual([
    "https://b.cloud.databricks.com/x Bearer dapi-mine",
  ]);
  expect(await sentWith({ DATABRICKS_HOST: "c.cloud.databricks.com", DATABRICKS_TOKEN: "dapi-mine" })).toEqual([
    "https://c.cloud.databricks.com/x Bearer dapi-mine",
  ]);
});

// In a process of its own: to read a pipe that has no writer would block this one for ever.
test.skipIf(process.platform === "win32")(
  "a profile file that is a named pipe or a folder is refused without waiting",
  () => {
    const script = `
    const { openWorkspace } = require("${join(import.meta.dir, "open-workspace.ts")}");
    const { resolveSettings } = require("${join(import.meta.dir, "../core/settings/settings.ts")}");
    const settings = resolveSettings({ env: { DATABRICKS_CONFIG_PROFILE: "DEFAULT" } });
    try { openWorkspace({ settings, home: process.argv.at(-1) }) } catch (error) { console.log(error.message) }`;
    const openIn = (home: string) => {
      const { exitCode, stdout } = Bun.spawnSync([process.execPath, "-e", script, home], { timeout: 4_000 });
      return [exitCode, stdout.toString().trim()];
    };
    for (const [command, why] of [
      ["mkfifo", "it is a named pipe, not a file"],
      ["mkdir", "it is a folder, not a file"],
    ] as const) {
      const home = mkdtempSync(join(HOME, "other-"));
      const path = join(home, ".databrickscfg");
      expect(Bun.spawnSync([command, path]).exitCode).toBe(0);
      expect(openIn(home)).toEqual([
        0,
        `Cannot use DATABRICKS_CONFIG_PROFILE "DEFAULT": cannot read "${path}": ${why}`,
      ]);
    }
  },
);

test("what is missing or said twice is reported by its name", () => {
  const host = { DATABRICKS_HOST: "https://a.cloud.databricks.com" };
  expect(refused({})).toBe("Cannot reach Databricks: DATABRICKS_HOST is not set");
  expect(refused(host)).toBe("Cannot log in to Databricks: DATABRICKS_TOKEN is not set");
  expect(refused({ ...host, DATABRICKS_CLIENT_ID: "i" })).toContain("DATABRICKS_CLIENT_SECRET is not set");
  expect(refused({ ...host, DATABRICKS_CLIENT_SECRET: "s" })).toContain("DATABRICKS_CLIENT_ID is not set");
  expect(refused({ DATABRICKS_CONFIG_PROFILE: "none" })).toBe(
    `Cannot use DATABRICKS_CONFIG_PROFILE "none": "${join(HOME, ".databrickscfg")}" has no such profile`,
  );
});
