/** A save: checked again at this moment, written whole, and then taken in by the agent's own watch of the folder, or not. */
import { messageOf } from "../../core/errors.ts";
import type { HttpReply, HttpRequest } from "../../http/route.ts";
import type { EditCheck } from "../../rules/files/check-edit.ts";
import { RuleEditError, readRuleFile, replaceRuleFile, textVersion } from "../../rules/files/edit-file.ts";
import type { EditedFolder } from "../../rules/files/load.ts";
import type { RuleProblem } from "../../rules/rule-set.ts";
import { jsonReply, problemReply } from "../json-reply.ts";
import type { RuleConflict, RuleSave, RuleSaved } from "../rules-wire.ts";
import { checkFailed, checkInSlices } from "./check.ts";
import { type EditorParts, wireProblem } from "./parts.ts";

/** The watch needs two looks, 200 ms apart; an agent that is busy needs longer. */
const IN_FORCE_MS = 5_000;
const LOOK_MS = 50;

export async function saveRules(
  parts: EditorParts,
  folder: EditedFolder,
  save: RuleSave,
  request: HttpRequest,
): Promise<HttpReply> {
  const { name, text, version } = save;
  const check = await checkInSlices(parts, folder, save, request.gone);
  if (check.outcome === "refused") return checkFailed(check, folder, `Cannot save ${name}`);
  const refusedBefore = parts.atWork()?.rules.refused ?? [];
  await replaceRuleFile({ name, text, version }, folder);
  const next = textVersion(text);
  parts.log.info("rules_edited", `${folder.shownAs}/${name} was saved from the page`, {
    from: request.client,
    before: version,
    after: next,
  });
  const taken = await takenIn(parts, check, refusedBefore);
  const saved: RuleSaved = {
    version: next,
    isInForce: taken.isInForce,
    setVersion: check.set?.version ?? null,
    refused: taken.refused.map((problem) => wireProblem(problem, folder)),
  };
  return jsonReply(saved);
}

type Taken = { readonly isInForce: boolean | null; readonly refused: readonly RuleProblem[] };

/** Whether the agent has the set in force that was checked; after a while, that it is not known. */
async function takenIn(
  parts: EditorParts,
  { set, problems }: EditCheck,
  before: readonly RuleProblem[],
): Promise<Taken> {
  if (set === null) return { isInForce: false, refused: problems };
  for (const until = performance.now() + IN_FORCE_MS; ; ) {
    const rules = parts.atWork()?.rules;
    if (rules === undefined) return { isInForce: null, refused: [] };
    if (rules.set.version === set.version && rules.refused.length === 0) return { isInForce: true, refused: [] };
    // Another file was changed at the same time, and the whole is refused for it.
    if (rules.refused.length > 0 && rules.refused !== before) {
      return { isInForce: false, refused: rules.refused };
    }
    if (performance.now() > until) return { isInForce: null, refused: [] };
    await new Promise<void>((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

const STATUS = { name: 400, missing: 404, changed: 409, refused: 403, full: 507 } as const;

/** What went wrong with a file, as a reply. */
export function editProblem(error: unknown, name: string): HttpReply {
  if (!(error instanceof RuleEditError)) return problemReply(500, messageOf(error));
  const { message, advice, tryHint, reason, current } = error;
  const said = advice === undefined ? message : `${message}. ${advice}`;
  const hint = tryHint ?? null;
  if (reason !== "changed") return problemReply(STATUS[reason], said, hint);
  const conflict: RuleConflict = { message: said, try: hint, current: current && { name, ...current } };
  return jsonReply(conflict, STATUS.changed);
}

/** For the editor to begin with. Throws RuleEditError. */
export function readForEditor(name: string, folder: EditedFolder): HttpReply {
  const file = readRuleFile(name, folder);
  if (file === null)
    throw new RuleEditError("missing", `Cannot find rule file ${JSON.stringify(name)}: it was deleted`);
  return jsonReply({ name, ...file });
}
