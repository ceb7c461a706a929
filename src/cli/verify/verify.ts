/**
 * `agent verify`: is every reading that the buffer accepted where it belongs, once? Exit 0: nothing is missing or
 * double (what is pending is counted apart). Exit 1: something is. Exit 2: it could not look.
 */
import { resolve } from "node:path";
import { BufferLedger } from "../../buffer/ledger/ledger.ts";
import { UsageError } from "../../core/errors.ts";
import { oneLine } from "../../core/log/log.ts";
import { pairsOf } from "../../core/seq-range.ts";
import { READING_STAGES, STAGES } from "../../core/stage.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";
import type { StageAudit } from "../../verify/audit.ts";
import type { EpochFindings, Verification } from "../../verify/findings.ts";
import { type Settle, type VerifyOptions, verify } from "../../verify/verify.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import { durationFlag } from "../frame/flag-values.ts";
import { type Args, type Flags, settingFlags } from "../frame/flags.ts";
import { lookInto, untilStopped } from "../store-of.ts";
import { notVerifiedLine, verifiedLine } from "./line.ts";
import { firstFinding, verificationText } from "./text.ts";

const ARGS = {
  ...settingFlags("dataDir", "store"),
  deep: { type: "boolean", description: "Open every object and compare its rows too." },
  databricks: {
    type: "boolean",
    description: "Compare what the store holds, of all nodes, with the tables too. Without a buffer here: only that.",
  },
  settle: {
    type: "string",
    description: "Wait up to this long until nothing is pending. Without it, what is pending is counted apart.",
    valueHint: "60s",
  },
  json: { type: "boolean", description: "One JSON value." },
  line: { type: "boolean", description: "One line below 300 characters, for logs and for jobs over many nodes." },
} as const satisfies Args;

export const command = defineCommand({
  name: "verify",
  summary: "Compare what the buffer accepted with what the store (and the tables) hold: gaps and duplicates by name.",
  args: ARGS,
  looks: true,
  examples: [
    "agent verify",
    "agent verify --deep --store s3:",
    "agent verify --settle 60s",
    "agent verify --databricks --store s3:",
    "agent verify --data-dir /var/lib/agent --json",
    "agent verify --line",
  ],
  run,
});

async function run(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  if (!flags.line) return await look(flags, context);
  if (flags.json || flags.databricks) {
    throw new UsageError("Cannot use --line with --json or --databricks: the line is all that is printed", {
      tryHint: "agent verify --line",
    });
  }
  try {
    return await look(flags, context);
  } catch (error) {
    // A log that has the lines of a fleet lacks none; the error follows, with what to try.
    const { settings, cwd } = context;
    await context.write(`${notVerifiedLine(nodeIn(resolve(cwd, settings.dataDir)) ?? settings.nodeId, error)}\n`);
    throw error;
  }
}

async function look(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  const settle = settleOf(flags.settle, context);
  return await lookInto(context, async (store, progress): Promise<ExitCode> => {
    const ownBuffer = () => verifyBuffer({ deep: flags.deep, settle, progress }, context, store);
    if (flags.databricks) return await runBoth(flags, context, store, ownBuffer);
    const found = await ownBuffer();
    if (flags.json) await context.write(`${JSON.stringify(toJson(found), null, 2)}\n`);
    else if (flags.line) await context.write(`${verifiedLine(found, firstFinding(found, store))}\n`);
    else await context.write(verificationText(found, store, context.columns));
    return found.ok ? 0 : 1;
  });
}

/** The node of a buffer; null where it cannot be read. */
function nodeIn(dataDir: string): string | null {
  try {
    const ledger = BufferLedger.open(dataDir);
    const { nodeId } = ledger;
    ledger.close();
    return nodeId;
  } catch {
    return null;
  }
}

function settleOf(text: string | undefined, { stop }: Context): Settle | undefined {
  if (text === undefined) return undefined;
  const forMs = durationFlag("settle", text, "agent verify");
  return { forMs, nowMs: () => performance.now(), wait: (ms) => untilStopped(ms, stop) };
}

type Look = Pick<VerifyOptions, "deep" | "progress"> & { readonly settle: Settle | undefined };

function verifyBuffer({ settle, ...look }: Look, { settings, cwd, stop }: Context, store: ObjectStore) {
  const options = { ...look, settings, store, stop, now: Date.now, dataDir: resolve(cwd, settings.dataDir) };
  return verify(settle === undefined ? options : { ...options, settle });
}

/** A laptop has no buffer: then the buckets are compared with the tables, and a line says so. */
async function runBoth(
  flags: Flags<typeof ARGS>,
  context: Context,
  store: ObjectStore,
  ownBuffer: () => Promise<Verification>,
): Promise<ExitCode> {
  const { hasBuffer, verifyDatabricks } = await import("./databricks.ts");
  const own = hasBuffer(context) ? await ownBuffer() : null;
  const tables = await verifyDatabricks(context, store);
  const ok = tables.ok && (own?.ok ?? true);
  if (flags.json) {
    const ofBuffer = own === null ? { ok, epochs: [], other_epochs: [], other_objects: 0, conflicts: [] } : toJson(own);
    await context.write(`${JSON.stringify({ ...ofBuffer, ok, databricks: tables.json }, null, 2)}\n`);
  } else {
    const none = `no buffer in ${context.settings.dataDir}: the buckets are compared with the tables, and with no node`;
    const first = own === null ? `${none}\n` : verificationText(own, store, context.columns);
    await context.write(`${first}\n${tables.lines.map(oneLine).join("\n")}\n`);
  }
  return ok ? 0 : 1;
}

/**
 * `missing` and `duplicate` are ranges of seqs; for `aggregated` each pair is a window's start, twice, in ms since 1970.
 * `pending` is on its way and not in `missing`; `parked` is a part of it.
 */
export function toJson({ ok, epochs, otherEpochs, foreign, foreignNamed, conflicts }: Verification) {
  const others = otherEpochs.map(({ epoch, objects, rows, together }) => {
    const iso = (ms: number) => new Date(ms).toISOString();
    return { epoch, objects, rows, together: together === null ? null : [iso(together.first), iso(together.last)] };
  });
  return {
    ok,
    epochs: epochs.map(epochJson),
    other_epochs: others,
    other_objects: foreign,
    other_objects_named: foreignNamed,
    conflicts: conflicts.slice(0, STRAYS_NAMED).map(({ isThere, ...conflict }) => ({ ...conflict, is_there: isThere })),
  };
}

function epochJson({ epoch, nodeId, accepted, seqs, ended, lost, file, audit, deep }: EpochFindings) {
  const stages = Object.fromEntries(STAGES.map((stage) => [stage, stageJson(audit.stages[stage])]));
  const strays = audit.strays.slice(0, STRAYS_NAMED).map(({ stage, key }) => ({ stage, key }));
  const findings = {
    epoch,
    node_id: nodeId,
    accepted,
    first_seq: seqs.first,
    last_seq: seqs.last,
    lost,
    set_aside: file,
    ended,
    stages,
    unpromised_objects: strays,
  };
  if (deep === null) return findings;
  const { twice, contradicting, notSchematized, notValidated } = deep.contents;
  return {
    ...findings,
    deep: {
      twice: Object.fromEntries(READING_STAGES.map((stage) => [stage, pairsOf(twice[stage])])),
      contradicting: pairsOf(contradicting),
      not_schematized: pairsOf(notSchematized),
      not_validated: pairsOf(notValidated),
      corrupt: deep.corrupt,
    },
  };
}

function stageJson({ rows, objects, missing, duplicate, pending, parked }: StageAudit) {
  return {
    rows,
    objects,
    missing: pairsOf(missing),
    duplicate: pairsOf(duplicate),
    pending: pairsOf(pending),
    parked: pairsOf(parked),
  };
}

/** Unpromised objects that are named in JSON. */
const STRAYS_NAMED = 1_000;
