/** What a store holds, from reading every object: what tests of the promises check against. */
import { READING_STAGES, type ReadingStage } from "../core/stage.ts";
import type { ObjectStore } from "../uplink/object-store.ts";
import { gunzipRows } from "../uplink/read-object.ts";

export type Audit = {
  /** reading_id → how often it is there, by stage. */
  readonly ids: Record<ReadingStage, Map<string, number>>;
  /** The highest revision of each window: window_id and sensor → records. */
  readonly windows: Map<string, { revision: number; records: number; anomalies: number }>;
  readonly objects: number;
};

export async function audit(store: ObjectStore): Promise<Audit> {
  const ids = { raw: new Map(), validated: new Map(), anomalies: new Map(), schematized: new Map() } as Audit["ids"];
  let objects = 0;
  for (const stage of READING_STAGES) {
    for await (const { key } of store.list(stage)) {
      objects++;
      for (const row of gunzipRows(await store.get({ stage, key }), key)) {
        const id = String(row["reading_id"]);
        ids[stage].set(id, (ids[stage].get(id) ?? 0) + 1);
      }
    }
  }
  const windows: Audit["windows"] = new Map();
  for await (const { key } of store.list("aggregated")) {
    for (const row of gunzipRows(await store.get({ stage: "aggregated", key }), key)) {
      const id = `${row["window_id"]} ${row["sensor_id"]}`;
      const revision = Number(row["revision"]);
      const found = { revision, records: Number(row["record_count"]), anomalies: Number(row["anomaly_count"]) };
      if ((windows.get(id)?.revision ?? -1) < revision) windows.set(id, found);
    }
  }
  return { ids, windows, objects };
}

/** Readings that are more than once in a stage. */
export function doubles(of: Audit): string[] {
  return READING_STAGES.flatMap((stage) =>
    [...of.ids[stage]].filter(([, times]) => times > 1).map(([id, times]) => `${stage} ${id} ${times} times`),
  );
}

/** Readings of raw that are not in exactly one of validated and anomalies, or the other way round. */
export function unsorted(of: Audit): string[] {
  const { raw, validated, anomalies, schematized } = of.ids;
  const all = new Set([...raw.keys(), ...validated.keys(), ...anomalies.keys(), ...schematized.keys()]);
  return [...all].filter((id) => {
    const isValid = validated.has(id);
    return !raw.has(id) || isValid === anomalies.has(id) || isValid !== schematized.has(id);
  });
}
