/** The words for objects in a bucket that are not the agent's. */
import { grouped } from "../core/readable-numbers.ts";

/** `3 objects (a, b and 1 more)`: how many, and the first by name. */
export function foreignText(count: number, named: readonly string[]): string {
  const objects = count === 1 ? "1 object" : `${grouped(count)} objects`;
  if (named.length === 0) return objects;
  const more = count - named.length;
  return `${objects} (${named.join(", ")}${more > 0 ? ` and ${grouped(more)} more` : ""})`;
}
