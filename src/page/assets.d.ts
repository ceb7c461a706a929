/** Files that Bun copies beside the page; the import is the file's address. */
declare module "*.wasm" {
  const address: string;
  export default address;
}
