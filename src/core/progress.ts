/** A line on the terminal that shows how far long work is. */

/** A line on a terminal for what takes longer than a second; elsewhere nothing. */
export type ProgressLine = { readonly tell: (text: () => string) => void; readonly end: () => void };
