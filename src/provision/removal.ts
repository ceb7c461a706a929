/** Deletes what was made, and nothing else: planned by looking, done in the opposite order of making. */
import { attempt, InOrder, noticing, type Outcome, untouchedBy, type Watch } from "./apply.ts";
import { mustGet, removingOrder, sorted, walk } from "./graph.ts";
import { makePlan, type Part, type Plan, type Problem, problemOf, type Step } from "./plan.ts";
import { tryAgain } from "./poll.ts";
import type { Doing, Goes, ProvisionSide, Resource, Side } from "./resource.ts";

/** Buckets are emptied at the same time; what bounds it is the server, not this. */
const AT_ONCE = 8;

/** The parts in the order of deletion. What is not there has no step; what is not ours has a problem. */
export async function planRemoval(
  sides: readonly ProvisionSide[],
  world: Omit<Doing, "facts">,
  goes: Goes = new Set(),
): Promise<Plan> {
  const { parts, facts } = await makePlan(sides, { adopt: false }, world);
  const doing = { ...world, facts };
  const refused = parts.map((part) => withRefusal(withHolder(part, parts)));
  const judged = await Promise.all(refused.map((part) => withSpared(part, doing, goes)));
  const byId = new Map(judged.map((part) => [part.resource.id, part]));
  const order = sorted(removingOrder(parts.map(({ resource }) => resource)));
  return { parts: order.map((id) => mustGet(byId, id)), facts };
}

/**
 * What is in a thing of others is not deleted, also where it has our mark: it is of another set-up with the same names, or
 * a person has written over the mark of the thing.
 */
function withHolder(part: Part, parts: readonly Part[]): Part {
  const holder = part.problem === null && part.actual !== null ? holderNotOurs(part.resource, parts) : null;
  if (holder === null) return part;
  const { id } = part.resource;
  const why = holder.isForeign ? "is not ours" : "could not be looked at";
  const message = `Cannot destroy ${id}: it is in ${holder.resource.id}, which ${why}`;
  return { ...part, problem: { resource: id, message, missing: null, advice: null, try: "agent provision plan" } };
}

/** The outermost one. */
function holderNotOurs({ within }: Resource, parts: readonly Part[]): Part | null {
  const holder = parts.find(({ resource }) => resource.id === within);
  if (holder === undefined) return null;
  return holderNotOurs(holder.resource, parts) ?? (holder.problem === null ? null : holder);
}

function withRefusal(part: Part): Part {
  if (!part.isForeign || part.problem === null) return part;
  const message = part.problem.message.replace("Cannot use", "Cannot destroy");
  const advice = "Delete it by hand if it is not needed";
  return { ...part, problem: { ...part.problem, message, advice, try: "agent provision plan" } };
}

/** What others made and would go with it: a refusal, or a remark where it was said that it may go. */
async function withSpared(part: Part, doing: Doing, goes: Goes): Promise<Part> {
  const { resource, actual } = part;
  if (!isRemovable(part) || resource.spares === undefined) return part;
  const { id } = resource;
  try {
    const spared = await tryAgain(doing, async () => (await resource.spares?.(actual, doing)) ?? []);
    const kept = spared.filter(({ kind }) => !goes.has(kind));
    const [first] = kept;
    if (first !== undefined) {
      const message = `Cannot destroy ${id}: ${kept.map(({ because }) => because).join("; ")}`;
      const flags = kept.map(({ kind }) => `--${kind}`);
      const advice = `It stays; ${flags.join(" ")} deletes it, with all that is in it`;
      const command = [doing.again, ...flags].join(" ");
      return { ...part, problem: { resource: id, message, missing: null, advice, try: command } };
    }
    const remarks = spared.map(({ because }): Part["remarks"][number] => {
      return { resource: id, level: "warning", message: `${because}: deleted too`, advice: null, try: null };
    });
    return { ...part, remarks: [...part.remarks, ...remarks] };
  } catch (error) {
    if (doing.stop.aborted) throw error;
    return { ...part, problem: problemOf(id, error, doing.again) };
  }
}

export function removalSteps(plan: Plan): Step[] {
  return plan.parts.flatMap((part) => (isRemovable(part) ? [removalStep(part)] : []));
}

function isRemovable({ resource, actual, problem }: Part): boolean {
  return actual !== null && problem === null && resource.remove !== undefined;
}

function removalStep({ resource }: Part): Step {
  return { resource: resource.id, action: "delete", because: "agent provision made it", side: resource.side };
}

/** The outcome of every step. What could not be deleted keeps all that it needs, by name. `goes`: as the plan was made with. */
export async function applyRemoval(
  plan: Plan,
  world: Omit<Doing, "facts">,
  watch: Watch,
  goes: Goes = new Set(),
): Promise<readonly Outcome[]> {
  const doing = { ...world, facts: plan.facts };
  const byId = new Map(plan.parts.map((part) => [part.resource.id, part]));
  const teller = new InOrder([...byId.keys()], watch.onOutcome);
  const left = new Set<string>();
  const loggedOut = new Set<Side>();
  const resources = plan.parts.map(({ resource }) => resource);
  const order = removingOrder(resources);
  // Only what needs it keeps it: `after` is an order, and no need.
  const dependantsOf = (id: string) => [
    ...resources
      .filter(({ needs, outlives = [] }) => needs.includes(id) && !outlives.includes(id))
      .map((one) => one.id),
    ...(mustGet(byId, id).resource.outlives ?? []),
  ];
  await walk(order, AT_ONCE, async (id) => {
    const part = mustGet(byId, id);
    if (!isRemovable(part)) {
      // What could not be looked at, or is not ours, may rest on what comes later.
      if (part.problem !== null) left.add(id);
      return teller.done(id, []);
    }
    const step = removalStep(part);
    const dependant = dependantsOf(id).find((other) => left.has(other));
    const startedMs = doing.now();
    const { side } = part.resource;
    const work = () => tryAgain(doing, async () => part.resource.remove?.(part.actual, doing, goes));
    const spared = dependant !== undefined ? stays(id, dependant) : loggedOut.has(side) ? untouchedBy(id) : null;
    const problem = spared ?? (await attempt(id, doing, noticing(loggedOut, side, work)));
    if (problem !== null) left.add(id);
    const result = problem === null ? "done" : spared === null ? "failed" : "skipped";
    teller.done(id, [{ step, result, problem, tookMs: doing.now() - startedMs }]);
  });
  return teller.all;
}

function stays(resource: string, dependant: string): Problem {
  return {
    resource,
    message: `${resource} was left: ${dependant} still needs it`,
    missing: null,
    advice: null,
    try: null,
  };
}
