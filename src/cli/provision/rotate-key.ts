/** `agent provision rotate-key`: a new key for the edge in its file, then the old one is deleted; or one key deleted by its name. */
import { UsageError } from "../../core/errors.ts";
import type { Aws } from "../../provision/aws/clients.ts";
import type { AwsWish } from "../../provision/aws/wish.ts";
import { FactBook } from "../../provision/facts.ts";
import { type Ask, agreed, askOnTerminal, typed } from "../frame/ask.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import { type Args, type Flags, settingFlags } from "../frame/flags.ts";
import { openAwsHalf, type ProvisionWorld, withWayOut, worldOf, YES_FLAG } from "./sides.ts";

const ARGS = {
  ...settingFlags("edgeKeyFile"),
  keepOld: {
    type: "boolean",
    description: "Leave the old key until nodes have the new one; the next rotate-key deletes it.",
  },
  delete: {
    type: "string",
    description: "Delete only this key of the edge's user, by its id, and make none.",
    valueHint: "ID",
  },
  ...YES_FLAG,
  json: { type: "boolean", description: "One JSON value: {key, deleted, kept}: ids, never the secret." },
} as const satisfies Args;

export const command = defineCommand({
  name: "rotate-key",
  summary: "Make a new key for the edge, write it to its file, delete the old one; asks first.",
  args: ARGS,
  examples: ["agent provision rotate-key --keep-old --yes", "agent provision rotate-key --yes"],
  run: (flags, context) => rotate(flags, context, askOnTerminal),
});

type Work = {
  readonly aws: Aws;
  readonly wish: AwsWish;
  readonly facts: FactBook;
  readonly world: ProvisionWorld;
  readonly env: Readonly<Record<string, string | undefined>>;
};
type AskedFlags = Flags<typeof ARGS>;
/** Asks after the question, and says where nothing was done. */
type Consenting = (question: string, what: string) => Promise<boolean>;

async function rotate(flags: AskedFlags, context: Context, askPerson: Ask): Promise<ExitCode> {
  const { say, stop, settings } = context;
  if (settings.edgeIdentity === "role" && flags.delete === undefined) {
    throw new UsageError("Cannot rotate a key: the edge is a role, which has none", {
      tryHint: "export AGENT_EDGE_IDENTITY=user",
    });
  }
  const consenting: Consenting = async (question, what) => {
    const { word, question: type } = typed(flags.delete === undefined ? "rotate" : "delete");
    const consent = { word, question: `${question}. ${type}`, what, tryHint: `${context.typed} --yes` };
    const isAgreed = await agreed(flags, stop, askPerson, consent);
    if (!isAgreed) say("Nothing was touched.");
    return isAgreed;
  };
  const { aws, wish, env } = await openAwsHalf(context);
  const world = worldOf(context);
  try {
    const { whoWeAre } = await import("../../provision/aws/side.ts");
    const facts = new FactBook();
    return await withWayOut(context, async () => {
      facts.learn(await whoWeAre(aws, wish));
      const work = { aws, wish, facts, world, env };
      const { delete: id } = flags;
      return id === undefined
        ? await rotateAll(flags, context, work, consenting)
        : await deleteOne(id, flags, context, { work, consenting });
    });
  } finally {
    world.end();
    aws.close();
  }
}

async function rotateAll(flags: AskedFlags, context: Context, work: Work, consenting: Consenting): Promise<ExitCode> {
  const { say } = context;
  const { aws, wish, facts, world, env } = work;
  const { keepOld } = flags;
  const [{ planRotation, rotateKey }, { describeKey }] = await Promise.all([
    import("../../provision/key/rotate-key.ts"),
    import("../../provision/key/keys.ts"),
  ]);
  const plan = await planRotation(aws, wish, facts);
  const loses = keepOld
    ? "nodes continue with the old key"
    : "nodes with the old key wait, and lose nothing, until they have the new one";
  if (!keepOld) for (const key of plan.deletes) say(`- delete ${describeKey(key, "the old key")}`);
  const makes = plan.makes ? "A new key is made" : `The key in ${wish.keyFile} stays`;
  if (!(await consenting(`${makes}; ${loses}`, "rotate the key"))) return 1;
  const rotated = await rotateKey(aws, wish, { ...world, facts }, { keepOld, env, plan });
  world.end();
  say(`Key ${rotated.key} is in ${wish.keyFile}.`);
  if (rotated.deleted.length > 0) say(`Deleted: ${rotated.deleted.join(", ")}.`);
  if (rotated.kept.length > 0) say(`Still valid: ${rotated.kept.join(", ")}. The next rotate-key deletes it.`);
  if (flags.json) await context.write(`${JSON.stringify(rotated, null, 2)}\n`);
  return 0;
}

async function deleteOne(
  id: string,
  flags: AskedFlags,
  { say, write }: Context,
  { work, consenting }: { readonly work: Work; readonly consenting: Consenting },
): Promise<ExitCode> {
  const { aws, wish, facts } = work;
  const [{ deleteNamedKey, keyToDelete }, { describeKey }] = await Promise.all([
    import("../../provision/key/rotate-key.ts"),
    import("../../provision/key/keys.ts"),
  ]);
  const { key, place, others } = await keyToDelete(aws, wish, facts, id);
  say(`- delete ${describeKey(key, place)}`);
  if (!(await consenting("A node that has this key delivers nothing until it has another", "delete a key"))) return 1;
  await deleteNamedKey(aws, wish, facts, id);
  say(`Deleted: ${id}.`);
  if (flags.json) await write(`${JSON.stringify({ key: null, deleted: [id], kept: others }, null, 2)}\n`);
  return 0;
}
