/** The page as files to serve, made by Bun from the code in `src/page`: when the binary is built, or, run from source, at once. */
import { join } from "node:path";
import { gzipSync } from "bun";

/** `body` is packed with gzip. `name` holds a hash of its bytes, but for the page itself: `index.html`. */
export type PageFile = { readonly name: string; readonly type: string; readonly body: Uint8Array };

const PAGE = join(import.meta.dir, "../page");
const HASHED = "[name]-[hash].[ext]";
const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  wasm: "application/wasm",
};

export async function bundlePage(): Promise<readonly PageFile[]> {
  // A worker is a file of its own, which the page knows by its name.
  const worker = await bundled("console/sql-worker.ts", HASHED);
  const name = worker.find(({ kind }) => kind === "entry-point")?.path ?? "";
  const page = await bundled("index.html", "[name].[ext]", { SQL_WORKER: JSON.stringify(name) });
  return packed([...worker, ...page]);
}

async function bundled(entry: string, naming: string, define: Readonly<Record<string, string>> = {}) {
  const result = await Bun.build({
    entrypoints: [join(PAGE, entry)],
    target: "browser",
    format: "esm",
    minify: true,
    splitting: true,
    jsx: { runtime: "automatic", importSource: "preact", development: false },
    define: { "process.env.NODE_ENV": '"production"', ...define },
    naming: { entry: naming, chunk: HASHED, asset: HASHED },
  });
  if (!result.success) throw new AggregateError(result.logs, `Cannot bundle ${entry}`);
  return result.outputs;
}

async function packed(outputs: readonly Bun.BuildArtifact[]): Promise<readonly PageFile[]> {
  return Promise.all(
    outputs.map(async (output) => {
      const name = output.path.replace(/^\.\//, "");
      const type = TYPES[name.split(".").at(-1) ?? ""];
      if (type === undefined) throw new Error(`Cannot serve ${name}: its type is not known`);
      return { name, type, body: gzipSync(new Uint8Array(await output.arrayBuffer()), { level: 9 }) };
    }),
  );
}
