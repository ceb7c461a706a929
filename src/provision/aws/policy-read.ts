/**
 * Policies as AWS gives them back, with statements of others among them.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */
import { AgentError } from "../../core/errors.ts";
import { readAnswer } from "../../databricks/answer.ts";
import { type } from "../../databricks/shapes/ark.ts";

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
