/** `/api/2.0/workspace`: folders, notebooks, files and dashboards (databricks-sdk-go service/workspace: WorkspaceService). */

import { absent, invalid, misused, Problem, taken } from "../wire/problem.ts";
import { type Route, route } from "../wire/route.ts";
import { flag, must, oneOf, queryInt64, shape, text } from "../wire/shape.ts";
import { LANGUAGES, type Language, type TreeEntry, type WorkspaceObject } from "../world/things.ts";
import type { World } from "../world/world.ts";
import { trashDashboard } from "./dashboards.ts";
import { demandWritable, objectAt, parentOf, placeOf } from "./places.ts";

const CONTENT_BYTES = 10 * 1024 * 1024;
/** The first line of a notebook's source; without it the whole text is one cell. */
const HEADERS: Record<Language, string> = {
  PYTHON: "# Databricks notebook source",
  SQL: "-- Databricks notebook source",
  SCALA: "// Databricks notebook source",
  R: "# Databricks notebook source",
};
const EXTENSIONS: Readonly<Record<string, Language>> = { ".py": "PYTHON", ".sql": "SQL", ".scala": "SCALA", ".r": "R" };

const childrenOf = (world: World, place: string) =>
  [...world.tree.values()].filter((one) => one.path !== place && parentOf(one.path) === place);

const keptNow = (world: World, path: string): TreeEntry => ({
  path,
  id: world.nextInt64(),
  createdAtMs: world.now(),
  modifiedAtMs: world.now(),
});

function objectJson(one: WorkspaceObject): Record<string, unknown> {
  return {
    object_type: one.kind,
    path: one.path,
    language: one.kind === "NOTEBOOK" ? one.language : undefined,
    created_at: one.kind === "DIRECTORY" ? undefined : one.createdAtMs,
    modified_at: one.kind === "DIRECTORY" ? undefined : one.modifiedAtMs,
    object_id: one.id,
    // docs.databricks.com/dashboards/tutorials/workspace-dashboard-api: by this id the Lakeview API knows it.
    resource_id: one.kind === "DASHBOARD" ? one.dashboardId : String(one.id),
    size: one.kind === "FILE" ? one.content.length : undefined,
  };
}

function contentOf(content: string | undefined): Buffer {
  if (content === undefined) throw misused("Missing required field: content");
  if (content.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(content)) {
    throw invalid("The content is not base64.");
  }
  const bytes = Buffer.from(content, "base64");
  if (bytes.length > CONTENT_BYTES) {
    throw new Problem(
      400,
      "MAX_NOTEBOOK_SIZE_EXCEEDED",
      `File size imported is (${bytes.length} bytes), exceeded max size (${CONTENT_BYTES} bytes)`,
    );
  }
  return bytes;
}

const FORMATS = ["AUTO", "SOURCE", "JUPYTER", "HTML", "DBC", "RAW", "R_MARKDOWN"] as const;
const IMPORT = shape({
  path: must(text),
  format: oneOf(...FORMATS),
  language: oneOf(...LANGUAGES),
  content: text,
  overwrite: flag,
});

type Wish =
  | { readonly kind: "NOTEBOOK"; readonly place: string; readonly language: Language; readonly source: string }
  | { readonly kind: "FILE"; readonly place: string; readonly content: Buffer };

/** What an import makes. AUTO looks at the extension and the first line, and a notebook's name loses its extension. */
function wishOf(path: string, format: (typeof FORMATS)[number], language: Language | undefined, content: Buffer): Wish {
  const place = placeOf(path);
  const source = content.toString("utf8");
  switch (format) {
    case "SOURCE": {
      if (language === undefined) throw misused("Missing required field: language, of format SOURCE");
      return { kind: "NOTEBOOK", place, language, source };
    }
    case "AUTO": {
      if (place.endsWith(".lvdash.json")) throw new Problem(501, "NOT_IMPLEMENTED", "This fake imports no dashboards.");
      const extension = /\.[a-z]+$/i.exec(place)?.[0] ?? "";
      const known = EXTENSIONS[extension.toLowerCase()];
      if (known === undefined || !source.startsWith(HEADERS[known])) return { kind: "FILE", place, content };
      return { kind: "NOTEBOOK", place: place.slice(0, -extension.length), language: known, source };
    }
    case "RAW":
      return { kind: "FILE", place, content };
    case "JUPYTER":
    case "HTML":
    case "DBC":
    case "R_MARKDOWN":
      throw new Problem(501, "NOT_IMPLEMENTED", `This fake does not import ${format}.`);
  }
}

function demandPlace(world: World, wish: Wish, path: string, overwrite: boolean): WorkspaceObject | undefined {
  const parent = world.tree.get(parentOf(wish.place));
  if (parent?.kind !== "DIRECTORY") {
    throw absent("RESOURCE_DOES_NOT_EXIST", `The parent folder (${parentOf(wish.place)}) does not exist.`);
  }
  const before = world.tree.get(wish.place);
  if (before === undefined) return undefined;
  const other = before.kind === "NOTEBOOK" && wish.kind === "NOTEBOOK" && before.language !== wish.language;
  if (!overwrite || before.kind !== wish.kind || other) {
    throw taken("RESOURCE_ALREADY_EXISTS", `Path (${path}) already exists.`);
  }
  return before;
}

export const WORKSPACE_TREE_ROUTES: readonly Route[] = [
  route("POST", "/api/2.0/workspace/mkdirs", { body: shape({ path: must(text) }) }, ({ world, caller, body }) => {
    const place = placeOf(body.path);
    const missing: string[] = [];
    for (let at = place; !world.tree.has(at); at = parentOf(at)) missing.unshift(at);
    const nearest = world.tree.get(missing.length === 0 ? place : parentOf(missing[0]!))!;
    if (nearest.kind !== "DIRECTORY") {
      throw taken(
        "RESOURCE_ALREADY_EXISTS",
        `Cannot create directory ${body.path}: ${nearest.path} is a ${nearest.kind}.`,
      );
    }
    if (missing.length > 0) demandWritable(caller, place);
    for (const path of missing) world.tree.set(path, { kind: "DIRECTORY", ...keptNow(world, path) });
  }),

  route("POST", "/api/2.0/workspace/import", { body: IMPORT }, ({ world, caller, body }) => {
    const content = contentOf(body.content);
    const wish = wishOf(body.path, body.format ?? "SOURCE", body.language, content);
    demandWritable(caller, wish.place);
    const before = demandPlace(world, wish, body.path, body.overwrite ?? false);
    const { place, ...made } = wish;
    const kept = { ...(before ?? keptNow(world, place)), path: place, modifiedAtMs: world.now() };
    world.tree.set(place, { ...kept, ...made });
    return {};
  }),

  route("GET", "/api/2.0/workspace/get-status", { query: shape({ path: must(text) }) }, ({ world, query }) =>
    objectJson(objectAt(world, query.path)),
  ),

  route(
    "GET",
    "/api/2.0/workspace/list",
    { query: shape({ path: must(text), notebooks_modified_after: queryInt64 }) },
    ({ world, query }) => {
      const found = objectAt(world, query.path);
      const listed = found.kind === "DIRECTORY" ? childrenOf(world, found.path) : [found];
      // An empty folder has no `objects` at all.
      return listed.length === 0 ? {} : { objects: listed.map(objectJson) };
    },
  ),

  route(
    "GET",
    "/api/2.0/workspace/export",
    { query: shape({ path: must(text), format: oneOf(...FORMATS) }) },
    ({ world, query }) => {
      const found = objectAt(world, query.path);
      if (found.kind === "DIRECTORY") throw invalid("This fake does not export folders.");
      if (found.kind === "DASHBOARD") {
        const { serialized } = world.dashboards.get(found.dashboardId)!;
        return { content: Buffer.from(serialized).toString("base64"), file_type: "lvdash.json" };
      }
      if (found.kind === "FILE") return { content: found.content.toString("base64"), file_type: "auto" };
      if (!["SOURCE", "AUTO"].includes(query.format ?? "SOURCE"))
        throw invalid(`This fake does not export ${query.format}.`);
      const header = HEADERS[found.language];
      // The source of a notebook always begins with the header, whether it was imported with it or not.
      const source = found.source.startsWith(header) ? found.source : `${header}\n${found.source}`;
      return {
        content: Buffer.from(source).toString("base64"),
        file_type: found.language === "PYTHON" ? "py" : found.language.toLowerCase(),
      };
    },
  ),

  route(
    "POST",
    "/api/2.0/workspace/delete",
    { body: shape({ path: must(text), recursive: flag }) },
    ({ world, caller, body }) => {
      const found = objectAt(world, body.path);
      if (/^\/(Users|Shared|Workspace)?$|^\/Users\/[^/]+$/.test(found.path))
        throw invalid(`Cannot delete ${found.path}.`);
      demandWritable(caller, found.path);
      if (childrenOf(world, found.path).length > 0 && body.recursive !== true) {
        throw new Problem(400, "DIRECTORY_NOT_EMPTY", `Folder (${body.path}) is not empty`);
      }
      for (const [path, one] of [...world.tree]) {
        if (path !== found.path && !path.startsWith(`${found.path}/`)) continue;
        if (one.kind === "DASHBOARD") trashDashboard(world, caller, one.dashboardId);
        world.tree.delete(path);
      }
    },
  ),
];
