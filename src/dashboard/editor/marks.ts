/** The readings that a backtest finds with the rules of the edited file, to be drawn on a chart: the newest, up to a limit. */
import type { StoredBlock } from "../../buffer/buffer.ts";
import type { Finding } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, NO_SENSOR, type SensorCatalogue } from "../../core/sensor.ts";
import type { RuleSummary } from "../../rules/rule-set.ts";
import { BACKTEST_MARKS_MOST, type BacktestMark } from "../rules-wire.ts";

const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");

type Place = { readonly stored: StoredBlock; readonly row: number };

export class BacktestMarks {
  readonly #catalogue: SensorCatalogue;
  /** Of the edited file, by name, with the measures that they read. */
  readonly #rules: ReadonlyMap<string, readonly string[]>;
  /** Verdicts that differ are what a backtest is for; the others fill what is left. */
  readonly #different: BacktestMark[] = [];
  readonly #same: BacktestMark[] = [];
  #isCut = false;

  constructor(catalogue: SensorCatalogue, rules: readonly Pick<RuleSummary, "name" | "measures">[]) {
    this.#catalogue = catalogue;
    this.#rules = new Map(rules.map(({ name, measures }) => [name, measures]));
  }

  /** `did`: the findings as they were stored; those of the block itself are of the edited rules. */
  add(stored: StoredBlock, did: ReadonlyMap<number, readonly Finding[]>): void {
    const { findings } = stored.block;
    for (const row of [...new Set([...findings.keys(), ...did.keys()])].toSorted((a, b) => a - b)) {
      const [would, was] = [findings.get(row) ?? [], did.get(row) ?? []];
      for (const finding of would) {
        const isBoth = was.some(({ rule }) => rule === finding.rule);
        this.#mark({ stored, row }, finding, isBoth ? "both" : "new");
      }
      for (const finding of was) {
        if (!would.some(({ rule }) => rule === finding.rule)) this.#mark({ stored, row }, finding, "gone");
      }
    }
  }

  /** Oldest first. */
  shown(): { readonly marks: readonly BacktestMark[]; readonly areMarksCut: boolean } {
    const room = BACKTEST_MARKS_MOST - this.#different.length;
    const same = room > 0 ? this.#same.slice(-room) : [];
    const marks = [...this.#different, ...same].toSorted((a, b) => a.seq - b.seq);
    return { marks, areMarksCut: this.#isCut || same.length < this.#same.length };
  }

  #mark({ stored, row }: Place, { rule, reason }: Finding, which: BacktestMark["which"]): void {
    const measures = this.#rules.get(rule);
    if (measures === undefined) return;
    const { block, firstSeq } = stored;
    const identity = this.#catalogue.sensors[block.sensor[row] ?? NO_SENSOR]?.identity;
    const list = which === "both" ? this.#same : this.#different;
    list.push({
      rule,
      sensorId: String(identity?.[SENSOR_ID] ?? ""),
      measure: measures.find((name) => reason.includes(name)) ?? measures[0] ?? null,
      atMs: block.time[row] ?? 0,
      seq: firstSeq + row,
      reason,
      which,
    });
    if (list.length <= BACKTEST_MARKS_MOST) return;
    list.shift();
    this.#isCut = true;
  }
}
