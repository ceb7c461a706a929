/** The engine of provisioning, on a cloud that is a map: what a plan says, what apply does, and what a fault does to it. */
import { expect, test } from "bun:test";
import { DeniedError, LoginRefusedError, messageOf } from "../core/errors.ts";
import { applyPlan, type Outcome } from "./apply.ts";
import { AGAIN } from "./errors.suite.ts";
import type { FactBook } from "./facts.ts";
import { MemoryCloud, type MemoryWish, memoryResource, memorySide } from "./memory-cloud.ts";
import { makePlan, planProblems, planSteps } from "./plan.ts";
import { applyRemoval, planRemoval, removalSteps } from "./removal.ts";
import { MANAGED_BY } from "./resource.ts";

const WISHES: readonly MemoryWish[] = [
  { id: "bucket", aspects: { versioning: "on" } },
  { id: "credential", tellsRole: true },
  { id: "role", needs: ["credential"], outlives: ["credential"], usesRole: true },
  { id: "location", needs: ["bucket", "credential", "role"] },
  { id: "catalog", needs: ["location"], aspects: { comment: "ours" } },
];

/** A world without real time: a wait is over at once, and is counted. */
function world() {
  let nowMs = 0;
  const told: string[] = [];
  return {
    told,
    stop: new AbortController().signal,
    tell: (text: string) => void told.push(text),
    now: () => nowMs,
    again: AGAIN,
    wait: async (ms: number) => {
      nowMs += ms;
    },
  };
}

const sides = (cloud: MemoryCloud) => [memorySide(WISHES.map((wish) => memoryResource(cloud, wish)))];

async function planned(cloud: MemoryCloud, adopt = false): Promise<string[]> {
  const plan = await makePlan(sides(cloud), { adopt }, world());
  return [
    ...planSteps(plan).map(({ resource, action, because }) => `${action} ${resource}: ${because}`),
    ...planProblems(plan).map(({ message }) => message),
  ];
}

async function apply(cloud: MemoryCloud, adopt = false): Promise<readonly Outcome[]> {
  return applyPlan(await makePlan(sides(cloud), { adopt }, world()), world(), { onOutcome: () => undefined });
}

const outcomeLines = (outcomes: readonly Outcome[]) =>
  outcomes.map(({ step, result }) => `${result} ${step.action} ${step.resource}`);
const writes = (cloud: MemoryCloud) => cloud.calls.filter((call) => !call.startsWith("read"));

test("in an empty cloud everything is created, each behind what it needs, and the second plan has nothing to do", async () => {
  const cloud = new MemoryCloud();
  expect(await planned(cloud)).toEqual([
    "create bucket: it does not exist",
    "create credential: it does not exist",
    "create role: it does not exist",
    "create location: it does not exist",
    "create catalog: it does not exist",
  ]);
  expect(writes(cloud)).toEqual([]);
  expect((await apply(cloud)).every(({ result }) => result === "done")).toBe(true);
  // What only became known on the way went where it belongs.
  expect(cloud.things.get("role")!.aspects["role"]).toBe("arn:of:credential");
  cloud.calls.length = 0;
  expect(await planned(cloud)).toEqual(WISHES.map(({ id }) => `none ${id}: it is as it should be`));
  expect(await apply(cloud)).toEqual([]);
  expect(writes(cloud)).toEqual([]);
});

test("a difference is one step with its reason, and only that call is made", async () => {
  const cloud = new MemoryCloud();
  await apply(cloud);
  cloud.things.get("bucket")!.aspects["versioning"] = "off";
  cloud.calls.length = 0;
  expect((await planned(cloud))[0]).toBe("update bucket: versioning: off -> on");
  expect(outcomeLines(await apply(cloud))).toEqual(["done update bucket"]);
  expect(writes(cloud)).toEqual(["set bucket.versioning"]);
});

test("a value that is not known yet says so, and is known when the step is made", async () => {
  const cloud = new MemoryCloud();
  await apply(cloud);
  cloud.things.delete("credential");
  cloud.things.get("role")!.aspects["role"] = "arn:of:an-older-one";
  expect((await planned(cloud)).slice(1, 3)).toEqual([
    "create credential: it does not exist",
    "update role: role: arn:of:an-older-one -> known after apply",
  ]);
  await apply(cloud);
  expect(cloud.things.get("role")!.aspects["role"]).toBe("arn:of:credential");
});

test("what becomes known on the way makes its differences in the same apply", async () => {
  const cloud = new MemoryCloud();
  await apply(cloud);
  const plain = WISHES.map((wish) => memoryResource(cloud, wish));
  const renewed = plain.map((one) => {
    if (one.id !== "credential") return one;
    // Changing it gives it another name, which no one knows before.
    const make = async ({ facts }: { readonly facts: FactBook }) => {
      cloud.call("renew credential", () => facts.learn({ roleArn: "arn:renewed" }));
    };
    return { ...one, diff: () => [{ action: "update" as const, because: "renewed", make }] };
  });
  const plan = await makePlan([memorySide(renewed)], { adopt: false }, world());
  expect(planSteps(plan).filter(({ action }) => action !== "none")).toHaveLength(1);
  const outcomes = await applyPlan(plan, world(), { onOutcome: () => undefined });
  expect(outcomeLines(outcomes)).toEqual(["done update credential", "done update role"]);
  expect(cloud.things.get("role")!.aspects["role"]).toBe("arn:renewed");
});

test("what is not ours is refused with a reason, and taken over with --adopt", async () => {
  const cloud = new MemoryCloud();
  cloud.things.set("bucket", { owner: "somebody", aspects: { versioning: "on" } });
  expect((await planned(cloud)).at(-1)).toBe("Cannot use bucket: it is of somebody");
  expect(outcomeLines(await apply(cloud))).toEqual([
    "done create credential",
    "done create role",
    "skipped create location",
    "skipped create catalog",
  ]);
  expect(outcomeLines(await apply(cloud, true)).slice(0, 1)).toEqual(["done update bucket"]);
  expect(await planned(cloud)).toContain("none bucket: it is as it should be");
});

test("a missing permission is named; what needs the resource is skipped, the rest is done", async () => {
  const cloud = new MemoryCloud();
  cloud.faults.set(
    "create role",
    new DeniedError("Cannot create role: no", { missing: "iam:CreateRole", tryHint: "ask" }),
  );
  const outcomes = await apply(cloud);
  expect(outcomeLines(outcomes)).toEqual([
    "done create bucket",
    "done create credential",
    "failed create role",
    "skipped create location",
    "skipped create catalog",
  ]);
  expect(outcomes[2]!.problem).toMatchObject({ missing: "iam:CreateRole", try: "ask" });
  expect(outcomes.slice(3).map(({ problem }) => problem!.message)).toEqual([
    "location was not touched: it needs role",
    "catalog was not touched: it needs location",
  ]);
  expect(outcomeLines(await apply(cloud))).toEqual(["done create role", "done create location", "done create catalog"]);
});

const EXPIRED = new LoginRefusedError("Cannot call: ExpiredToken", { missing: "credentials", tryHint: "aws login" });

test("a login that expires is said once: the plan ends with it, and apply leaves the rest untouched", async () => {
  const cloud = new MemoryCloud();
  for (const { id } of WISHES) cloud.faults.set(`read ${id}`, EXPIRED);
  expect(await planned(cloud).catch((error: unknown) => error)).toBe(EXPIRED);
  cloud.faults.clear();
  const plan = await makePlan(sides(cloud), { adopt: false }, world());
  for (const { id } of WISHES) cloud.faults.set(`create ${id}`, EXPIRED);
  const outcomes = await applyPlan(plan, world(), { onOutcome: () => undefined });
  // Those that were on their way at the same time are refused too.
  const failed = outcomes.filter(({ result }) => result === "failed").map(({ step }) => step.resource);
  expect(failed).toEqual(["bucket", "credential"]);
  expect(new Set(outcomes.map(({ result }) => result))).toEqual(new Set(["failed", "skipped"]));
});

test("a login that expires while things are deleted leaves the rest", async () => {
  const cloud = new MemoryCloud();
  await apply(cloud);
  const plan = await planRemoval(sides(cloud), world());
  cloud.faults.set("remove catalog", EXPIRED);
  const outcomes = await applyRemoval(plan, world(), { onOutcome: () => undefined });
  expect(outcomes.filter(({ result }) => result === "failed").map(({ step }) => step.resource)).toEqual(["catalog"]);
  expect(cloud.things.size).toBe(WISHES.length);
});

test("the next aspects of a resource are not tried with a login that was refused", async () => {
  const cloud = new MemoryCloud();
  const wish = { id: "one", aspects: { a: "1", b: "2", c: "3" } };
  cloud.things.set("one", { owner: MANAGED_BY, aspects: {} });
  const plan = await makePlan([memorySide([memoryResource(cloud, wish)])], { adopt: false }, world());
  cloud.faults.set("set one.a", EXPIRED);
  const outcomes = await applyPlan(plan, world(), { onOutcome: () => undefined });
  expect(outcomes.map(({ result, problem }) => [result, problem?.message])).toEqual([
    ["failed", "Cannot call: ExpiredToken"],
    ["skipped", "one was not touched: the login is refused"],
    ["skipped", "one was not touched: the login is refused"],
  ]);
});

test("a lost answer on create is looked for, not made twice; a refused one is made again", async () => {
  for (const fault of ["lost", "transient"] as const) {
    const cloud = new MemoryCloud();
    cloud.faults.set("create bucket", fault);
    expect(outcomeLines(await apply(cloud))[0]).toBe("done create bucket");
    expect(writes(cloud).filter((call) => call === "create bucket")).toHaveLength(fault === "lost" ? 1 : 2);
    expect(cloud.things.get("bucket")!.aspects["versioning"]).toBe("on");
  }
});

test("a killed apply continues where it stopped, wherever that was", async () => {
  const whole = new MemoryCloud();
  await apply(whole);
  const steps = writes(whole).length;
  expect(steps).toBeGreaterThan(5);
  for (let died = 1; died <= steps; died++) {
    const cloud = new MemoryCloud();
    let left = died;
    const call = cloud.call.bind(cloud);
    cloud.call = (name, work) => {
      if (!name.startsWith("read") && left-- <= 0) throw new Error("killed");
      call(name, work);
    };
    const end = await apply(cloud).then(() => "whole", messageOf);
    expect(end).toBe(died < steps ? "killed" : "whole");
    cloud.call = call;
    await apply(cloud);
    expect([died, [...cloud.things].sort()]).toEqual([died, [...whole.things].sort()]);
  }
});

test("destroy goes backwards, turns round where a resource outlives what it needs, and leaves what is not ours", async () => {
  const cloud = new MemoryCloud();
  await apply(cloud);
  cloud.things.set("bucket", { owner: "somebody", aspects: {} });
  cloud.calls.length = 0;
  const plan = await planRemoval(sides(cloud), world());
  expect(removalSteps(plan).map(({ resource }) => resource)).toEqual(["catalog", "location", "credential", "role"]);
  expect(planProblems(plan).map(({ message }) => message)).toEqual(["Cannot destroy bucket: it is of somebody"]);
  await applyRemoval(plan, world(), { onOutcome: () => undefined });
  expect(writes(cloud)).toEqual(["remove catalog", "remove location", "remove credential", "remove role"]);
  expect([...cloud.things.keys()]).toEqual(["bucket"]);
});

test("what is not wanted any more is deleted where it is ours, and is not a step where it is missing", async () => {
  const cloud = new MemoryCloud();
  const old = () => [memorySide([{ ...memoryResource(cloud, { id: "old" }), unwanted: "settings say so" }])];
  const steps = async () => planSteps(await makePlan(old(), { adopt: false }, world()));
  expect(await steps()).toEqual([]);
  cloud.things.set("old", { owner: "somebody", aspects: {} });
  expect(await steps()).toEqual([]);
  cloud.things.set("old", { owner: "agent-provision", aspects: {} });
  expect(await steps()).toMatchObject([{ resource: "old", action: "delete", because: "settings say so" }]);
  await applyPlan(await makePlan(old(), { adopt: false }, world()), world(), { onOutcome: () => undefined });
  expect(cloud.things.size).toBe(0);
});

test("what is needed and is not in the graph orders nothing, and is not touched", async () => {
  const cloud = new MemoryCloud();
  const alone = [memorySide([memoryResource(cloud, WISHES[2]!)])];
  cloud.things.set("role", { owner: "agent-provision", aspects: {} });
  expect(removalSteps(await planRemoval(alone, world())).map(({ resource }) => resource)).toEqual(["role"]);
});

test("what another resource still needs is not deleted", async () => {
  const cloud = new MemoryCloud();
  await apply(cloud);
  cloud.faults.set(
    "remove location",
    new DeniedError("Cannot remove location: no", { missing: "MANAGE", tryHint: "ask" }),
  );
  const outcomes = await applyRemoval(await planRemoval(sides(cloud), world()), world(), {
    onOutcome: () => undefined,
  });
  expect(outcomeLines(outcomes)).toEqual([
    "done delete catalog",
    "failed delete location",
    "skipped delete bucket",
    "skipped delete credential",
    "skipped delete role",
  ]);
});
