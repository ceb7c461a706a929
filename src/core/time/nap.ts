/** Resolves after `ms`, or at once when one of the signals is or gets aborted; always after other pending work of the process. */
export function nap(ms: number, ...stops: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      for (const stop of stops) stop.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, stops.some(({ aborted }) => aborted) ? 0 : ms);
    for (const stop of stops) stop.addEventListener("abort", wake);
  });
}
