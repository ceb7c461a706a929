import { expect, test } from "bun:test";
import { resolveSettings } from "../../core/settings/settings.ts";
import { wireSettings } from "./routes.ts";

const settings = resolveSettings({
  flags: { store: "dir:./here" },
  env: { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "hush-hush-hush", AGENT_BATCH_ROWS: "7" },
  dotenv: { AGENT_SOURCE: "mqtt://reader:pass-word@broker/a", AGENT_KEEP: "3d" },
});
const sent = wireSettings(settings);
const one = (name: string) => sent.find((setting) => setting.name === name);

test("every setting is sent with its value, where it came from, its default and its meaning", () => {
  expect(one("AGENT_STORE")).toMatchObject({ value: "dir:./here", from: "flag", fallback: "dir:./lake" });
  expect(one("AGENT_BATCH_ROWS")).toMatchObject({ value: "7", from: "environment" });
  expect(one("AGENT_KEEP")).toMatchObject({ value: "3d", from: ".env", isSecret: false });
  expect(one("AGENT_COMMIT_MS")).toMatchObject({ from: "default", about: expect.stringMatching(/\w/) });
  expect(one("AGENT_MAP")).toMatchObject({ value: null, fallback: null });
});

test("no secret and no password leaves the agent", () => {
  expect(one("AWS_SECRET_ACCESS_KEY")).toMatchObject({ value: "set", isSecret: true });
  expect(JSON.stringify(sent)).not.toMatch(/hush|pass-word/);
});

test("a value that a command chose is not said to be the default", () => {
  const ofDemo = wireSettings(Object.assign({}, settings, { windowMs: 5_000 }));
  expect(ofDemo.find(({ name }) => name === "AGENT_WINDOW_MS")).toMatchObject({ value: "5s", from: "the command" });
});
