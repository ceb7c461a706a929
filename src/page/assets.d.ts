/** Files that Bun copies beside the page; the import is the file's address. */
declare module "*.wasm" {
  const address: string;
  export default address;
}

/** The file of the SQL console's worker, by its name in the bundle (`src/dashboard/bundle.ts`). */
declare const SQL_WORKER: string;
