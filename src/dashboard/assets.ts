/** The files of the page. In the compiled binary another module stands here, which has them in it (scripts/package/compile.ts). */
import type { PageFile } from "./bundle.ts";

export async function pageFiles(): Promise<readonly PageFile[]> {
  const { bundlePage } = await import("./bundle.ts");
  return bundlePage();
}
