/** The five stages, their buckets and their tables: the names that the cloud side shares with the edge. */
export const STAGES = ["raw", "validated", "anomalies", "schematized", "aggregated"] as const;
export type Stage = (typeof STAGES)[number];

/** The stages whose objects hold readings, keyed by a range of seqs; `aggregated` is keyed by window. */
export const READING_STAGES = ["raw", "validated", "anomalies", "schematized"] as const;
export type ReadingStage = (typeof READING_STAGES)[number];

export const TABLE_OF_STAGE: Record<Stage, string> = {
  raw: "sensor_readings_ingestion",
  validated: "sensor_readings_validated",
  anomalies: "sensor_readings_anomalies",
  schematized: "sensor_readings_schematized",
  aggregated: "sensor_readings_aggregated",
};

export function bucketOf(stage: Stage, prefix: string, region: string): string {
  return `${prefix}-${stage}-data-${region}`;
}

/** The bucket for what nodes report about themselves, beside those of the stages. */
export function metadataBucketOf(prefix: string, region: string): string {
  return `${prefix}-metadata-${region}`;
}

export function isStage(text: string): text is Stage {
  return (STAGES as readonly string[]).includes(text);
}
