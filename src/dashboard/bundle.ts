/** The page as files to serve, made by Bun from the code in `src/page`: when the binary is built, or, run from source, at once. */
import { join } from "node:path";
import { gzipSync } from "bun";

/** `body` is packed with gzip. `name` holds a hash of its bytes, but for the page itself: `index.html`. */
export type PageFile = { readonly name: string; readonly type: string; readonly body: Uint8Array };

const PAGE = join(import.meta.dir, "../page");
const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  wasm: "application/wasm",
};

export async function bundlePage(): Promise<readonly PageFile[]> {
  const result = await Bun.build({
    entrypoints: [join(PAGE, "index.html")],
    target: "browser",
    format: "esm",
    minify: true,
    splitting: true,
    jsx: { runtime: "automatic", importSource: "preact", development: false },
    define: { "process.env.NODE_ENV": '"production"' },
    naming: { entry: "[name].[ext]", chunk: "[name]-[hash].[ext]", asset: "[name]-[hash].[ext]" },
  });
  if (!result.success) throw new AggregateError(result.logs, "Cannot bundle the page");
  return Promise.all(
    result.outputs.map(async (output) => {
      const name = output.path.replace(/^\.\//, "");
      const type = TYPES[name.split(".").at(-1) ?? ""];
      if (type === undefined) throw new Error(`Cannot serve ${name}: its type is not known`);
      return { name, type, body: gzipSync(new Uint8Array(await output.arrayBuffer()), { level: 9 }) };
    }),
  );
}
