/** Answers against their shapes: fields that are ignored, and how a message names the wrong one. */
import { expect, test } from "bun:test";
import { AgentError } from "../core/errors.ts";
import { answerOrNull, pagesOf, readAnswer, readPage, type Shape } from "./answer.ts";
import { idNumber, parseJson } from "./json.ts";
import { Id, Text, type } from "./shapes/ark.ts";
import { Job, Run } from "./shapes/jobs.ts";
import { Assignment, Location, Table } from "./shapes/securables.ts";
import { Statement } from "./shapes/statements.ts";

const START = "Cannot read it: the answer has another form than this agent knows: ";

function wrong(shape: Shape, body: unknown): string {
  try {
    readAnswer(shape, body, "read it");
  } catch (error) {
    expect(error).toBeInstanceOf(AgentError);
    expect((error as AgentError).tryHint).toBe("agent --version");
    expect((error as AgentError).message).toStartWith(START);
    return (error as AgentError).message.slice(START.length);
  }
  return "right";
}

test("fields that services add are ignored, and handed on as they are", () => {
  const body = {
    name: "raw",
    url: "s3://raw/",
    credential_name: "acme",
    isolation_mode: "OPEN",
    nested: { deep: [1] },
  };
  expect(readAnswer(Location, body, "read it")).toEqual(body);
});

test("the message names the path, what was expected and what kind of value is there", () => {
  expect(wrong(Location, { name: "raw", url: 7 })).toBe(
    "credential_name must be a string, and is missing; url must be a string, and is a number",
  );
  expect(wrong(Location, null)).toBe("it must be an object, and is null");
  expect(wrong(Table, { name: "t", columns: [{ name: "a", type_text: "INT" }, { name: "b" }] })).toBe(
    "columns[1].type_text must be a string, and is missing",
  );
  expect(wrong(Statement, { status: [] })).toBe("status.state must be a string, and is missing");
  expect(wrong(Assignment, { principal: "", privileges: [true] })).toBe(
    "principal must be text that is not empty, and is text; privileges[0] must be a string or an object, and is a boolean",
  );
});

test("many problems are counted, and no value is repeated: it may be a secret", () => {
  const shape = type({ a: "string", b: "'x' | 'y'", c: "number", d: Text, e: "string" });
  const message = wrong(shape, { a: 1, b: "dapi-secret", c: "dapi-secret", d: "", e: {} });
  expect(message).toEndWith("; and 2 more");
  expect(message).toContain('b must be "x" or "y", and is text');
  expect(message).not.toContain("secret");
});

test("a page of a list names the field of the list", () => {
  const pages = pagesOf("jobs", Job);
  const job = { job_id: "9", settings: { name: "load", tags: { team: "ops" } } };
  expect(readPage(pages, { jobs: [job], next_page_token: "2" }, "list")).toEqual({ items: [job], nextPageToken: "2" });
  expect(readPage(pages, {}, "list")).toEqual({ items: [], nextPageToken: "" });
  expect(() => readPage(pages, { jobs: [job, { settings: {} }] }, "list the jobs")).toThrow(
    "Cannot list the jobs: the answer has another form than this agent knows: jobs[1].job_id must be a string, and is missing",
  );
});

test("an answer that may be something else is null where it has another form", () => {
  expect(answerOrNull(Text, "words")).toBe("words");
  expect(answerOrNull(Text, 7)).toBeNull();
});

test("ids of 64 bits keep every digit on the way in and out, and null is the same as absent", () => {
  const body = '{"run_id": 9223372036854775807, "start_time": 1764460800000, "state": null, "tasks": [{"run_id": 7}]}';
  const run = readAnswer(Run, parseJson(body), "read it");
  expect(run).toEqual({ run_id: "9223372036854775807", start_time: 1_764_460_800_000, tasks: [{ run_id: "7" }] });
  expect(JSON.stringify({ run_id: idNumber(run.run_id) })).toBe('{"run_id":9223372036854775807}');
  expect(wrong(Run, parseJson('{"run_id": "one"}'))).toBe("run_id must be a whole number, and is text");
  expect(parseJson('[["a", null], null]')).toEqual([["a", null], null]);
});

test("shapes are interpreted: none is compiled when a command starts", () => {
  expect(Id.internal.precompilation).toBeUndefined();
});
