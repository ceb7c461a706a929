/**
 * Does what a plan says, one call per step, and decides nothing. What fails is reported, what needs it is skipped and named, and
 * everything else is done. Killed anywhere, the next plan begins with what is there.
 */
import { AgentError, LoginRefusedError, TransientError } from "../core/errors.ts";
import type { FactBook } from "./facts.ts";
import { makingOrder, mustGet, walk } from "./graph.ts";
import { foreignProblem, type Part, type Plan, type Problem, problemOf, type Step, stepsOf } from "./plan.ts";
import { pollUntil, READ_BACK_WAIT, tryAgain } from "./poll.ts";
import type { Doing, Resource, Side } from "./resource.ts";

/** Resources that are worked on at the same time: S3 answers SlowDown to more changes of buckets than that. */
const AT_ONCE = 8;

export type Outcome = {
  readonly step: Step;
  readonly result: "done" | "failed" | "skipped";
  readonly problem: Problem | null;
  readonly tookMs: number;
};

export type Watch = {
  readonly onOutcome: (outcome: Outcome) => void;
};

/** The outcome of every step that was to be done, in the order of the plan. */
export async function applyPlan(plan: Plan, world: Omit<Doing, "facts">, watch: Watch): Promise<readonly Outcome[]> {
  const parts = new Map(plan.parts.map((part) => [part.resource.id, part]));
  const order = makingOrder(plan.parts.map(({ resource }) => resource));
  const teller = new InOrder(
    plan.parts.map(({ resource }) => resource.id),
    watch.onOutcome,
  );
  const broken = new Set<string>();
  const loggedOut = new Set<Side>();
  await walk(order, AT_ONCE, async (id) => {
    const part = comparedAgain(mustGet(parts, id), plan.facts);
    const blocker = part.resource.needs.find((need) => broken.has(need));
    const outcomes = await applyPart(part, blocker, { ...world, facts: plan.facts }, loggedOut);
    if (part.problem !== null || outcomes.some(({ result }) => result !== "done")) broken.add(id);
    teller.done(id, outcomes);
  });
  return teller.all;
}

/** What each resource says when it is looked at once more, at the end of an apply of which every step is done. */
export async function confirmPlan(plan: Plan, world: Omit<Doing, "facts">): Promise<readonly Problem[]> {
  const doing = { ...world, facts: plan.facts };
  const problems: Problem[] = [];
  for (const { resource, problem } of plan.parts) {
    if (problem !== null || resource.unwanted !== undefined || resource.confirm === undefined) continue;
    const found = await attempt(resource.id, doing, () => tryAgain(doing, async () => resource.confirm?.(doing)));
    if (found !== null) problems.push(found);
  }
  return problems;
}

/** What became known on the way, such as a new external id, may make a difference that no plan could know. */
function comparedAgain(part: Part, facts: FactBook): Part {
  const { resource, actual, problem } = part;
  if (problem !== null || actual === null || resource.unwanted !== undefined) return part;
  return { ...part, changes: resource.diff(actual, facts) };
}

/** `loggedOut`: the sides whose login was refused; what remains of them is not tried, and the refusal is said once. */
async function applyPart(
  part: Part,
  blocker: string | undefined,
  doing: Doing,
  loggedOut: Set<Side>,
): Promise<Outcome[]> {
  const { id, side } = part.resource;
  const steps = stepsOf(part).filter(({ action }) => action !== "none");
  const outcomes: Outcome[] = [];
  let problem: Problem | null = null;
  if (blocker !== undefined) {
    const message = `${part.resource.id} was not touched: it needs ${blocker}`;
    problem = { resource: part.resource.id, message, missing: null, advice: null, try: null };
  } else if (doing.stop.aborted) {
    const message = `${part.resource.id} was not touched: a signal stopped the work`;
    problem = { resource: part.resource.id, message, missing: null, advice: null, try: doing.again };
  }
  for (const [at, step] of steps.entries()) {
    if (problem === null && loggedOut.has(side)) {
      problem = untouchedBy(id);
    }
    if (problem !== null) {
      outcomes.push({ step, result: "skipped", problem, tookMs: 0 });
      continue;
    }
    const startedMs = doing.now();
    const work = () =>
      step.action === "create"
        ? bringUp(part.resource, doing)
        : tryAgain(doing, async () => part.changes[at]?.make(doing));
    const failed = await attempt(step.resource, doing, noticing(loggedOut, side, work));
    const tookMs = doing.now() - startedMs;
    outcomes.push({ step, result: failed === null ? "done" : "failed", problem: failed, tookMs });
    // The aspects of a resource do not need one another: the next one is tried too.
  }
  return outcomes;
}

/** The work, which remembers a side whose login was refused. */
export function noticing(loggedOut: Set<Side>, side: Side, work: () => Promise<void>): () => Promise<void> {
  return async () => {
    try {
      await work();
    } catch (error) {
      if (error instanceof LoginRefusedError) loggedOut.add(side);
      throw error;
    }
  };
}

export function untouchedBy(resource: string): Problem {
  const message = `${resource} was not touched: the login is refused`;
  return { resource, message, missing: null, advice: null, try: null };
}

export async function attempt(resource: string, doing: Doing, work: () => Promise<void>): Promise<Problem | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (error instanceof AgentError || !doing.stop.aborted) return problemOf(resource, error, doing.again);
    return {
      resource,
      message: `Cannot finish ${resource}: a signal stopped the work`,
      missing: null,
      advice: null,
      try: doing.again,
    };
  }
}

/** Made, read back, and every difference that is left removed. */
async function bringUp(resource: Resource, doing: Doing): Promise<void> {
  const actual = await createSurely(resource, doing);
  for (const change of resource.diff(actual, doing.facts)) await tryAgain(doing, () => change.make(doing));
}

/** An answer may have been lost: after a TransientError it is looked for first, and made again only if it is not there. */
async function createSurely(resource: Resource, doing: Doing): Promise<unknown> {
  const lost = await tryAgain(doing, async () => {
    const failure = await resource.create(doing).then(() => null, transientOnly);
    if (failure === null) return null;
    const there = await resource.read(doing).catch(transientOnly);
    if (there === null || there instanceof TransientError) throw failure;
    return { there: owned(resource, there, doing) };
  });
  if (lost !== null) return learned(resource, lost.there, doing);
  const actual = await pollUntil(`${resource.id} to be seen`, READ_BACK_WAIT, doing, async () => {
    const value = await resource.read(doing);
    return value === null ? { notYet: "it is not there yet" } : { value };
  });
  return learned(resource, actual, doing);
}

function learned(resource: Resource, actual: unknown, doing: Doing): unknown {
  doing.facts.learn(resource.learn?.(actual) ?? {});
  return actual;
}

/** After a lost answer, the thing that is there may be another owner's, made in the same moment. */
function owned(resource: Resource, actual: unknown, doing: Doing): unknown {
  const foreign = resource.foreign?.(actual, doing.facts) ?? null;
  if (foreign === null) return actual;
  const problem = foreignProblem(resource, foreign);
  throw new AgentError(problem.message, {
    ...(problem.advice === null ? {} : { advice: problem.advice }),
    ...(problem.try === null ? {} : { tryHint: problem.try }),
  });
}

function transientOnly(error: unknown): TransientError {
  if (error instanceof TransientError) return error;
  throw error;
}

/** Resources end in any order; they are reported in the order of the plan, each as soon as all before it are. */
export class InOrder {
  readonly all: Outcome[] = [];
  readonly #ids: string[];
  readonly #ready = new Map<string, readonly Outcome[]>();
  readonly #tell: (outcome: Outcome) => void;

  constructor(ids: readonly string[], tell: (outcome: Outcome) => void) {
    this.#ids = [...ids];
    this.#tell = tell;
  }

  done(id: string, outcomes: readonly Outcome[]): void {
    this.#ready.set(id, outcomes);
    for (let next = this.#ids[0]; next !== undefined && this.#ready.has(next); next = this.#ids[0]) {
      this.#ids.shift();
      for (const outcome of this.#ready.get(next) ?? []) {
        this.all.push(outcome);
        this.#tell(outcome);
      }
    }
  }
}
