/** The agent's command lines here: settings so small that every mechanism runs many times within a life of 200 ms. */
import { copyFileSync, linkSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { AGENT_BINARY, AgentProcess } from "../../src/testing/agent-process.ts";
import { BUCKET_PREFIX, REGION } from "./lake.ts";

export const WINDOW_MS = 10_000;
/** The rest is delivered within this time, without faults. */
const FINISH_MS = 600_000;

/** The folders and the store of one agent, over all its lives. */
export type Place = {
  readonly folder: string;
  readonly program: string;
  readonly source: string;
  readonly store: string;
  readonly env: Readonly<Record<string, string>>;
  /** Folders of rules that take turns; none: the rules in the binary. */
  readonly rules: readonly string[];
};

export const dataDirOf = (folder: string): string => join(folder, "data");
export const lakeOf = (folder: string): string => join(folder, "lake");

/** A link to the binary as it is now: another build in the middle of a run would make it a test of two. */
export function keepBinary(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const kept = join(folder, "agent");
  try {
    linkSync(AGENT_BINARY, kept);
  } catch {
    // Another file system.
    copyFileSync(AGENT_BINARY, kept);
  }
  return kept;
}

/** Some settings differ from life to life: no promise may depend on them. */
export function startAgent(place: Place, random: () => number, more: readonly string[] = []): AgentProcess {
  const { folder, program, source, store, env, rules } = place;
  const inForce = rules[Math.floor(random() * rules.length)];
  const judge = inForce === undefined ? [] : ["--rules", inForce];
  const chance = (probability: number, yes: string, no: string) => (random() < probability ? yes : no);
  return new AgentProcess({
    program,
    cwd: folder,
    args: ["run", "--source", source, "--store", store, "--data-dir", dataDirOf(folder), ...judge, ...more],
    env: {
      AGENT_NODE_ID: "torture",
      AWS_REGION: REGION,
      S3_BUCKET_PREFIX: BUCKET_PREFIX,
      AGENT_COMMIT_MS: "20ms",
      AGENT_COMMIT_ROWS: chance(0.5, "20", "200"),
      AGENT_BATCH_ROWS: chance(0.5, "60", "200"),
      AGENT_BATCH_MS: chance(0.8, "50ms", "1ms"),
      AGENT_WINDOW_MS: `${WINDOW_MS}ms`,
      AGENT_WINDOW_GRACE_MS: "1s",
      AGENT_WINDOW_HOLD_MS: chance(0.5, "0", "100ms"),
      AGENT_KEEP: chance(0.5, "0", "24h"),
      // Less than all readings, and more than the accumulators of every window: delivered readings are deleted first.
      AGENT_BUFFER_MAX_BYTES: chance(0.1, "3MiB", "2GiB"),
      AGENT_POLL_MS: "5ms",
      AGENT_PUTS: chance(0.3, "1", "4"),
      AGENT_PUT_TIMEOUT_MS: "300ms",
      AGENT_BACKOFF_MAX_MS: "100ms",
      ...env,
    },
  });
}

/** One more life, until the sources end and everything is delivered. */
export async function finish(place: Place, random: () => number): Promise<void> {
  const agent = startAgent(place, random, ["--once"]);
  const late = setTimeout(() => agent.kill("SIGKILL"), FINISH_MS);
  const end = await agent.ended;
  clearTimeout(late);
  if (end.code === 0) return;
  const why = end.signal === "SIGKILL" ? `not done after ${FINISH_MS / 1_000} s` : `code ${end.code}, ${end.signal}`;
  throw new Error(`the last run, with --once and no faults, ended badly: ${why}\n${agent.heard.slice(-3_000)}`);
}

/** The agent's own opinion: null when everything is where it belongs, and the buffer is sound. */
export async function verifySays(place: Place): Promise<string | null> {
  const { folder, program, store, env } = place;
  const run = async (args: readonly string[]) => {
    const cmd = [program, ...args];
    const mine = { PATH: process.env["PATH"] ?? "", AWS_REGION: REGION, S3_BUCKET_PREFIX: BUCKET_PREFIX, ...env };
    const child = Bun.spawn(cmd, { cwd: folder, env: mine, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const [out, talk] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { code: await child.exited, text: `${out}\n${talk}` };
  };
  const { code, text } = await run(["verify", "--deep", "--json", "--store", store, "--data-dir", dataDirOf(folder)]);
  if (code !== 0) return `agent verify --deep ends with ${code}: ${text.slice(0, 2_000)}`;
  const checked = await run(["buffer", "check", "--data-dir", dataDirOf(folder)]);
  if (checked.code !== 0) return `agent buffer check ends with ${checked.code}: ${checked.text.slice(0, 2_000)}`;
  // Exit 0 allows what is on its way; here all of it should have arrived.
  return /"pending": \[\]/.test(text) && !/"pending": \[\s*\[/.test(text)
    ? null
    : `agent verify: pending: ${text.slice(0, 2_000)}`;
}
