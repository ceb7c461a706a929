/** `each`: the steps of a path to values that are a reading each. */
import { pathOf } from "./path.ts";
import { Glob } from "./pattern.ts";
import type { EachPath } from "./record-shape.ts";

export const SENML = "senml";

/** The path, or why it is not one. */
export function eachOf(text: string): EachPath | string {
  const steps: EachPath["steps"][number][] = [];
  let names: string[] = [];
  for (const name of partsOf(text)) {
    const segments = () => (names.length === 0 ? [] : pathOf(names.join(".")).segments);
    if (name.endsWith("[]") && !name.endsWith("\\[]")) {
      const list = name.slice(0, -2);
      if (list !== "") names.push(list);
      steps.push({ segments: segments(), members: null });
    } else if (/(?<!\\)\*/.test(name)) steps.push({ segments: segments(), members: new Glob(name) });
    else {
      names.push(name);
      continue;
    }
    names = [];
  }
  return steps.length === 0 || names.length > 0 ? mustEnd(text) : { text, steps };
}

/** Between dots that no backslash precedes. */
function partsOf(text: string): string[] {
  return text.split(/(?<!\\)\./);
}

function mustEnd(text: string): string {
  const near = text === "" ? "values" : text.replace(/\.$/, "");
  return `must end in [] (the items of an array) or * (the members of an object): "${near}[]" or "${near}.*"`;
}
