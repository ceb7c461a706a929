/**
 * A rule's own tests: readings, alone or in a sequence, that must break it or must not. They run before the rule is accepted.
 */
import { about, either, made, named } from "../../core/outside/composed-shapes.ts";
import { boolean } from "../../core/outside/scalar-shapes.ts";
import { type Complain, list, object, optional, type Partly, type Shape } from "../../core/outside/shape.ts";
import { DURATION } from "../kinds/fields.ts";
import { RULE_LIMITS } from "../rule-set.ts";
import { ONE_READING, SEQUENCE, SEQUENCE_MOST, type Sequence } from "./test-readings.ts";

export type RuleTest = {
  /** One reading, or several that are judged from an empty memory on. */
  readonly sequence: Sequence;
  /** Between two readings of a sequence, where the second has no timestamp of its own. */
  readonly everyMs: number;
  /** `true`: the last reading breaks the rule; `false`: none does; a list: for each reading. */
  readonly verdicts: boolean | readonly boolean[];
  /** Where the verdicts are in the file. */
  readonly path: string;
};

const EVERY_MS = 60_000;

/** The expected verdict of a reading; null where the test says nothing of it. */
export function expectedAt({ verdicts, sequence }: RuleTest, reading: number): boolean | null {
  if (verdicts === true) return reading === sequence.count - 1 ? true : null;
  return verdicts === false ? false : (verdicts[reading] ?? null);
}

/** Where a test that failed is shown. */
export function pathOfExpected({ verdicts, path }: RuleTest, reading: number): string {
  return typeof verdicts === "boolean" ? path : `${path}[${reading}]`;
}

type Verdicts = RuleTest["verdicts"];
type WrittenTest = {
  readonly reading: Sequence | undefined;
  readonly readings: Sequence | undefined;
  readonly every: number | undefined;
  readonly breaks: Verdicts;
};

const WRITTEN: Shape<WrittenTest> = object(
  {
    reading: optional(ONE_READING),
    readings: about(optional(SEQUENCE), "A sequence, judged from an empty memory on"),
    every: about(optional(DURATION), "Between two readings of the sequence, where the second has no timestamp", "1m"),
    breaks: about(
      either<Verdicts, Verdicts>(Array.isArray, list(boolean, { least: 1, most: SEQUENCE_MOST }), boolean),
      "Of a sequence: true, the last reading breaks the rule; false, none does; a list, for each reading",
    ),
  },
  checkTest,
  { of: ["reading", "readings"], what: 'needs "reading" or "readings", one of them', only: true },
);

function checkTest({ reading, readings, every, breaks }: Partly<WrittenTest>, complain: Complain): void {
  const listed = typeof breaks === "object" ? breaks.length : null;
  if (readings?.count !== undefined) {
    if (listed !== null && listed !== readings.count)
      complain("breaks", `lists ${listed} for ${readings.count} readings`);
  } else if (reading !== undefined) {
    if (every !== undefined) complain("every", 'is between "readings"; one reading has none');
    if (listed !== null) complain("breaks", "must be true or false for one reading, not a list");
  }
}

const TEST: Shape<RuleTest> = named(
  "test",
  made(WRITTEN, ({ reading, readings, every, breaks }, { path }) => {
    const sequence = readings ?? reading;
    return sequence && { sequence, everyMs: every ?? EVERY_MS, verdicts: breaks, path: `${path}.breaks` };
  }),
);

export const TESTS: Shape<readonly RuleTest[]> = list(
  TEST,
  { least: 0, most: RULE_LIMITS.tests },
  (tests, complain) => {
    const readings = tests.reduce((sum, test) => sum + (test?.sequence.count ?? 0), 0);
    if (readings <= RULE_LIMITS.testReadings) return;
    complain("", `have ${readings} readings in all, at most ${RULE_LIMITS.testReadings} are allowed`);
  },
);
