/** The progress line of `agent run` on a terminal: readings taken, their rate, how many wait, and the time left. */
import type { OpenAgent } from "../../agent/open-agent.ts";

const EVERY_MS = 1_000;
const CLEAR_LINE = "\r\u001b[2K";

export function watchProgress(opened: OpenAgent): { end(): void } {
  const { buffer, outbox } = opened.parts;
  let seq = buffer.lastSeq;
  let planned = outbox.plannedThrough;
  let at = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    // A buffer that had to be opened again has new parts.
    const { buffer, delivery, outbox } = opened.parts;
    const seconds = (now - at) / 1_000;
    const taken = (buffer.lastSeq - seq) / seconds;
    const sent = (outbox.plannedThrough - planned) / seconds;
    seq = buffer.lastSeq;
    planned = outbox.plannedThrough;
    at = now;
    const waiting = outbox.unplanned;
    const left = sent > taken && waiting > 0 ? `, about ${Math.ceil(waiting / (sent - taken))} s left` : "";
    const link = delivery.isDown ? "uplink down" : `${delivery.objects.toLocaleString("en")} objects sent`;
    const line = `${seq.toLocaleString("en")} readings, ${Math.round(taken).toLocaleString("en")}/s, ${waiting.toLocaleString("en")} waiting${left}, ${link}`;
    process.stderr.write(`${CLEAR_LINE}${line.slice(0, Math.max(20, (process.stderr.columns ?? 100) - 1))}`);
  }, EVERY_MS);
  timer.unref();
  return {
    end: () => {
      clearInterval(timer);
      process.stderr.write(CLEAR_LINE);
    },
  };
}
