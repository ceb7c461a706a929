/** The files of the page. In the compiled binary another module replaces this one: it has the files in it (scripts/package/page.ts). */

/** `packed`: its bytes, packed with gzip. `name` holds a hash of them, but for the page itself: `index.html`. */
export type ServedFile = {
  readonly name: string;
  readonly type: string;
  readonly packed: () => Uint8Array | Promise<Uint8Array>;
};

export async function pageFiles(): Promise<readonly ServedFile[]> {
  const { bundlePage } = await import("./bundle.ts");
  return (await bundlePage()).map(({ name, type, body }) => ({ name, type, packed: () => body }));
}
