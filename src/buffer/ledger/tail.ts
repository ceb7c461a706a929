/**
 * Readings as they are committed, for a reader that follows the buffer of a running agent. Each look has its own connection
 * and snapshot, and closes them: nothing holds up the writer's checkpoints, and a buffer that replaced a corrupt one is found
 * by its path.
 */
import { text } from "../../core/outside/scalar-shapes.ts";
import { atLeast, storedEntries } from "../../core/outside/stored-json.ts";
import { IDENTITY_COLUMNS, NO_SENSOR, type SensorCatalogue } from "../../core/sensor.ts";
import { MALFORMED, type StoredBlock, verdictOf } from "../buffer.ts";
import { ownerOf, type SeqOwner } from "../earlier-epochs.ts";
import { BufferLedger } from "./ledger.ts";
import { LedgerReadings } from "./readings.ts";

/** A rule that a reading broke. */
export type BrokenRule = { readonly rule: string; readonly severity: string };
/** What a malformed reading broke. */
export const MALFORMED_RULE: BrokenRule = { rule: "malformed", severity: "warning" };

/** The readings that are followed: those that pass all of these. */
export type TailFilter = {
  readonly verdicts: readonly number[];
  /** By sensor_id, null where a malformed reading has none. Null: every sensor. */
  readonly isSensor: ((sensorId: string | null) => boolean) | null;
  /** Passes when one of the rules that it broke does. Null: every reading, valid ones too. */
  readonly isBroken: ((broken: BrokenRule) => boolean) | null;
};

/** The readings of one look that pass the filter, in order of seq. */
export type TailPiece = {
  readonly epoch: string;
  /** Whose ids a reading has. */
  readonly ownerOf: (seq: number) => SeqOwner;
  readonly catalogue: SensorCatalogue;
  readonly found: readonly { readonly stored: StoredBlock; readonly row: number }[];
  /** Another buffer has replaced the one before; it is followed from its first reading on. */
  readonly isOther: boolean;
  /** Readings that the buffer deleted before this look. */
  readonly missed: number;
  /** There is more already. */
  readonly more: boolean;
};

/** Readings that a look takes at most. */
const PIECE_ROWS = 1_000;
/** How far back the newest readings that pass a filter are searched: about a second's work. */
const LOOK_BACK = 5_000_000;
/** Of those, readings whose broken rules are looked at: about a second's work, too. */
const LOOK_BACK_JUDGED = 200_000;
const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");

export class BufferTail {
  readonly #dataDir: string;
  readonly #filter: TailFilter;
  #readings: LedgerReadings | null = null;
  #next = 1;

  constructor(dataDir: string, filter: TailFilter) {
    this.#dataDir = dataDir;
    this.#filter = filter;
  }

  /** The last `lines` readings that pass. Throws as `BufferLedger.open` does, and AgentError where the buffer is damaged. */
  start(lines: number): TailPiece {
    return this.#look((ledger, readings) => {
      this.#next = ledger.accepted() + 1;
      const found = this.#lastSeqs(ledger, readings, lines).flatMap((seq) =>
        this.#passing(readings.read({ first: seq, last: seq }), readings),
      );
      return { found, missed: 0, more: false };
    });
  }

  /** What came since the last look. Throws as `start` does; the next call looks for the same readings again. */
  look(): TailPiece {
    return this.#look((ledger, readings) => {
      const accepted = ledger.accepted();
      if (accepted < this.#next) return { found: [], missed: 0, more: false };
      const first = readings.nextHeld(this.#next) ?? accepted + 1;
      const last = Math.min(accepted, first + PIECE_ROWS - 1);
      const found = this.#passing(first > last ? [] : readings.read({ first, last }), readings);
      const missed = first - this.#next;
      this.#next = last + 1;
      return { found, missed, more: last < accepted };
    });
  }

  #look(
    take: (ledger: BufferLedger, readings: LedgerReadings) => Pick<TailPiece, "found" | "missed" | "more">,
  ): TailPiece {
    const ledger = BufferLedger.open(this.#dataDir);
    try {
      const { epoch, nodeId } = ledger;
      const earlier = ledger.earlier();
      const known = [epoch, ...earlier.map((one) => one.epoch)];
      const isOther = this.#readings !== null && !known.includes(this.#readings.epoch);
      if (isOther) this.#next = 1;
      const readings = new LedgerReadings(ledger, this.#readings);
      const piece = take(ledger, readings);
      this.#readings = readings;
      const owner = (seq: number) => ownerOf(seq, { epoch, nodeId }, earlier);
      return { epoch, ownerOf: owner, catalogue: readings.catalogue, isOther, ...piece };
    } finally {
      ledger.close();
    }
  }

  #lastSeqs(ledger: BufferLedger, { catalogue }: LedgerReadings, lines: number): number[] {
    const { verdicts, isSensor, isBroken } = this.#filter;
    const handles = isSensor === null ? null : handlesOf(catalogue, isSensor);
    const ofSensor = handles === null ? "" : "AND sensor IN (SELECT value FROM json_each($sensors))";
    const judged = isBroken === null ? "" : "LEFT JOIN finding USING (seq)";
    const rows = ledger.db
      .query<{ seq: number; verdict: number; findings: string | null }, Record<string, string | number>>(
        `SELECT seq, verdict, ${isBroken === null ? "NULL" : "findings"} AS findings FROM reading ${judged}
         WHERE seq > $after AND verdict IN (${verdicts.join(", ")}) ${ofSensor} ORDER BY seq DESC LIMIT $most`,
      )
      .iterate({
        $after: this.#next - 1 - LOOK_BACK,
        $most: isBroken === null ? lines : LOOK_BACK_JUDGED,
        ...(handles === null ? {} : { $sensors: JSON.stringify(handles) }),
      });
    const seqs: number[] = [];
    if (lines === 0) return seqs;
    for (const { seq, verdict, findings } of rows) {
      const passes = isBroken === null || brokenRules(verdict, findings).some(isBroken);
      if (passes && seqs.push(seq) >= lines) break;
    }
    return seqs.reverse();
  }

  #passing(blocks: readonly StoredBlock[], { catalogue }: LedgerReadings): TailPiece["found"] {
    const { verdicts, isSensor, isBroken } = this.#filter;
    return blocks.flatMap((stored) => {
      const { block } = stored;
      const found: { stored: StoredBlock; row: number }[] = [];
      for (let row = 0; row < block.count; row++) {
        const verdict = verdictOf(block, row);
        if (!verdicts.includes(verdict)) continue;
        if (isSensor !== null && !isSensor(sensorIdOf(catalogue, block.sensor[row] ?? NO_SENSOR))) continue;
        const broken = verdict === MALFORMED ? [MALFORMED_RULE] : (block.findings.get(row) ?? []);
        if (isBroken === null || broken.some(isBroken)) found.push({ stored, row });
      }
      return found;
    });
  }
}

function sensorIdOf({ sensors }: SensorCatalogue, handle: number): string | null {
  const id = sensors[handle]?.identity[SENSOR_ID] ?? null;
  return id === null ? null : String(id);
}

function handlesOf(catalogue: SensorCatalogue, isSensor: NonNullable<TailFilter["isSensor"]>): number[] {
  return catalogue.interned.filter(({ handle }) => isSensor(sensorIdOf(catalogue, handle))).map(({ handle }) => handle);
}

const anyText = text(/^/, "a text");
const BROKEN_RULE = atLeast({ rule: anyText, severity: anyText });

function brokenRules(verdict: number, findings: string | null): readonly BrokenRule[] {
  if (verdict === MALFORMED) return [MALFORMED_RULE];
  return findings === null ? [] : (storedEntries(BROKEN_RULE, findings) ?? []);
}
