/** What the HTTP source takes from outside, at most. `docs/sources.md` has them, and a test compares. */
export const HTTP_LIMITS = {
  /** Of all sources at one address. More are not accepted until one ends. */
  connections: 256,
  headBytes: 8 * 1024,
  /** From the first byte of a request to the end of its head, and to the end of its body. */
  headMs: 10_000,
  bodyMs: 60_000,
  /** Between two requests of a connection. */
  idleMs: 30_000,
  /** A sender waits at most this long for the commit; then it is asked to come again. */
  answerMs: 30_000,
  /** Or this long, where nothing of it is taken because nothing can be kept. */
  untakenMs: 5_000,
  /** Bodies that are in memory, of all sources at one address, in multiples of the largest that is taken. */
  waitingBodies: 2,
  /** Requests whose body is complete and whose answer is due. */
  waitingRequests: 256,
  /** A source that was not asked for its readings for this long cannot take more now: the disk or the buffer is full. */
  stalledMs: 2_000,
  /** A refused sender may read its answer for this long, and is then cut off. */
  lingerMs: 1_000,
};
export type HttpLimits = Readonly<typeof HTTP_LIMITS>;
