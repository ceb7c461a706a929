/** A row by the names that it has. */
export type ForeignRow = Readonly<Record<string, unknown>>;
