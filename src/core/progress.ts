/** A line on the terminal that shows the progress of work that takes longer than a second; no line where there is no terminal. */
export type ProgressLine = { readonly tell: (text: () => string) => void; readonly end: () => void };
