/** Resolves after `ms`, or as soon as one of the signals is aborted. */
export async function nap(ms: number, ...stops: readonly AbortSignal[]): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      for (const stop of stops) stop.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    for (const stop of stops) {
      if (stop.aborted) done();
      else stop.addEventListener("abort", done);
    }
  });
}
