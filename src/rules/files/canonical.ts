/** The rules of a set as its canonical JSON has them: a list of objects, each with its name. */
import { AgentError } from "../../core/errors.ts";
import { isObject, list, mustBe, refuse, type Shape } from "../../core/outside/shape.ts";
import { storedJson } from "../../core/outside/stored-json.ts";

export type CanonicalRule = { readonly name: string; readonly [key: string]: unknown };

const RULE: Shape<CanonicalRule> = {
  expects: "a rule with a name",
  schema: { type: "object", required: ["name"] },
  read: (value, path, problems) => {
    if (isObject(value) && typeof value["name"] === "string") return { ...value, name: value["name"] };
    return refuse(problems, path, mustBe("a rule with a name", value));
  },
};
/** A file of rules is at most 1 MiB. */
const RULES = list(RULE, { least: 0, most: 1_000_000 });

/** Null where the text is damaged: a buffer keeps it for years. */
export function storedRules(canonical: string): readonly CanonicalRule[] | null {
  return storedJson(RULES, canonical);
}

/** The same of a set that this process has loaded. Throws AgentError for another text. */
export function canonicalRules(canonical: string): readonly CanonicalRule[] {
  const rules = storedRules(canonical);
  if (rules === null) throw new AgentError("Cannot read a rule set: its text is damaged");
  return rules;
}
