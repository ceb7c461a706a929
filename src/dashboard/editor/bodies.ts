/** What the editor of rules sends, judged: everything in it has a limit. */
import { nullable } from "../../core/outside/composed-shapes.ts";
import { number, shortText } from "../../core/outside/scalar-shapes.ts";
import { object, type Shape } from "../../core/outside/shape.ts";
import { readStored } from "../../core/outside/stored-json.ts";
import type { HttpReply, HttpRequest } from "../../http/route.ts";
import { RULE_LIMITS } from "../../rules/rule-set.ts";
import { problemReply } from "../json-reply.ts";
import type { RuleBacktest, RuleEdit, RuleSave } from "../rules-wire.ts";

/** A text of the largest size, with every character escaped once. */
export const EDIT_BODY_BYTES = 2 * RULE_LIMITS.fileBytes + 4_096;
const NAME = shortText(255, "the name of a file");
const TEXT = shortText(RULE_LIMITS.fileBytes, `a text of at most ${RULE_LIMITS.fileBytes} bytes`);
const TIME = number({ min: 0, max: 8.64e15, whole: true });

export const EDIT: Shape<RuleEdit> = object({ name: NAME, text: TEXT });
export const BACKTEST: Shape<RuleBacktest> = object({ name: NAME, text: TEXT, sinceMs: TIME });
export const SAVE: Shape<RuleSave> = object({ name: NAME, text: TEXT, version: nullable(shortText(64)) });

/** The body, or the reply that says what is wrong with it. */
export function readBody<T>(
  shape: Shape<T>,
  { body }: HttpRequest,
): { readonly ok: T } | { readonly reply: HttpReply } {
  const text = new TextDecoder().decode(body);
  const read = readStored(shape, text);
  if ("value" in read) return { ok: read.value };
  const what = read.refused === "no JSON" ? "it is not JSON" : `${read.refused.path}: ${read.refused.what}`;
  return { reply: problemReply(400, `Cannot read the request: ${what}`) };
}
