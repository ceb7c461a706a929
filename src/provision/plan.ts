/** The plan: what is there, compared with what should be. Nothing is touched. */
import { AgentError, DeniedError, LoginRefusedError, messageOf } from "../core/errors.ts";
import { FactBook } from "./facts.ts";
import { makingOrder, mustGet, readingOrder, sorted, walk } from "./graph.ts";
import { tryAgain } from "./poll.ts";
import type { Action, Change, Doing, ProvisionSide, Remark, Resource, Side } from "./resource.ts";

/** Calls to one cloud that are under way at the same time while a plan is made. */
const READS_AT_ONCE = 32;

/** A line of the plan (binding, `provision plan --json`). */
export type Step = {
  readonly resource: string;
  readonly action: Action;
  readonly because: string;
  readonly side: Side;
};

/** Why a resource cannot be made as it should be. */
export type Problem = {
  readonly resource: string;
  readonly message: string;
  /** The missing permission, in the words of its owner; null where it is something else. */
  readonly missing: string | null;
  /** What a person does about it, where that is more than a command. */
  readonly advice: string | null;
  /** A command that can be pasted. */
  readonly try: string | null;
};

/** The work on one resource. */
export type Part = {
  readonly resource: Resource;
  /** As it was read; null: it is not there. */
  readonly actual: unknown;
  readonly changes: readonly Change[];
  readonly remarks: readonly Remark[];
  /** It could not be read, or is not ours: nothing is done about it. */
  readonly problem: Problem | null;
  /** True where it is there and is not ours. */
  readonly isForeign: boolean;
};

export type Plan = {
  /** In the order of making. */
  readonly parts: readonly Part[];
  readonly facts: FactBook;
};

export type PlanOptions = { readonly adopt: boolean };

/** Checks each side (an error of that is thrown: nothing else was asked), reads everything at once, and compares. */
export async function makePlan(
  sides: readonly ProvisionSide[],
  options: PlanOptions,
  world: Omit<Doing, "facts">,
): Promise<Plan> {
  const resources = sides.flatMap((side) => side.resources);
  const facts = new FactBook(resources.flatMap((one) => one.tells ?? []));
  const doing = { ...world, facts };
  for (const told of await Promise.all(sides.map((side) => side.check(doing)))) facts.learn(told);
  const found = await readAll(resources, doing);
  const byId = new Map(resources.map((one) => [one.id, one]));
  // Every fact that can be known is known now, so all differences are known.
  const parts = sorted(makingOrder(resources)).map((id) =>
    partOf(mustGet(byId, id), mustGet(found, id), doing, options),
  );
  return { parts, facts };
}

type ReadResult = { readonly actual: unknown } | { readonly error: unknown };

async function readAll(resources: readonly Resource[], doing: Doing): Promise<Map<string, ReadResult>> {
  const byId = new Map(resources.map((one) => [one.id, one]));
  const found = new Map<string, ReadResult>();
  await walk(readingOrder(resources), READS_AT_ONCE, async (id) => {
    doing.stop.throwIfAborted();
    const resource = mustGet(byId, id);
    try {
      const actual = await tryAgain(doing, () => resource.read(doing));
      if (actual !== null) doing.facts.learn(resource.learn?.(actual) ?? {});
      found.set(id, { actual });
    } catch (error) {
      // With a login that is refused nothing can be read: said once, not for each resource.
      if (doing.stop.aborted || error instanceof LoginRefusedError) throw error;
      found.set(id, { error });
    }
  });
  return found;
}

function partOf(resource: Resource, found: ReadResult, { facts, again }: Doing, { adopt }: PlanOptions): Part {
  if ("error" in found) {
    const problem = problemOf(resource.id, found.error, again);
    return { resource, actual: null, changes: [], remarks: [], problem, isForeign: false };
  }
  const { actual } = found;
  if (actual === null) return { resource, actual, changes: [], remarks: [], problem: null, isForeign: false };
  const foreign = resource.foreign?.(actual, facts) ?? null;
  if (resource.unwanted !== undefined) return unwantedPart(resource, actual, foreign !== null, resource.unwanted);
  const problem = foreign === null || adopt ? null : foreignProblem(resource, foreign);
  const changes = problem === null ? resource.diff(actual, facts) : [];
  const remarks = problem === null ? remarksOf(resource, actual, facts) : [];
  return { resource, actual, changes, remarks, problem, isForeign: foreign !== null };
}

function remarksOf(resource: Resource, actual: unknown, facts: FactBook): Remark[] {
  return (resource.remarks?.(actual, facts) ?? []).map((remark) => ({ resource: resource.id, ...remark }));
}

function unwantedPart(resource: Resource, actual: unknown, isForeign: boolean, because: string): Part {
  const make = async (doing: Doing) => await (resource.retire ?? resource.remove)?.(actual, doing, new Set());
  const part = { resource, problem: null, isForeign };
  return isForeign
    ? { ...part, actual: null, changes: [], remarks: [] }
    : { ...part, actual, changes: [{ action: "delete", because, make }], remarks: [] };
}

export function foreignProblem({ id, spares }: Resource, foreign: string): Problem {
  const then =
    spares === undefined ? "destroy would then delete it" : "destroy then keeps it, unless --adopted is given";
  return {
    resource: id,
    message: `Cannot use ${id}: ${foreign}`,
    missing: null,
    advice: `Set another name, or take it over with --adopt: ${then}`,
    try: "agent provision plan --adopt",
  };
}

/** A bug is thrown on: it must not look like something that the cloud said. `again` is the way out of an error that names none. */
export function problemOf(resource: string, error: unknown, again: string): Problem {
  if (!(error instanceof AgentError)) throw error;
  const missing = error instanceof DeniedError ? error.missing : null;
  return { resource, message: messageOf(error), missing, advice: error.advice ?? null, try: error.tryHint ?? again };
}

/** The lines of a part: one for each change, or one that says that there is none. */
export function stepsOf({ resource, actual, changes, remarks, problem }: Part): Step[] {
  const step = (action: Action, because: string): Step => ({
    resource: resource.id,
    action,
    because,
    side: resource.side,
  });
  if (problem !== null) return [];
  if (actual === null && resource.unwanted !== undefined) return [];
  if (actual === null) return [step("create", resource.missing ?? "it does not exist")];
  if (changes.length === 0) {
    const warned = remarks.some(({ level }) => level === "warning");
    return [step("none", warned ? "nothing to change, with a warning" : "it is as it should be")];
  }
  return changes.map(({ action, because }) => step(action, because));
}

export function planSteps(plan: Plan): Step[] {
  return plan.parts.flatMap(stepsOf);
}

export function planProblems(plan: Plan): Problem[] {
  return plan.parts.flatMap(({ problem }) => (problem === null ? [] : [problem]));
}

export function planRemarks(plan: Plan): Remark[] {
  return plan.parts.flatMap(({ remarks }) => remarks);
}
