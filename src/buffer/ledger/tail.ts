/**
 * Readings as they are committed, for a reader that follows the buffer of a running agent. Each look has its own connection
 * and snapshot, and closes them: nothing holds up the writer's checkpoints, and a buffer that replaced a corrupt one is found
 * by its path.
 */
import { IDENTITY_COLUMNS, NO_SENSOR, type SensorCatalogue } from "../../core/sensor.ts";
import { type StoredBlock, verdictOf } from "../buffer.ts";
import { ownerOf, type SeqOwner } from "../earlier-epochs.ts";
import { BufferLedger } from "./ledger.ts";
import { LedgerReadings } from "./readings.ts";

/** The readings that are followed: of these verdicts, and of one sensor (by sensor_id); null: of all. */
export type TailFilter = { readonly verdicts: readonly number[]; readonly sensorId: string | null };

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
      const found = this.#lastSeqs(ledger, lines).flatMap((seq) =>
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

  #lastSeqs(ledger: BufferLedger, lines: number): number[] {
    const { verdicts, sensorId } = this.#filter;
    const ofSensor = sensorId === null ? "" : "AND sensor IN (SELECT handle FROM sensor WHERE sensor_id = $sensor)";
    return ledger.db
      .query<{ seq: number }, Record<string, string | number | null>>(
        `SELECT seq FROM reading WHERE seq > $after AND verdict IN (${verdicts.join(", ")}) ${ofSensor}
         ORDER BY seq DESC LIMIT $lines`,
      )
      .all({ $after: this.#next - 1 - LOOK_BACK, $lines: lines, ...(sensorId === null ? {} : { $sensor: sensorId }) })
      .map(({ seq }) => seq)
      .reverse();
  }

  #passing(blocks: readonly StoredBlock[], { catalogue }: LedgerReadings): TailPiece["found"] {
    const { verdicts, sensorId } = this.#filter;
    return blocks.flatMap((stored) => {
      const { block } = stored;
      const found: { stored: StoredBlock; row: number }[] = [];
      for (let row = 0; row < block.count; row++) {
        const isOurs =
          sensorId === null || catalogue.sensors[block.sensor[row] ?? NO_SENSOR]?.identity[SENSOR_ID] === sensorId;
        if (isOurs && verdicts.includes(verdictOf(block, row))) found.push({ stored, row });
      }
      return found;
    });
  }
}
