import { expect, test } from "bun:test";
import fc from "fast-check";
import { RuleState, Subjects } from "./state.ts";

const FRESH = [Number.NaN, 0];

test("what a block touched stays when it is kept and is put back when it is not, for any order of touches", () => {
  const step = fc.oneof(
    fc.record({ subject: fc.integer({ min: 0, max: 90 }), value: fc.double() }),
    fc.constantFrom("keep" as const, "roll back" as const, "save and load" as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      let subjects = new Subjects();
      let state = new RuleState(subjects, FRESH);
      let kept = new Map<string, number[]>();
      let now = new Map<string, number[]>();
      for (const what of steps) {
        if (what === "keep") {
          state.keep();
          kept = new Map(now);
        } else if (what === "roll back") {
          state.rollBack();
          now = new Map(kept);
        } else if (what === "save and load") {
          const saved = state.save();
          subjects = new Subjects();
          subjects.of("somebody who was not there before");
          state = new RuleState(subjects, FRESH);
          expect(state.load(saved)).toBe(true);
          now = new Map(kept);
        } else {
          const name = `s${what.subject}`;
          const at = state.touch(subjects.of(name));
          const found = [...state.values.subarray(at, at + 2)];
          expect(found).toEqual(now.get(name) ?? FRESH);
          state.values[at] = what.value;
          state.values[at + 1]!++;
          now.set(name, [what.value, found[1]! + 1]);
        }
        expect(state.size).toBe(now.size);
      }
    }),
  );
});

test("what was saved by a rule of another shape, or is damaged, is not taken over", () => {
  const subjects = new Subjects();
  const state = new RuleState(subjects, FRESH);
  state.touch(subjects.of("a"));
  state.keep();
  const saved = state.save();
  expect(new RuleState(subjects, [0, 0, 0]).load(saved)).toBe(false);
  expect(new RuleState(subjects, FRESH).load(saved.subarray(0, saved.length - 1))).toBe(false);
  expect(new RuleState(subjects, FRESH).load(new Uint8Array())).toBe(false);
});
