/** Deletes what was made, and nothing else: planned by looking, done in the opposite order of making. */
import { attempt, InOrder, noticing, type Outcome, untouchedBy, type Watch } from "./apply.ts";
import { mustGet, removingOrder, sorted, walk } from "./graph.ts";
import { makePlan, type Part, type Plan, type Problem, type Step } from "./plan.ts";
import { tryAgain } from "./poll.ts";
import type { Doing, ProvisionSide, Side } from "./resource.ts";

/** Buckets are emptied at the same time; what bounds it is the server, not this. */
const AT_ONCE = 8;

/** The parts in the order of deletion. What is not there has no step; what is not ours has a problem. */
export async function planRemoval(sides: readonly ProvisionSide[], world: Omit<Doing, "facts">): Promise<Plan> {
  const { parts, facts } = await makePlan(sides, { adopt: false }, world);
  const byId = new Map(parts.map((part) => [part.resource.id, part]));
  const order = sorted(removingOrder(parts.map(({ resource }) => resource)));
  return { parts: order.map((id) => withRefusal(mustGet(byId, id))), facts };
}

function withRefusal(part: Part): Part {
  if (!part.isForeign || part.problem === null) return part;
  const message = part.problem.message.replace("Cannot use", "Cannot destroy");
  const advice = "Delete it by hand if it is not needed";
  return { ...part, problem: { ...part.problem, message, advice, try: "agent provision plan" } };
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

/** The outcome of every step. What could not be deleted keeps all that it needs, by name. */
export async function applyRemoval(plan: Plan, world: Omit<Doing, "facts">, watch: Watch): Promise<readonly Outcome[]> {
  const doing = { ...world, facts: plan.facts };
  const byId = new Map(plan.parts.map((part) => [part.resource.id, part]));
  const teller = new InOrder([...byId.keys()], watch.onOutcome);
  const left = new Set<string>();
  const loggedOut = new Set<Side>();
  const order = removingOrder(plan.parts.map(({ resource }) => resource));
  await walk(order, AT_ONCE, async (id) => {
    const part = mustGet(byId, id);
    if (!isRemovable(part)) return teller.done(id, []);
    const step = removalStep(part);
    const dependant = (order.get(id) ?? []).find((other) => left.has(other));
    const startedMs = doing.now();
    const { side } = part.resource;
    const work = () => tryAgain(doing, async () => part.resource.remove?.(part.actual, doing));
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
