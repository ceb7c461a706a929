/** What the page and the worker that holds the snapshot say to each other. */

export type SqlValue = number | string | Uint8Array | null;

export type ToWorker =
  | { readonly ask: "open"; readonly bytes: ArrayBuffer }
  /** `keep`: rows that are sent back; the rest is only counted. */
  | { readonly ask: "query"; readonly sql: string; readonly keep: number }
  | { readonly ask: "csv"; readonly sql: string }
  | { readonly ask: "file" };

export type FromWorker =
  | { readonly is: "opened"; readonly schema: SnapshotSchema }
  | { readonly is: "rows"; readonly columns: readonly string[]; readonly rows: readonly (readonly SqlValue[])[] }
  /** So far. */
  | { readonly is: "counted"; readonly count: number }
  /** `changed`: rows that statements without a result changed. */
  | { readonly is: "done"; readonly count: number; readonly ms: number; readonly changed: number }
  | { readonly is: "failed"; readonly message: string; readonly at: TextRange | null }
  | { readonly is: "made"; readonly blob: Blob; readonly rows: number };

/** Of a text, in UTF-16 units. */
export type TextRange = { readonly from: number; readonly to: number };

export type SnapshotSchema = {
  readonly tables: Readonly<Record<string, readonly string[]>>;
  /** The measures that its sensors have. */
  readonly measures: readonly string[];
  readonly about: Readonly<Record<string, string | number | null>>;
};
