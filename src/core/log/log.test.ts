import { expect, test } from "bun:test";
import fc from "fast-check";
import { jsonLine, type Level, type LogEntry, makeLog, oneLine, textLine } from "./log.ts";
import { redactor } from "./redact.ts";

function logged(least: Level, secrets: readonly string[] = []) {
  const entries: LogEntry[] = [];
  return {
    entries,
    log: makeLog({ least, secrets, now: () => 1_795_420_800_000, write: (entry) => entries.push(entry) }),
  };
}

test("entries below the least level are not written", () => {
  const { entries, log } = logged("warn");
  log.debug("a", "A");
  log.info("b", "B");
  log.warn("c", "C");
  log.error("d", "D");
  expect(entries.map((entry) => entry.code)).toEqual(["c", "d"]);
});

test("a line of text has time, level, code, message and fields", () => {
  const { entries, log } = logged("info");
  log.warn("store_down", "Cannot reach the store: refused", { store: "s3:", tries: 3, next: undefined });
  expect(entries.map(textLine)).toEqual([
    '2026-11-23T08:00:00.000Z WARN  store_down: Cannot reach the store: refused (store="s3:", tries=3)',
  ]);
});

test("a JSON line is one object, and no field can replace its fixed names", () => {
  const { entries, log } = logged("info");
  log.info("up", "The store is back", { code: "forged", after: 2 });
  expect(JSON.parse(jsonLine(entries[0]!))).toEqual({
    time: "2026-11-23T08:00:00.000Z",
    level: "info",
    code: "up",
    message: "The store is back",
    after: 2,
  });
});

test("no secret is printed, in a message or a field, plain, in a URL or as Base64", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 8 }).filter((text) => /[a-z]/.test(text) && text.trim() === text),
      (secret) => {
        const { entries, log } = logged("info", [secret, secret.slice(0, 4)]);
        const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64")];
        log.error("code", `Denied for ${forms.join(" and ")}`, { url: `https://x/?token=${forms[1]}` });
        const { message, fields } = entries[0]!;
        for (const form of forms) expect(message + JSON.stringify(fields)).not.toContain(form);
      },
    ),
  );
});

test("a very short secret, such as that of a test server, is not hidden: text stays readable", () => {
  expect(redactor(["a", "test"])("Cannot apply the plan: the latest test failed")).toBe(
    "Cannot apply the plan: the latest test failed",
  );
});

test("a password in a URI is hidden, its user is not", () => {
  expect(redactor([])("Cannot reach mqtt://me:secret@broker:1883/t: refused")).toBe(
    "Cannot reach mqtt://me:***@broker:1883/t: refused",
  );
});

test("the value of a secret parameter of a URI is hidden, whichever part knows the parameter, and the others are not", () => {
  for (const [text, hidden] of [
    ['Cannot use "sqlite:a.db?password=hunter2": no', 'Cannot use "sqlite:a.db?password=***": no'],
    ['Cannot use "simulator:password=hunter2": no', 'Cannot use "simulator:password=***": no'],
    ['Cannot read "x.db;password=hunter2": no', 'Cannot read "x.db;password=***": no'],
    ['"sqlite:x.db?password%3Dhunter2": no "password=hunter2"', '"sqlite:x.db?password%3D***": no "password=***"'],
    ['the rule "token-bucket": tokens=5; secrets: none', 'the rule "token-bucket": tokens=5; secrets: none'],
    [
      "agent run --source 'sqlite:a.db?table=t&pasword=hunter2'",
      "agent run --source 'sqlite:a.db?table=t&pasword=***'",
    ],
    ["mqtt://h/t?client=a&PASSWD=hunter2&qos=1", "mqtt://h/t?client=a&PASSWD=***&qos=1"],
    ["https://h/x?api_key=hunter2, then", "https://h/x?api_key=***, then"],
    ["https://h/x?key=hunter2", "https://h/x?key=***"],
    [
      "taking sqlite:/a/h.db?table=v&key=id, http://h/x?key=hunter2",
      "taking sqlite:/a/h.db?table=v&key=id, http://h/x?key=***",
    ],
    ["s3:?secretAccessKey=hunter2", "s3:?secretAccessKey=***"],
    ["http://h/?sas-token=hunter2", "http://h/?sas-token=***"],
    ["http://h/?X-Amz-Signature=hunter2", "http://h/?X-Amz-Signature=***"],
    ["sqlite:a.db?table=passengers&keyboard=1", "sqlite:a.db?table=passengers&keyboard=1"],
  ] as const) {
    expect([text, redactor([])(text)]).toEqual([text, hidden]);
  }
});

test("text from outside cannot forge a line or colour a terminal", () => {
  expect(oneLine("a\nWARN b\u001b[31m\u0000\u009b")).toBe("a\\nWARN b?[31m??");
  expect(oneLine("live\u202eRTL\u2066\u2069\u200f\u2028é")).toBe("live?RTL????é");
});
