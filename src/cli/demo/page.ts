/** The address of the demo's page, before the demo begins. */
import { codeOf, messageOf, UsageError } from "../../core/errors.ts";
import { type HostPort, hostPortOrOff } from "../../core/settings/address.ts";
import { shellWord } from "../../core/shell-word.ts";

/** An address that a user chose: a demo without its page, or with another one, is not what was asked for. Throws UsageError. */
export function expectFreePort(at: HostPort): void {
  try {
    Bun.listen({ hostname: at.host, port: at.port, socket: { data: () => undefined } }).stop(true);
  } catch (error) {
    const isTaken = codeOf(error) === "EADDRINUSE";
    const free = hostPortOrOff.format({ host: isTaken ? at.host : "127.0.0.1", port: 0 });
    const why = isTaken ? "the port is taken" : messageOf(error);
    throw new UsageError(`Cannot serve the page on ${hostPortOrOff.format(at)}: ${why}. Port 0 takes a free one`, {
      tryHint: `agent demo --dashboard ${shellWord(free)}`,
    });
  }
}
