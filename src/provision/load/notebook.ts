/**
 * The notebook in the workspace: its folder, its source, and the Python files beside it that it imports. All are compared
 * before they are overwritten.
 */
import { AgentError } from "../../core/errors.ts";
import { hasCode } from "../../databricks/failure.ts";
import { ExportedSource, WorkspaceList, WorkspaceObject } from "../../databricks/shapes/workspace.ts";
import type { Call } from "../../databricks/wire.ts";
import { createThing, deleteThing, type Lake, type LakeWish, readThing } from "../lake/lake.ts";
import { foreignContentsText, LAKE_ID } from "../lake/names.ts";
import { ADOPTED_KEY, adoptedSpared, type Doing, MANAGED_BY, MANAGED_BY_KEY, type Resource } from "../resource.ts";

/** A Python notebook as its source: cells between `# COMMAND ----------`. */
export type NotebookSource = {
  readonly name: string;
  readonly source: string;
  /** Files that the notebook imports, such as `columns.py`. */
  readonly modules?: readonly ModuleSource[];
};
export type ModuleSource = { readonly name: string; readonly source: string };

/** "MAX_NOTEBOOK_SIZE_EXCEEDED" above this. */
const SOURCE_BYTES = 10 * 1024 * 1024;
const HEADER = "# Databricks notebook source";
const MARK = `# ${MANAGED_BY_KEY}=${MANAGED_BY}`;

export const notebookFolder = ({ naming }: LakeWish) => `/Shared/${naming.prefix}-agent-${naming.region}`;
export const notebookPath = (lake: LakeWish, { name }: NotebookSource | ModuleSource) =>
  `${notebookFolder(lake)}/${name}`;

/** `own`: the names of what provision puts there. */
export function folderResource(lake: Lake, own: readonly string[]): Resource<true> {
  const path = notebookFolder(lake);
  const id = LAKE_ID.folder(path);
  return {
    id,
    side: "databricks",
    needs: [],
    read: async (doing) => {
      const call = workspace(`read ${id}`, "get-status", { query: { path } });
      const found = await readThing(lake, WorkspaceObject, call, doing);
      if (found === null) return null;
      const { object_type: kind } = found;
      if (kind === "DIRECTORY") return true;
      throw new AgentError(`Cannot use ${id}: there is a ${kind.toLowerCase()} of that name`, {
        advice: "Move it in the workspace",
      });
    },
    diff: () => [],
    create: async (doing) => {
      const call = workspace(`create ${id}`, "mkdirs", { method: "POST", body: { path }, again: "safe" });
      await lake.workspace.request({ ...call, needs: "CAN_EDIT on the workspace folder /Shared" }, doing);
    },
    spares: async (_actual, doing) => {
      const names = await foreignIn(lake, own, doing);
      return names.length === 0 ? [] : [{ kind: "foreign-objects", because: foreignContentsText("object", names) }];
    },
    remove: async (_actual, doing, goes) => {
      for (const name of goes.has("foreign-objects") ? await foreignIn(lake, own, doing) : []) {
        const body = { path: `${path}/${name}`, recursive: true };
        await deleteThing(lake, workspace(`delete ${path}/${name}`, "delete", { method: "POST", body }), doing);
      }
      const call = workspace(`delete ${id}`, "delete", { method: "POST", body: { path, recursive: false } });
      await deleteThing(lake, call, doing).catch((error: unknown) => {
        if (!hasCode(error, "DIRECTORY_NOT_EMPTY")) throw error;
        throw new AgentError(
          `Cannot delete ${id}: ${error.said}: something that agent provision did not make is in it`,
          { advice: "Move it elsewhere in the workspace", cause: error },
        );
      });
    },
  };
}

/** What others put into the folder: notebooks, files, dashboards and folders, by name. */
async function foreignIn(lake: Lake, own: readonly string[], doing: Doing): Promise<readonly string[]> {
  const path = notebookFolder(lake);
  const call = workspace(`list ${LAKE_ID.folder(path)}`, "list", { query: { path } });
  const { objects = [] } = (await readThing(lake, WorkspaceList, call, doing)) ?? {};
  return objects.map((one) => one.path.slice(path.length + 1)).filter((name) => !own.includes(name));
}

export function notebookResource(lake: Lake, notebook: NotebookSource): Resource<string> {
  const path = notebookPath(lake, notebook);
  return sourceResource(lake, {
    id: LAKE_ID.notebook(path),
    path,
    source: markedSource(notebook),
    mark: MARK,
    import: { format: "SOURCE", language: "PYTHON" },
    exportFormat: "SOURCE",
  });
}

/** A file, not a notebook: it has no header, and so keeps its extension and can be imported. */
export function moduleResource(lake: Lake, module: ModuleSource): Resource<string> {
  const path = notebookPath(lake, module);
  const source = markedModule(module);
  const auto = { format: "AUTO" };
  return sourceResource(lake, { id: LAKE_ID.file(path), path, source, mark: MARK, import: auto, exportFormat: "AUTO" });
}

type SourceWish = {
  readonly id: string;
  readonly path: string;
  readonly source: string;
  /** A line of the source that marks it as ours. */
  readonly mark: string;
  readonly import: { readonly format: string; readonly language?: string };
  readonly exportFormat: string;
};

export function sourceResource(
  lake: Lake,
  { id, path, source: wanted, mark, import: as, exportFormat }: SourceWish,
): Resource<string> {
  const adopted = mark.replace(`${MANAGED_BY_KEY}=${MANAGED_BY}`, ADOPTED_KEY);
  // Taken over, now or earlier: its text is ours, and the line behind the mark says that it was there before.
  const wantedFor = (actual: string) =>
    hasLine(actual, mark) && !hasLine(actual, adopted) ? wanted : wanted.replace(mark, `${mark}\n${adopted}`);
  const upload = (doing: Doing, source: string, overwrite: boolean) => {
    const content = Buffer.from(source).toString("base64");
    const body = { path, ...as, content, overwrite };
    const call = workspace(`upload ${id}`, "import", {
      method: "POST",
      body,
      needs: "CAN_EDIT on the workspace folder",
    });
    return createThing(lake, overwrite ? { ...call, again: "safe" } : call, doing);
  };
  return {
    id,
    side: "databricks",
    needs: [LAKE_ID.folder(notebookFolder(lake))],
    read: async (doing) => {
      const query = { path, format: exportFormat };
      const found = await readThing(lake, ExportedSource, workspace(`read ${id}`, "export", { query }), doing);
      return found === null ? null : Buffer.from(found.content ?? "", "base64").toString("utf8");
    },
    foreign: (source) => (hasLine(source, mark) ? null : `it has no line "${mark}"`),
    spares: async (source) => (hasLine(source, adopted) ? [adoptedSpared()] : []),
    diff: (source) => {
      if (plain(source) === plain(wantedFor(source))) return [];
      const make = async (doing: Doing) => void (await upload(doing, wantedFor(source), true));
      return [{ action: "update", because: "source: another -> that of this version of the agent", make }];
    },
    create: async (doing) => void (await upload(doing, wanted, false)),
    remove: (_actual, doing) => {
      const body = { path, recursive: false };
      return deleteThing(lake, workspace(`delete ${id}`, "delete", { method: "POST", body }), doing);
    },
  };
}

const hasLine = (source: string, wanted: string) => source.split("\n").some((line) => line.trim() === wanted);

/** The mark behind the header, which has to be the first line for the cells to be seen. */
export function markedSource({ name, source }: NotebookSource): string {
  if (!source.startsWith(`${HEADER}\n`)) throw new Error(`notebook ${name} does not begin with "${HEADER}"`);
  if (Buffer.byteLength(source) > SOURCE_BYTES - MARK.length) throw new Error(`notebook ${name} is too large`);
  return `${HEADER}\n${MARK}\n${source.slice(HEADER.length + 1)}`;
}

/** A module has no header to go first. */
export function markedModule({ source }: ModuleSource): string {
  return `${MARK}\n${source}`;
}

/** Databricks keeps no spaces at the end of the text, and its lines end in one way. */
function plain(source: string): string {
  return source.replaceAll("\r\n", "\n").trimEnd();
}

function workspace(doing: string, what: string, more: Partial<Call>): Call {
  return { doing, method: "GET", path: ["api", "2.0", "workspace", what], ...more };
}
