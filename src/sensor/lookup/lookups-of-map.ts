/** The tables that a map names, opened while the file is checked, so that one which cannot be read is reported at its place. */
import { messageOf } from "../../core/errors.ts";
import type { Complain, Partly } from "../../core/outside/shape.ts";
import { TEXT_COLUMNS } from "../map/field-shape.ts";
import { Lookup, type LookupKey } from "./lookup.ts";

export class LookupsOfMap {
  readonly opened: Lookup[] = [];
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  open(keys: Partly<readonly LookupKey[]>, complain: Complain): void {
    for (const [i, said] of keys.entries()) {
      const place = `lookup${keys.length > 1 ? `[${i}]` : ""}.from`;
      const { by, from, key, fields } = said ?? {};
      // What was refused is reported already.
      if (by === undefined || from === undefined || fields === undefined) continue;
      const named = new Map([...fields].flatMap(([column, to]) => (to === undefined ? [] : [[column, to] as const])));
      const { text, path, form, table } = from;
      if (text === undefined || path === undefined || form === undefined || table === undefined) continue;
      const whole = { by, from: { text, path, form, table }, key, fields: named };
      try {
        this.opened.push(new Lookup(whole, this.#folder, (to) => !TEXT_COLUMNS.has(to)));
      } catch (error) {
        complain(place, `cannot be read: ${messageOf(error)}`);
      }
    }
  }
}
