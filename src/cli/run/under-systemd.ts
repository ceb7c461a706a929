/** Joins a run to the systemd that started it. Imported only where `NOTIFY_SOCKET` is set. */
import type { Pulse } from "../../agent/buffer-inputs.ts";
import type { OpenAgent } from "../../agent/open-agent.ts";
import type { Log } from "../../core/log/log.ts";
import { grouped } from "../../core/readable-numbers.ts";
import { openNotifySocket } from "../../systemd/notify-socket.ts";
import { ASK_MS, Supervised } from "../../systemd/supervised.ts";
import type { Context } from "../frame/command.ts";

export interface UnderSystemd {
  readonly pulse: Pulse;
  /** What the start waits for; null: it waits no more. */
  waiting(why: string | null): void;
  ready(opened: OpenAgent): void;
}

/** Null where the socket cannot be used, which the log says. */
export function underSystemd({ env, settings, stop }: Context, log: Log): UnderSystemd | null {
  const address = env["NOTIFY_SOCKET"] ?? "";
  const socket = openNotifySocket(address);
  if (typeof socket === "string") {
    const message = `Cannot report to systemd: ${socket}. It ends this agent when its start takes too long`;
    log.warn("systemd_unheard", message, { try: "agent service status" });
    return null;
  }
  const supervised = new Supervised({
    send: socket.send,
    watchdogMs: watchdogOf(env),
    running: () => performance.now(),
  });
  setInterval(() => supervised.tick(), ASK_MS).unref();
  stop.addEventListener("abort", () => supervised.stopping(settings.drain));
  if (stop.aborted) supervised.stopping(settings.drain);
  let status = () => "";
  return {
    pulse: {
      beat: () => supervised.beat(status),
      reopening: () => supervised.reopening(),
      reopened: () => supervised.reopened(),
    },
    waiting: (why) => supervised.waiting(why),
    ready: (opened) => {
      status = () => statusOf(opened);
      supervised.ready(status());
    },
  };
}

/** How long systemd waits for a sign of life of this very process; null: it does not. */
function watchdogOf(env: Context["env"]): number | null {
  const { WATCHDOG_PID: pid, WATCHDOG_USEC: microseconds = "" } = env;
  if (pid !== undefined && pid !== String(process.pid)) return null;
  return /^[1-9]\d{0,15}$/.test(microseconds) ? Number(microseconds) / 1_000 : null;
}

/** For `systemctl status`, in one line. */
function statusOf({ parts }: OpenAgent): string {
  const { buffer, outbox, delivery } = parts;
  const uplink = delivery.isDown ? "uplink down" : "uplink up";
  return `${grouped(buffer.lastSeq)} readings accepted, ${grouped(outbox.unplanned)} wait for a batch, ${uplink}`;
}
