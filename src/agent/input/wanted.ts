/**
 * Records that the map leaves out. As long as others are readings that is what the map says; if no record is one, all would look well
 * although nothing is kept.
 */
import type { Log } from "../../core/log/log.ts";
import type { Problem } from "../../core/problem.ts";
import { grouped } from "../../core/readable-numbers.ts";
import { type Flaw, flawKey } from "../../core/reading.ts";

/** A source that continues has shown what it sends after so many records. */
const ENOUGH_RECORDS = 100;

export class WantedWatch {
  readonly #uri: string;
  #rows = 0;
  #leftOut = 0;
  #ended = false;
  #isReported = false;

  constructor(uri: string) {
    this.#uri = uri;
  }

  /** Rows that were taken, and the flaws that were found with them. */
  add(rows: number, flaws: ReadonlyMap<string, Flaw>): void {
    this.#rows += rows;
    this.#leftOut += flaws.get(FILTERED)?.count ?? 0;
  }

  /** No more comes: from now on what came is judged, however little. */
  end(): void {
    this.#ended = true;
  }

  problem(): Problem | null {
    if (this.#rows > 0 || this.#leftOut < (this.#ended ? 1 : ENOUGH_RECORDS)) return null;
    const all = this.#leftOut === 1 ? "The only record" : `Each of ${grouped(this.#leftOut)} records`;
    return {
      code: "nothing_wanted",
      message: `${all} from "${this.#uri}" is left out by the map ("where", or an empty "each"): nothing of the input is a reading`,
      try: "agent status --json",
    };
  }

  /** Logs the problem when it begins, and when it is over. */
  report(log: Log): void {
    const problem = this.problem();
    if (problem !== null && !this.#isReported) log.warn(problem.code, problem.message, { try: problem.try });
    if (problem === null && this.#isReported) {
      log.info("input_recovered", `Records from "${this.#uri}" are readings now`);
    }
    this.#isReported = problem !== null;
  }
}

const FILTERED = flawKey({ reason: "filtered", field: null });
