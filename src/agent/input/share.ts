/**
 * The share of a source's rows that is malformed. A share above the setting is a problem with the first reason: the input has
 * another format than the settings say, and "everything was delivered" would hide that it holds no readings.
 */
import type { Log } from "../../core/log/log.ts";
import type { Problem } from "../../core/problem.ts";
import { grouped } from "../../core/readable-numbers.ts";
import type { Malformed, ReadingBlock } from "../../core/reading.ts";
import { shellWord } from "../../core/shell-word.ts";
import { NewestShare } from "./newest-share.ts";

export class InputShare {
  readonly #share: NewestShare;
  /** The first malformed row of all, and of those that are counted as newest. */
  #first: Malformed | null = null;
  #firstNewest: Malformed | null = null;
  #ended = false;
  #isReported = false;

  /** `most`: a larger share is a problem; 1: never. */
  constructor(most: number) {
    this.#share = new NewestShare(most);
  }

  /** Counts the rows of `block` from `from` on. */
  add(block: ReadingBlock, from: number, malformed: number): void {
    const rows = block.count - from;
    if (rows === 0) return;
    this.#share.add(rows, malformed);
    if (malformed > 0) this.#firstNewest ??= firstMalformed(block, from);
    this.#first ??= this.#firstNewest;
    if (this.#share.newest.bad === 0) this.#firstNewest = null;
  }

  /** No more comes: from now on all that came is judged, however little. */
  end(): void {
    this.#ended = true;
  }

  /** Of all rows since the start. */
  get malformed(): number {
    return this.#share.total.bad;
  }

  problem(uri: string): Problem | null {
    const count = this.#share.tooMuch(this.#ended);
    const isAll = count === this.#share.total;
    const first = isAll ? this.#first : this.#firstNewest;
    if (count === null || first === null) return null;
    const many = `${grouped(count.bad)} of ${grouped(count.rows)}`;
    const when = isAll ? "" : " newest";
    const csv = looksLikeCsv(first) ? asCsv(uri) : null;
    const hint = csv === null ? "" : `; it looks like CSV, which is read as such with --source ${csv}`;
    return {
      code: "input_malformed",
      message: `${many}${when} rows of "${uri}" are malformed, the first: ${first.detail}${hint}`,
      try: csv === null ? "agent tail --stage anomalies" : `agent run --source ${csv}`,
    };
  }

  /** Logs when the share goes above the setting, and when it is back. */
  report(uri: string, log: Log): void {
    const problem = this.problem(uri);
    if (problem === null && this.#isReported) log.info("input_recovered", `Source "${uri}" sends readings again`);
    if (problem !== null && !this.#isReported) {
      log.warn(problem.code, `${problem.message}. They are kept and delivered as received`, { try: problem.try });
    }
    this.#isReported = problem !== null;
  }
}

function firstMalformed(block: ReadingBlock, from: number): Malformed | null {
  for (let row = from; row < block.count; row++) {
    const found = block.malformed.get(row);
    if (found !== undefined) return found;
  }
  return null;
}

/** The source with `format=csv`, as it is typed in a shell; null for one whose format cannot be said. */
function asCsv(uri: string): string | null {
  if (!/^(?:stdin|file|http):/.test(uri)) return null;
  const others = uri.replace(/([?&])format=[^&]*&?/, "$1").replace(/[?&]$/, "");
  return shellWord(`${others}${others.includes("?") ? "&" : "?"}format=csv`);
}

function looksLikeCsv({ reason, received }: Malformed): boolean {
  return reason === "not_json" && /^[^{[\n]*[,;\t]/.test(received.slice(0, 1_000));
}
