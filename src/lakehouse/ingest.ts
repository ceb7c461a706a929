/** Facts about the job that loads the tables. */

export type JobIngest = {
  /** When the last run that succeeded began: it took in everything that was there then. Null: none of the last ones did. */
  readonly startedMs: number | null;
  readonly isRunning: boolean;
};
