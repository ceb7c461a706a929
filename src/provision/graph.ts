/** The order of a set of resources, and a walk over it that does at once what may be done at once. */
import type { Resource } from "./resource.ts";

/** For each id the ids that come before it. */
export type Order = ReadonlyMap<string, readonly string[]>;

/** Making: `needs` and `after` first. What is not in the graph (`--only aws`) orders nothing. */
export function makingOrder(resources: readonly Resource[]): Order {
  return orderOf(resources, (one) => [...one.needs, ...(one.after ?? [])]);
}

/** Reading: only what reading itself uses comes first. */
export function readingOrder(resources: readonly Resource[]): Order {
  return orderOf(resources, (one) => one.readAfter ?? []);
}

/** Taking away: making, backwards, but for what `outlives` turns round. */
export function removingOrder(resources: readonly Resource[]): Order {
  const before = new Map(resources.map(({ id }): [string, string[]] => [id, []]));
  for (const one of resources) {
    for (const earlier of [...one.needs, ...(one.after ?? [])]) {
      const [first, then] = one.outlives?.includes(earlier) ? [earlier, one.id] : [one.id, earlier];
      if (before.has(first)) before.get(then)?.push(first);
    }
  }
  return checked(before);
}

function orderOf(resources: readonly Resource[], earlier: (one: Resource) => readonly string[]): Order {
  const ids = new Set(resources.map(({ id }) => id));
  if (ids.size !== resources.length) throw new Error("two resources of the graph have one id");
  return checked(new Map(resources.map((one) => [one.id, earlier(one).filter((id) => ids.has(id))])));
}

/** The ids, each behind all that come before it; else in the order in which they were given. */
export function sorted(order: Order): string[] {
  const done = new Set<string>();
  const visit = (id: string, path: readonly string[]) => {
    if (path.includes(id)) throw new Error(`the graph has a circle: ${[...path, id].join(" -> ")}`);
    if (done.has(id)) return;
    for (const earlier of order.get(id) ?? []) visit(earlier, [...path, id]);
    done.add(id);
  };
  for (const id of order.keys()) visit(id, []);
  return [...done];
}

/** Of a map that has an entry for every id of the graph. */
export function mustGet<T>(map: ReadonlyMap<string, T>, id: string): T {
  const value = map.get(id);
  if (value === undefined) throw new Error(`${id} is not in the graph`);
  return value;
}

function checked(order: Order): Order {
  sorted(order);
  return order;
}

/** Works on every id once, behind all that come before it, at most `atOnce` at a time. The first error ends the walk. */
export async function walk(order: Order, atOnce: number, work: (id: string) => Promise<void>): Promise<void> {
  const waiting = sorted(order);
  const done = new Set<string>();
  const working = new Map<string, Promise<void>>();
  while (waiting.length > 0 || working.size > 0) {
    const ready = waiting.filter((id) => mustGet(order, id).every((earlier) => done.has(earlier)));
    for (const id of ready.slice(0, atOnce - working.size)) {
      waiting.splice(waiting.indexOf(id), 1);
      working.set(
        id,
        work(id).then(() => {
          done.add(id);
          working.delete(id);
        }),
      );
    }
    await Promise.race(working.values());
  }
}
