/** Deletes what was made, and nothing else: planned by looking, done in the opposite order of making. */
import { attempt, InOrder, noticing, type Outcome, untouchedBy, type Watch } from "./apply.ts";
import { mustGet, removingOrder, sorted, walk } from "./graph.ts";
import { makePlan, type Part, type Plan, type Problem, problemOf, type Step } from "./plan.ts";
import { tryAgain } from "./poll.ts";
import type { Doing, ProvisionSide, Side, Spared } from "./resource.ts";

/** Buckets are emptied at the same time; what bounds it is the server, not this. */
const AT_ONCE = 8;

/** What goes although provision did not make it: only what was said. */
export type RemovalOptions = ReadonlySet<Spared["kind"]>;

/** The parts in the order of deletion. What is not there has no step; what is not ours has a problem. */
export async function planRemoval(
  sides: readonly ProvisionSide[],
  world: Omit<Doing, "facts">,
  goes: RemovalOptions = new Set(),
): Promise<Plan> {
  const { parts, facts } = await makePlan(sides, { adopt: false }, world);
  const doing = { ...world, facts };
  const judged = await Promise.all(parts.map((part) => withSpared(withRefusal(part), doing, goes)));
  const byId = new Map(judged.map((part) => [part.resource.id, part]));
  const order = sorted(removingOrder(parts.map(({ resource }) => resource)));
  return { parts: order.map((id) => mustGet(byId, id)), facts };
}

function withRefusal(part: Part): Part {
  if (!part.isForeign || part.problem === null) return part;
  const message = part.problem.message.replace("Cannot use", "Cannot destroy");
  const advice = "Delete it by hand if it is not needed";
  return { ...part, problem: { ...part.problem, message, advice, try: "agent provision plan" } };
}

/** What others made and would go with it: a refusal, or a remark where it was said that it may go. */
async function withSpared(part: Part, doing: Doing, goes: RemovalOptions): Promise<Part> {
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
      const advice = `It stays, with all that is in it; ${flags.join(" ")} deletes it`;
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

/** The outcome of every step. What could not be deleted keeps all that it needs, by name. */
export async function applyRemoval(plan: Plan, world: Omit<Doing, "facts">, watch: Watch): Promise<readonly Outcome[]> {
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
