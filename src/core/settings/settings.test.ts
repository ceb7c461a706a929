import { expect, test } from "bun:test";
import fc from "fast-check";
import { cases } from "../../testing/needs.ts";
import { UsageError } from "../errors.ts";
import { STAGES } from "../stage.ts";
import type { Setting } from "./entry.ts";
import {
  checkSettings,
  formatSetting,
  resolveSettings,
  SETTING_NAMES,
  type SettingName,
  secretsOf,
} from "./settings.ts";
import { SETTINGS } from "./table.ts";

const problemsOf = (env: Record<string, string>) => checkSettings({ env }).problems;

test("a property is named like its variable, without AGENT_", () => {
  for (const name of SETTING_NAMES) {
    const words = SETTINGS[name].env.replace(/^AGENT_/, "").toLowerCase();
    // AGENT_RULES_DIR and the like stay whole: nothing is abbreviated on the way.
    expect(words.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())).toBe(name);
  }
});

test("every default is accepted by its own limits and reads back as itself", () => {
  const defaults = resolveSettings({});
  for (const name of SETTING_NAMES) {
    expect([name, defaults.origins[name]]).toEqual([name, "default"]);
    const text = formatSetting(defaults, name);
    if (text === "") continue;
    expect(resolveSettings({ env: { [SETTINGS[name].env]: text, ...pairOf(name) } })[name]).toEqual(defaults[name]);
  }
});

test("a bare number is milliseconds for names that say so, and no duration for the others", () => {
  for (const name of SETTING_NAMES) {
    const { env, kind } = SETTINGS[name] as Setting<unknown>;
    if (!kind.hint.startsWith("DURATION")) continue;
    const bare = "problem" in kind.parse(["1500"]);
    expect([env, bare]).toEqual([env, !env.endsWith("_MS")]);
  }
  expect(checkSettings({ flags: { drain: "30" } }).problems).toEqual([
    'Cannot use --drain "30" (flag): it has no unit; did you mean 30s?',
  ]);
});

/** Values of each setting, as text that its kind accepts. */
const texts: Record<SettingName, fc.Arbitrary<string>> = Object.fromEntries(
  SETTING_NAMES.map((name) => [name, textFor(SETTINGS[name])]),
) as Record<SettingName, fc.Arbitrary<string>>;

function textFor(setting: Setting<unknown>): fc.Arbitrary<string> {
  const { kind } = setting;
  const anything = fc.oneof(
    fc.integer({ min: 0, max: 1e15 }).map(String),
    fc
      .tuple(fc.nat(5_000), fc.constantFrom("ms", "s", "m", "h", "d", "KiB", "MiB", "GiB"))
      .map(([n, unit]) => `${n}${unit}`),
    fc.constantFrom("forever", "off", "127.0.0.1:8080", "[::1]:0", "s3:", "dir:/a b", "us-east-1", "https://x.example"),
    fc.constantFrom(
      "123456789012",
      "arn:aws:kms:us-west-2:123456789012:key/a-1",
      "team=ops,cost-center=4 2",
      "*",
      "a,B.c",
      "m5d.large",
      "2000-01-01",
      "2024-06-30T12:00:00Z",
      "7.5%",
      "100%",
    ),
    fc.constantFrom(...kind.hint.split("|"), "simulator:", "sqlite:a b.db?table=x stdin:"),
    fc.subarray([...STAGES], { minLength: 1 }).map((names) => names.join(",")),
    fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/),
  );
  return anything.filter((text) => "value" in kind.parse([text]));
}

function pairOf(name: SettingName): Record<string, string> {
  if (name === "awsAccessKeyId") return { AWS_SECRET_ACCESS_KEY: "other" };
  return name === "awsSecretAccessKey" ? { AWS_ACCESS_KEY_ID: "other" } : {};
}

test("any accepted value is written as text that reads back as the same value", () => {
  const any = fc.constantFrom(...SETTING_NAMES).chain((name) => texts[name].map((text) => [name, text] as const));
  fc.assert(
    fc.property(any, ([name, text]) => {
      const { env } = SETTINGS[name];
      const first = checkSettings({ env: { [env]: text } }).settings;
      const again = checkSettings({ env: { [env]: formatSetting(first, name) } });
      expect(again.settings[name]).toEqual(first[name]);
      expect(first.origins[name]).toBe("environment");
    }),
    { numRuns: cases(2_000) },
  );
});

test("a flag wins over the environment, the environment over .env, .env over the default, and each says so", () => {
  const layers = {
    flags: { store: "dir:flag" },
    env: { AGENT_STORE: "dir:env" },
    dotenv: { AGENT_STORE: "dir:dotenv" },
  };
  const seen = [layers, { ...layers, flags: {} }, { dotenv: layers.dotenv }, {}].map((from) => {
    const settings = resolveSettings(from);
    return [settings.store, settings.origins.store];
  });
  expect(seen).toEqual([
    ["dir:flag", "flag"],
    ["dir:env", "environment"],
    ["dir:dotenv", ".env"],
    ["dir:./lake", "default"],
  ]);
});

test("an empty variable counts as not set, and zero is a value", () => {
  const settings = resolveSettings({ env: { AGENT_STORE: "", AGENT_KEEP: "0" }, dotenv: { AGENT_STORE: "dir:there" } });
  expect([settings.store, settings.keep]).toEqual(["dir:there", 0]);
});

test("every problem is reported at once, with its name, its value and the expected form", () => {
  const call = () =>
    resolveSettings({
      flags: { store: "gs:x" },
      env: { AGENT_COMMIT_MS: "5ms", AGENT_STAGES: "raw,row", AGENT_GZIP_LEVEL: "3.5" },
      dotenv: { AGENT_BATCH_ROW: "1" },
    });
  expect(call).toThrow(UsageError);
  expect(call).toThrow(
    [
      'Cannot use --store "gs:x" (flag): expected dir:PATH or s3:',
      'Cannot use AGENT_STAGES "raw,row" (environment): expected some of raw,validated,anomalies,schematized,aggregated',
      'Cannot use AGENT_COMMIT_MS "5ms" (environment): expected a duration from 10ms to 60s, such as 250ms, 30s, 5m, 24h or 7d',
      'Cannot use AGENT_GZIP_LEVEL "3.5" (environment): expected auto, or a whole number from 1 to 9',
      "Cannot use AGENT_BATCH_ROW (.env): there is no such setting; did you mean AGENT_BATCH_ROWS?",
    ].join("\n"),
  );
});

test("a problem of .env says in which line it is", () => {
  const dotenv = { AGENT_LOG: "loud", AGENT_BATCH_ROW: "1", AWS_DEFAULT_REGION: "moon" };
  const dotenvLines = { AGENT_LOG: 3, AGENT_BATCH_ROW: 4, AWS_DEFAULT_REGION: 9 };
  const { problems, lasting } = checkSettings({ flags: { drain: "30" }, dotenv, dotenvLines });
  expect(problems).toHaveLength(4);
  expect(lasting.map((problem) => /\((.*?)\)/.exec(problem)?.[1])).toEqual([
    ".env:3",
    ".env:4",
    ".env:9 (AWS_DEFAULT_REGION",
  ]);
});

test("a secret is never in a problem's text, nor a password of a URI", () => {
  const [secret] = problemsOf({ DATABRICKS_TOKEN: "dapi\nhidden" });
  expect(secret).toBe("Cannot use DATABRICKS_TOKEN (environment): expected text on one line");
  const [uri] = problemsOf({ AGENT_SOURCE: "mqtt://u:hidden@h/t mqtt://u:hidden@h/t" });
  expect(uri).toContain("u:***@h");
  expect(uri).not.toContain("hidden");
});

test("sources are separated by spaces, and a path may hold spaces", () => {
  const { source } = resolveSettings({ env: { AGENT_SOURCE: "simulator:?seed=1  sqlite:/my files/a.db stdin:" } });
  expect(source).toEqual(["simulator:?seed=1", "sqlite:/my files/a.db", "stdin:"]);
  const repeated = resolveSettings({ flags: { source: ["stdin:", "sqlite:b c.db"] } });
  expect(repeated.source).toEqual(["stdin:", "sqlite:b c.db"]);
});

test("a source or store without its colon is refused with the probable meaning", () => {
  const problemOf = (flags: Record<string, string>) => checkSettings({ flags }).problems[0]?.replace(/^.*\): /, "");
  const uris = "expected URIs such as simulator: or sqlite:field.db";
  expect(problemOf({ source: "stdin" })).toBe(`${uris}; did you mean stdin:?`);
  expect(problemOf({ source: "my/field.db" })).toBe(`${uris}; did you mean sqlite:my/field.db?`);
  expect(problemOf({ source: "data/*.csv" })).toBe(`${uris}; did you mean file:data/*.csv?`);
  expect(problemOf({ source: "what" })).toBe(uris);
  expect(problemOf({ store: "lake" })).toBe("expected dir:PATH or s3:; did you mean dir:lake?");
  expect(problemOf({ store: "s3://bucket/x" })).toContain("expected s3: alone");
  expect(problemOf({ store: "gs:x" })).toBe("expected dir:PATH or s3:");
});

test("a flag that takes one value refuses two", () => {
  const { problems } = checkSettings({ flags: { store: ["s3:", "dir:x"] } });
  expect(problems).toEqual(['Cannot use --store "s3: dir:x" (flag): given 2 times, expected once']);
});

test("stages come in the order of the pipeline, whatever the order they were given in", () => {
  expect(resolveSettings({ env: { AGENT_STAGES: "aggregated, raw" } }).stages).toEqual(["raw", "aggregated"]);
});

test("half a pair of keys and a bucket name that S3 would refuse are found before anything starts", () => {
  const long = {
    AGENT_STORE: "s3:",
    S3_BUCKET_PREFIX: "p".repeat(31),
    AWS_REGION: "r".repeat(15),
    AWS_ENDPOINT_URL_S3: "http://127.0.0.1:1",
    AWS_ACCESS_KEY_ID: "AKIA",
  };
  expect(problemsOf(long)).toHaveLength(2);
  expect(problemsOf({ ...long, AGENT_STORE: "dir:x" })).toEqual([]);
  // In every region of AWS (the longest name has 14 characters) a prefix of 31 fits, and a longer one is refused at once.
  expect(problemsOf({ ...long, AWS_REGION: "ap-northeast-1", AWS_SECRET_ACCESS_KEY: "s" })).toEqual([]);
  for (const prefix of ["p".repeat(32), "acme-", "-acme", "ac.me", "Acme", "xn--acme"]) {
    expect(problemsOf({ S3_BUCKET_PREFIX: prefix })).toHaveLength(1);
  }
});

test("all secrets are known to the code that hides them", () => {
  const env = { AWS_SECRET_ACCESS_KEY: "s1", AWS_ACCESS_KEY_ID: "s0", AWS_SESSION_TOKEN: "s2", DATABRICKS_TOKEN: "s3" };
  expect(secretsOf(resolveSettings({ env }))).toEqual(["s0", "s1", "s2", "s3"]);
});

test("where to listen is an address and a port, and a refusal names the probable meaning", () => {
  const listen = (text: string) => SETTINGS.dashboard.kind.parse([text]);
  for (const text of ["127.0.0.1:8080", "localhost:0", "[::1]:65535", "0.0.0.0:1"]) {
    expect([text, listen(text)]).toEqual([text, { value: expect.objectContaining({ port: expect.any(Number) }) }]);
  }
  for (const [text, problem] of [
    ["8080", /did you mean 127.0.0.1:8080\?$/],
    [":8080", /did you mean 127.0.0.1:8080\?$/],
    ["http://localhost:8080/", /did you mean localhost:8080\?$/],
    ["127.0.0.1:65536", /^a port is at most 65535$/],
    ["256.0.0.1:80", /^expected an address of this machine or localhost, not "256.0.0.1"$/],
    ["node.example:80", /not "node.example"$/],
    ["[::1::]:80", /not "\[::1::\]"$/],
    ["localhost", /^expected HOST:PORT, such as 127.0.0.1:8080, or off$/],
    ["on", /^expected HOST:PORT/],
  ] as const) {
    expect([text, listen(text)]).toEqual([text, { problem: expect.stringMatching(problem) }]);
  }
});
