/** The page in the binary: the module that gives its files is replaced by one that has them in it, packed. */
import type { BunPlugin } from "bun";
import { bundlePage } from "../../src/dashboard/bundle.ts";

/** Names of places inside the build, so that no path of this machine gets into the binary. */
const PLACE = "page-file";

export async function embeddedPage(): Promise<BunPlugin> {
  const files = await bundlePage();
  return {
    name: "embedded-page",
    setup(build) {
      build.onLoad({ filter: /[\\/]src[\\/]dashboard[\\/]assets\.ts$/ }, () => ({
        loader: "ts",
        contents: moduleOf(files.map(({ name, type }) => ({ name, type }))),
      }));
      build.onResolve({ filter: /^page-file:/ }, ({ path }) => ({
        path: path.slice(PLACE.length + 1),
        namespace: PLACE,
      }));
      build.onLoad({ filter: /.*/, namespace: PLACE }, ({ path }) => {
        const file = files.find(({ name }) => `${name}.gz` === path);
        if (file === undefined) throw new Error(`Cannot embed ${path}: the page has no such file`);
        return { loader: "file", contents: file.body };
      });
    },
  };
}

/** A file is read from the binary when it is asked for, not before. */
function moduleOf(files: readonly { readonly name: string; readonly type: string }[]): string {
  const imports = files.map(({ name }, at) => `import file${at} from "${PLACE}:${name}.gz" with { type: "file" };`);
  const entries = files.map(
    ({ name, type }, at) =>
      `{ name: ${JSON.stringify(name)}, type: ${JSON.stringify(type)}, packed: () => Bun.file(file${at}).bytes() }`,
  );
  return `${imports.join("\n")}\nexport const pageFiles = async () => [${entries.join(",")}];\n`;
}
