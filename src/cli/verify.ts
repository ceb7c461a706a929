/** `agent verify`: is every reading that the buffer accepted where it belongs, once? Exit 0 when it is, else 1. */
import { resolve } from "node:path";
import { STAGES } from "../core/stage.ts";
import type { Command, Context, ExitCode, Flags } from "./command.ts";
import { settingFlags } from "./command-flags.ts";
import { progressLine, storeOf } from "./lake-listing.ts";
import { type Verification, verify } from "./verify-run.ts";
import { verificationText } from "./verify-text.ts";

export const command: Command = {
  name: "verify",
  summary: "Compare what the buffer accepted with what the store holds: gaps and duplicates by name.",
  args: {
    ...settingFlags("dataDir", "store"),
    deep: { type: "boolean", description: "Open every object and compare its rows too." },
    json: { type: "boolean", description: "One JSON value." },
  },
  examples: ["agent verify", "agent verify --deep --store s3:", "agent verify --data-dir /var/lib/agent --json"],
  run,
};

async function run(flags: Flags, context: Context): Promise<ExitCode> {
  const { settings, cwd, stop, terminal } = context;
  const store = await storeOf(context);
  try {
    const found = await verify({
      ...{ settings, store, stop, deep: flags["deep"] === true, now: Date.now, progress: progressLine(terminal) },
      dataDir: resolve(cwd, settings.dataDir),
    });
    await context.write(
      flags["json"] === true ? `${JSON.stringify(toJson(found), null, 2)}\n` : verificationText(found, store),
    );
    return found.ok ? 0 : 1;
  } finally {
    store.close();
  }
}

/**
 * `missing` and `duplicate` are ranges of seqs; for `aggregated` each pair is a window's start, twice, in ms since 1970.
 * `pending` and `parked` are parts of `missing`.
 */
export function toJson(found: Verification) {
  const { ok, epoch, nodeId, accepted, lost, audit, deep, otherEpochs, foreign } = found;
  const stages = Object.fromEntries(STAGES.map((stage) => [stage, audit.stages[stage]]));
  const inside =
    deep === null
      ? {}
      : {
          deep: {
            twice: deep.contents.twice,
            contradicting: deep.contents.contradicting,
            not_schematized: deep.contents.notSchematized,
            not_validated: deep.contents.notValidated,
            corrupt: deep.corrupt,
          },
        };
  const strays = audit.strays.slice(0, STRAYS_NAMED).map(({ stage, key }) => ({ stage, key }));
  return {
    ok,
    epochs: [{ epoch, node_id: nodeId, accepted, lost, stages, unpromised_objects: strays, ...inside }],
    other_epochs: otherEpochs,
    other_objects: foreign,
  };
}

/** Unpromised objects that are named in JSON. */
const STRAYS_NAMED = 1_000;
