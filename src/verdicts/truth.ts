/** How well rules find known faults: precision and recall against the ground truth that a simulator writes down. */
import { canonicalRules } from "../rules/files/canonical.ts";

/** Readings of one kind, and how many of them broke a rule. */
export type Caught = { readonly readings: number; readonly caught: number };

export type TruthRow = Caught & {
  /** An `anomaly_type`; null: of any type. */
  readonly type: string | null;
  /** Of the readings of this type, the share that was caught; null where there are none. */
  readonly recall: number | null;
  /**
   * Of the readings caught that are of this type or healthy, the share that is of this type; null where nothing was caught.
   * A rule does not say which type it found: a reading of another type counts neither as right nor as wrong here.
   */
  readonly precision: number | null;
};

/** `healthy`: the readings that carry no anomaly type; every one of them that was caught is a false alarm. */
export function truthRows(byType: ReadonlyMap<string, Caught>, healthy: Caught): TruthRow[] {
  const all = [...byType.values()];
  const any = {
    readings: all.reduce((sum, { readings }) => sum + readings, 0),
    caught: all.reduce((sum, { caught }) => sum + caught, 0),
  };
  const row = (type: string | null, { readings, caught }: Caught): TruthRow => {
    const alarms = caught + healthy.caught;
    return {
      type,
      readings,
      caught,
      recall: readings === 0 ? null : caught / readings,
      precision: alarms === 0 ? null : caught / alarms,
    };
  };
  const types = [...byType].sort(([a], [b]) => (a < b ? -1 : 1)).map(([type, counts]) => row(type, counts));
  return [...types, row(null, any)];
}

/** Fields in which a sensor itself reports a fault: a rule about them finds nothing on its own. */
const OWN_LABELS = /\b(?:anomaly_flag|anomaly_type|status_code)\b/;

/** The rules of a set (canonical JSON) that read the fields in which a sensor reports a fault, by name. */
export function labelRules(canonical: string): string[] {
  return canonicalRules(canonical)
    .filter(({ when }) => OWN_LABELS.test(JSON.stringify(when)))
    .map(({ name }) => name);
}
