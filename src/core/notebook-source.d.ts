/** A Python or SQL file as its text: `import source from "….py" with { type: "text" }`. */
declare module "*.py" {
  const source: string;
  export default source;
}
declare module "*.sql" {
  const source: string;
  export default source;
}
