/** The plainest resources, in memory: what the engine's tests run on, and an example of the port for who writes another. */
import { AgentError, TransientError } from "../core/errors.ts";
import type { Facts } from "./facts.ts";
import { mustGet } from "./graph.ts";
import { type Change, type Doing, MANAGED_BY, type ProvisionSide, type Resource, type Side } from "./resource.ts";

export type MemoryThing = { readonly owner: string; readonly aspects: Record<string, string> };

/** A cloud that is a map, and its calls as they came: `read a`, `create a`, `set a.colour`, `remove a`. */
export class MemoryCloud {
  readonly things = new Map<string, MemoryThing>();
  readonly calls: string[] = [];
  /** Errors to come, by call; each once. "lost" does the work and loses the answer. */
  readonly faults = new Map<string, "transient" | "lost" | AgentError>();

  call(name: string, work: () => void): void {
    this.calls.push(name);
    const fault = this.faults.get(name);
    this.faults.delete(name);
    if (fault instanceof AgentError) throw fault;
    if (fault === "transient") throw new TransientError(`Cannot ${name}: later`);
    work();
    if (fault === "lost") throw new TransientError(`Cannot ${name}: the answer was lost`);
  }
}

export type MemoryWish = {
  readonly id: string;
  readonly needs?: readonly string[];
  readonly after?: readonly string[];
  readonly outlives?: readonly string[];
  readonly aspects?: Readonly<Record<string, string>>;
  /** An aspect `role` that must be the fact `roleArn`, which the resource with `tellsRole` gives. */
  readonly usesRole?: true;
  readonly tellsRole?: true;
};

export function memoryResource(cloud: MemoryCloud, wish: MemoryWish): Resource<MemoryThing> {
  const { id, needs = [], usesRole, tellsRole } = wish;
  return {
    id,
    side: "aws",
    needs,
    ...(wish.after === undefined ? {} : { after: wish.after }),
    ...(wish.outlives === undefined ? {} : { outlives: wish.outlives }),
    ...(tellsRole ? { tells: ["roleArn"] as const, learn: () => ({ roleArn: `arn:of:${id}` }) } : {}),
    read: async () => {
      let thing: MemoryThing | null = null;
      cloud.call(`read ${id}`, () => {
        thing = structuredClone(cloud.things.get(id) ?? null);
      });
      return thing;
    },
    foreign: ({ owner }) => (owner === MANAGED_BY ? null : `it is of ${owner}`),
    diff: ({ owner, aspects }, facts) => {
      const wanted = { ...wish.aspects, ...(usesRole ? { role: facts.get("roleArn") ?? "known after apply" } : {}) };
      const changes = Object.entries(wanted)
        .filter(([name, value]) => aspects[name] !== value)
        .map(([name, value]): Change => {
          const because = `${name}: ${aspects[name] ?? "none"} -> ${value}`;
          const make = async (doing: Doing) =>
            cloud.call(`set ${id}.${name}`, () => {
              mustGet(cloud.things, id).aspects[name] = name === "role" ? doing.facts.need("roleArn") : value;
            });
          return { action: "update", because, make };
        });
      if (owner === MANAGED_BY) return changes;
      const adopt = async () =>
        cloud.call(`adopt ${id}`, () => void cloud.things.set(id, { ...mustGet(cloud.things, id), owner: MANAGED_BY }));
      return [{ action: "update", because: `owner: ${owner} -> ${MANAGED_BY}`, make: adopt }, ...changes];
    },
    create: async () =>
      cloud.call(`create ${id}`, () => {
        if (cloud.things.has(id)) throw new AgentError(`Cannot create ${id}: it exists`);
        cloud.things.set(id, { owner: MANAGED_BY, aspects: {} });
      }),
    remove: async () => cloud.call(`remove ${id}`, () => void cloud.things.delete(id)),
  };
}

export function memorySide(resources: readonly Resource<MemoryThing>[], told: Partial<Facts> = {}): ProvisionSide {
  const side: Side = "aws";
  return { side, resources: resources as readonly Resource[], check: async () => told, close: () => undefined };
}
