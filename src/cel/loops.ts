/** The macros that look at every item of a list. */
import { noOverload } from "./values.ts";

/** A loop over more items is an error: an expression has an end that can be foreseen. */
export const LOOP_ITEMS = 10_000;

type Each = (item: unknown) => unknown;
export type Loop = (items: readonly unknown[], each: Each, filter: Each) => unknown;

export const LOOPS: Readonly<Record<string, Loop>> = {
  all: (items, each) => decided(items, each, false),
  exists: (items, each) => decided(items, each, true),
  exists_one: (items, each) => items.filter((item) => condition(each(item))).length === 1,
  filter: (items, each) => items.filter((item) => condition(each(item))),
  map: (items, each, filter) => items.filter((item) => condition(filter(item))).map(each),
};

/** As `&&` and `||` over all: one that decides absorbs the errors of the others. */
function decided(items: readonly unknown[], each: Each, deciding: boolean): boolean {
  let failed: unknown;
  for (const item of items) {
    try {
      if (condition(each(item)) === deciding) return deciding;
    } catch (error) {
      failed ??= error;
    }
  }
  if (failed !== undefined) throw failed;
  return !deciding;
}

function condition(value: unknown): boolean {
  if (typeof value !== "boolean") throw noOverload("loop", value);
  return value;
}
