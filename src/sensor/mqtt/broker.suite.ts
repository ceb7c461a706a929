/** A real broker, mosquitto, for tests: on a free port of this machine, with files of its own, ended with the test. */
import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { MOSQUITTO } from "../../testing/needs.ts";

export type Broker = {
  readonly port: number;
  /** What it says so far. */
  readonly log: () => string;
  /** Ends it: `SIGTERM` lets it write what it has to keep. */
  readonly end: (signal: NodeJS.Signals) => Promise<void>;
  /** After `end`: the same files, the same port. */
  readonly startAgain: () => Promise<void>;
};

const started = new Set<Bun.Subprocess>();

/** `lines`: of mosquitto.conf, beside the listener. Without limits of its own, so that it drops nothing. */
export async function startBroker(
  folder: string,
  lines: readonly string[] = ["allow_anonymous true"],
): Promise<Broker> {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const conf = join(folder, "mosquitto.conf");
  const own = [
    `listener ${port} 127.0.0.1`,
    "max_queued_messages 0",
    "log_type error",
    "log_type warning",
    "log_type notice",
    "log_type information",
    "user root",
  ];
  writeFileSync(conf, `${[...own, ...lines].join("\n")}\n`);
  let child: Bun.Subprocess;
  let log = "";
  const begin = async () => {
    const made = Bun.spawn([MOSQUITTO ?? "mosquitto", "-c", conf], { cwd: folder, stdout: "ignore", stderr: "pipe" });
    child = made;
    started.add(made);
    const before = log.length;
    await new Promise<void>((isUp, failed) => {
      void (async () => {
        const decoder = new TextDecoder();
        for await (const bytes of made.stderr) {
          log += decoder.decode(bytes, { stream: true });
          if (log.slice(before).includes("running")) isUp();
        }
        failed(new Error(`mosquitto ended: ${log}`));
      })();
    });
  };
  await begin();
  return {
    port,
    log: () => log,
    end: async (signal) => {
      child.kill(signal);
      await child.exited;
      started.delete(child);
    },
    startAgain: begin,
  };
}

/** For `afterAll`. */
export async function endBrokers(): Promise<void> {
  for (const child of started) child.kill("SIGKILL");
  await Promise.all([...started].map((child) => child.exited));
}

/** `mosquitto_pub -l`: each line is a message of QoS 1; resolves when the broker has acknowledged all of them. */
export async function publishLines(args: readonly string[], lines: readonly string[]): Promise<void> {
  const child = Bun.spawn(["mosquitto_pub", "-q", "1", "-l", ...args], {
    stdin: new Blob([lines.map((line) => `${line}\n`).join("")]),
    stdout: "ignore",
    stderr: "pipe",
  });
  const said = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`mosquitto_pub failed: ${said}`);
}

/** One message, as it is. */
export async function publishOne(args: readonly string[], payload: string): Promise<void> {
  const child = Bun.spawn(["mosquitto_pub", "-q", "1", "-s", ...args], {
    stdin: new Blob([payload]),
    stdout: "ignore",
    stderr: "pipe",
  });
  const said = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`mosquitto_pub failed: ${said}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
