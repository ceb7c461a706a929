/**
 * Policies as AWS gives them back, with statements of others among them.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */
import { AgentError } from "../../core/errors.ts";
import { readAnswer } from "../../databricks/answer.ts";
import { type } from "../../databricks/shapes/ark.ts";
import { stringsIn } from "./policy-json.ts";

const Texts = type("string | string[]");

const PolicyStatement = type({
  "[string]": "unknown",
  Effect: "'Allow' | 'Deny'",
  "Sid?": "string",
  "Resource?": Texts,
  "Principal?": type("string").or({ "[string]": Texts }),
  "Condition?": "Record<string, Record<string, unknown>>",
});
export type PolicyStatement = typeof PolicyStatement.infer;

const PolicyDocument = type({
  "[string]": "unknown",
  Statement: PolicyStatement.or(PolicyStatement.array()),
});
export type PolicyDocument = typeof PolicyDocument.infer;

/** `text`: URL-encoded, as IAM gives it, or plain, as S3 does. `doing`: `read the policy of bucket "acme-raw"`. */
export function readPolicy(text: string, doing: string): PolicyDocument {
  let json: unknown;
  try {
    json = JSON.parse(text.startsWith("%") ? decodeURIComponent(text) : text);
  } catch (cause) {
    throw new AgentError(`Cannot ${doing}: the answer is not JSON`, { tryHint: "agent --version", cause });
  }
  return readAnswer(PolicyDocument, json, doing);
}

export function statementsOf(policy: PolicyDocument | null): readonly PolicyStatement[] {
  if (policy === null) return [];
  return Array.isArray(policy.Statement) ? policy.Statement : [policy.Statement];
}

/** Why a trust policy that lets in everyone is wrong, or null where none of its statements does. */
export function openTo(trust: PolicyDocument): string | null {
  const open = statementsOf(trust).filter((one) => one.Effect === "Allow" && stringsIn(one.Principal).includes("*"));
  if (open.length === 0) return null;
  const conditions = open.flatMap((one) => Object.values(one.Condition ?? {}).flatMap(Object.keys));
  if (open.some(({ Condition }) => Condition === undefined))
    return "open to *: anyone in any AWS account may assume the role";
  return `open to *: anyone who meets ${[...new Set(conditions)].join(", ")} may assume the role`;
}
