/** Notebooks, files and folders. Dashboards, which lie among them: dashboards.test.ts. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Ask, askOf } from "../wire/ask.ts";
import type { Workspace } from "../wire/port.ts";
import { startWorkspace } from "../wire/workspace.ts";
import { ENGINEER } from "../world/settings.ts";

const TREE = "/api/2.0/workspace";
const HOME = `/Users/${ENGINEER}`;
const SOURCE = "# Databricks notebook source\nprint('ä')\n\n# COMMAND ----------\n\nprint(2)";

let workspace: Workspace;
let ask: Ask;

beforeAll(async () => {
  workspace = await startWorkspace();
  ask = askOf(workspace);
});
beforeEach(() => workspace.reset());
afterAll(() => workspace.stop());

const base64 = (text: string) => Buffer.from(text).toString("base64");
const put = (path: string, source = SOURCE, more: object = {}) =>
  ask(`POST ${TREE}/import`, { path, format: "SOURCE", language: "PYTHON", content: base64(source), ...more });
const at = (call: string, path: string, more = "") =>
  ask(`GET ${TREE}/${call}?path=${encodeURIComponent(path)}${more}`);

test("mkdirs makes parents too, may be repeated, and does not go through a notebook", async () => {
  expect(await ask(`POST ${TREE}/mkdirs`, { path: `${HOME}/a/b` })).toMatchObject({ status: 200, body: {} });
  expect(await ask(`POST ${TREE}/mkdirs`, { path: `/Workspace${HOME}/a/b/` })).toMatchObject({ status: 200 });
  expect((await at("get-status", `${HOME}/a`)).body).toMatchObject({ object_type: "DIRECTORY", path: `${HOME}/a` });
  await put(`${HOME}/a/notebook`);
  for (const path of [`${HOME}/a/notebook`, `${HOME}/a/notebook/deeper`]) {
    expect(await ask(`POST ${TREE}/mkdirs`, { path })).toMatchObject({
      status: 400,
      body: { error_code: "RESOURCE_ALREADY_EXISTS" },
    });
  }
});

test("a notebook is imported, reported with an id beyond 2^53, and exported as it was", async () => {
  expect(await put(`${HOME}/notebook`)).toMatchObject({ status: 200 });
  const status = (await at("get-status", `${HOME}/notebook`)).body;
  expect(status).toMatchObject({
    object_type: "NOTEBOOK",
    language: "PYTHON",
    resource_id: String(status["object_id"]),
  });
  expect(status["object_id"]).toBeGreaterThan(2n ** 53n);
  const { content } = (await at("export", `${HOME}/notebook`, "&format=SOURCE")).body;
  expect(Buffer.from(String(content), "base64").toString()).toBe(SOURCE);
  await put(`${HOME}/bare`, "print(1)");
  const bare = (await at("export", `${HOME}/bare`)).body["content"];
  expect(Buffer.from(String(bare), "base64").toString()).toBe("# Databricks notebook source\nprint(1)");
});

test("what is there is overwritten only on request, and never by something of another kind", async () => {
  await put(`${HOME}/notebook`);
  const refused = { status: 400, body: { error_code: "RESOURCE_ALREADY_EXISTS" } };
  expect(await put(`${HOME}/notebook`)).toMatchObject(refused);
  expect(
    await put(`${HOME}/notebook`, "-- Databricks notebook source", { language: "SQL", overwrite: true }),
  ).toMatchObject(refused);
  const id = (await at("get-status", `${HOME}/notebook`)).body["object_id"];
  expect(await put(`${HOME}/notebook`, "# Databricks notebook source\nprint(3)", { overwrite: true })).toMatchObject({
    status: 200,
  });
  expect((await at("get-status", `${HOME}/notebook`)).body["object_id"]).toBe(id);
});

test("an import needs a parent, base64, a language and at most 10 MB", async () => {
  expect(await put(`${HOME}/none/notebook`)).toMatchObject({
    status: 404,
    body: { error_code: "RESOURCE_DOES_NOT_EXIST" },
  });
  expect(await put(`${HOME}/a`, SOURCE, { content: "not base64!" })).toMatchObject({ status: 400 });
  expect(await put(`${HOME}/a`, SOURCE, { language: undefined })).toMatchObject({ status: 400 });
  expect(await put(`${HOME}/a`, "x".repeat(10 * 1024 * 1024 + 1))).toMatchObject({
    status: 400,
    body: { error_code: "MAX_NOTEBOOK_SIZE_EXCEEDED" },
  });
  expect(await put("/Users/other@example.com/a")).toMatchObject({ status: 403 });
});

test("AUTO makes a notebook of a source with the header, without its extension, and a file of all else", async () => {
  await put(`${HOME}/ingest.py`, SOURCE, { format: "AUTO", language: undefined });
  await put(`${HOME}/library.py`, "x = 1", { format: "AUTO", language: undefined });
  expect((await at("list", HOME)).body["objects"]).toMatchObject([
    { path: `${HOME}/ingest`, object_type: "NOTEBOOK" },
    { path: `${HOME}/library.py`, object_type: "FILE", size: 5 },
  ]);
});

test("a folder that is not empty is deleted only with recursive; an empty one lists nothing at all", async () => {
  await ask(`POST ${TREE}/mkdirs`, { path: `${HOME}/a/b` });
  expect((await at("list", `${HOME}/a/b`)).body).toEqual({});
  expect(await ask(`POST ${TREE}/delete`, { path: `${HOME}/a` })).toMatchObject({
    body: { error_code: "DIRECTORY_NOT_EMPTY" },
  });
  expect(await ask(`POST ${TREE}/delete`, { path: `${HOME}/a`, recursive: true })).toMatchObject({ status: 200 });
  expect(await at("get-status", `${HOME}/a/b`)).toMatchObject({
    status: 404,
    body: { error_code: "RESOURCE_DOES_NOT_EXIST" },
  });
  expect(await ask(`POST ${TREE}/delete`, { path: `${HOME}/a` })).toMatchObject({ status: 404 });
});
