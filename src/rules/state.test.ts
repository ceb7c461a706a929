import { expect, test } from "bun:test";
import fc from "fast-check";
import { JointMemory, RuleState, Subjects } from "./state.ts";

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
          subjects.of("a sensor that was not there before");
          state = new RuleState(subjects, FRESH);
          expect(state.load(saved)).toBe(true);
          kept = new Map(now);
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

test("the memory of a rule of another shape, or a damaged one, is not used", () => {
  const subjects = new Subjects();
  const state = new RuleState(subjects, FRESH);
  state.touch(subjects.of("a"));
  state.keep();
  const saved = state.save();
  expect(new RuleState(subjects, [0, 0, 0]).load(saved)).toBe(false);
  expect(new RuleState(subjects, FRESH).load(saved.subarray(0, saved.length - 1))).toBe(false);
  expect(new RuleState(subjects, FRESH).load(new Uint8Array())).toBe(false);
});

test("two memories are saved and taken over together, or not at all", () => {
  const made = (width: number) => {
    const subjects = new Subjects();
    const [first, second] = [new RuleState(subjects, FRESH), new RuleState(subjects, new Array<number>(width).fill(0))];
    return { subjects, first, second, both: new JointMemory(first, second) };
  };
  const old = made(3);
  old.first.values[old.first.touch(old.subjects.of("a"))] = 5;
  old.second.values[old.second.touch(old.subjects.of("b")) + 2] = 6;
  old.both.keep();
  const saved = old.both.save();
  const same = made(3);
  expect(same.both.load(saved)).toBe(true);
  expect(same.first.values[same.first.touch(same.subjects.of("a"))]).toBe(5);
  expect(same.second.values[same.second.touch(same.subjects.of("b")) + 2]).toBe(6);
  // The second is of another shape, so the first is not taken either.
  const other = made(4);
  expect(other.both.load(saved)).toBe(false);
  expect(other.both.size).toBe(0);
  expect(made(3).both.load(saved.subarray(0, saved.length - 1))).toBe(false);
  expect(made(3).both.load(old.first.save())).toBe(false);
});
