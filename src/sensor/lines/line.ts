/** One line, or one message of a sender: what a decoder reads. `bytes[from, to)`, without its newline. */
export interface Line {
  readonly bytes: Buffer;
  /** The same memory: four bytes at a time are compared through it. */
  readonly view: DataView;
  readonly from: number;
  readonly to: number;
  /** The length of the whole; more than `to - from` where it was too long to keep. */
  readonly length: number;
  readonly tooLong: boolean;
  /** Runs of NULs that were left out; who counts them sets it to 0. */
  paddings: number;
  /** Cuts a byte-order mark and padding off, which could not be read with the line. */
  trim(): void;
}
