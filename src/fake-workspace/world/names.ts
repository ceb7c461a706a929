/** Names of securables: kept in lower case (UCX issue 2270; Terraform compares with EqualFold), within the documented characters. */
import { invalid } from "../wire/problem.ts";

const CHARACTERS = 255;

/** Throws unless it is a name; returns it as Unity Catalog keeps it. */
export function keptName(name: string, what: string): string {
  if (name === "" || name.length > CHARACTERS) throw invalid(`${what} name must have 1 to ${CHARACTERS} characters.`);
  if (/[\x00-\x20\x7f./]/.test(name)) {
    throw invalid(`'${name}' is not a valid ${what} name: no period, space, slash or control character.`);
  }
  return name.toLowerCase();
}
