/**
 * What the network costs a plan. The promise is a plan in less than 3 s where every call takes 50 ms. 2 s are for the pace at
 * which Databricks may be asked and for the work of this machine, which takes longer where others work too; 1 s is for
 * waiting. So only the waiting is measured: the same plan with the delay and without it, in turn, the quickest of each.
 */
export const CALL_MS = 50;
export const WAITING_LIMIT_MS = 1_000;
const TRIES = 5;

/** `plan` answers how many milliseconds it took, with the delay of each call that `setDelay` was given last. */
export async function waitingMs(setDelay: (ms: number) => void, plan: () => Promise<number>): Promise<number> {
  let [withoutMs, withMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let tries = 0; tries === 0 || (tries < TRIES && withMs - withoutMs >= WAITING_LIMIT_MS); tries++) {
    setDelay(0);
    withoutMs = Math.min(withoutMs, await plan());
    setDelay(CALL_MS);
    withMs = Math.min(withMs, await plan());
  }
  setDelay(0);
  console.log(`the plan took ${Math.round(withMs)} ms, without a delay of its calls ${Math.round(withoutMs)} ms`);
  return withMs - withoutMs;
}
