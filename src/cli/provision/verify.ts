/** `agent provision verify`: is everything as it should be, and does it work, tried with real calls as each party. */
import { makePlan, planProblems, planRemarks, planSteps } from "../../provision/plan.ts";
import type { Proof } from "../../provision/resource.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import type { Args, Flags } from "../frame/flags.ts";
import { textTable } from "../frame/table.ts";
import { SIDE_FLAGS, WISH_FLAGS, withSides } from "./sides.ts";
import { problemLines } from "./text.ts";

const ARGS = {
  ...SIDE_FLAGS,
  ...WISH_FLAGS,
  json: { type: "boolean", description: "One JSON value: {ok, proofs: [{party, claim, ok, detail}], problems}." },
} as const satisfies Args;

export const command = defineCommand({
  name: "verify",
  summary: "Prove that the set-up works: everything re-read, and real calls as each party.",
  args: ARGS,
  examples: ["agent provision verify", "agent provision verify --only aws --json"],
  run: verify,
});

async function verify(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  return await withSides(flags, context, async (sides, world) => {
    const plan = await makePlan(sides, { adopt: false }, world);
    const problems = planProblems(plan);
    const warnings = planRemarks(plan).filter(({ level }) => level === "warning");
    const proofs = planSteps(plan).map(
      ({ resource, action, because }): Proof => ({
        party: "settings",
        claim: resource,
        ok: action === "none",
        detail: action === "none" ? because : `${action}: ${because}`,
      }),
    );
    for (const { resource, message } of warnings) {
      proofs.push({ party: "others", claim: resource, ok: false, detail: message });
    }
    const isThere = plan.parts.every(
      ({ resource, actual, problem }) => problem === null && (actual !== null) === (resource.unwanted === undefined),
    );
    if (isThere) {
      for (const side of sides) proofs.push(...((await side.prove?.({ ...world, facts: plan.facts })) ?? []));
    }
    world.end();
    const ok = problems.length === 0 && proofs.every((proof) => proof.ok !== false);
    if (flags.json) {
      await context.write(`${JSON.stringify({ ok, proofs, problems }, null, 2)}\n`);
    } else {
      const word = (proof: Proof) => (proof.ok === null ? "not tried" : proof.ok ? "ok" : "WRONG");
      const rows = proofs.map((proof) => [word(proof), proof.party, proof.claim, proof.detail]);
      await context.write(textTable({ head: ["", "who", "what", "seen"], rows, columns: context.columns }));
    }
    for (const line of problems.flatMap(problemLines)) context.say(line);
    context.say(ok ? "The set-up is as it should be." : "The set-up is not as it should be. Try: agent provision plan");
    return ok ? 0 : 1;
  });
}
