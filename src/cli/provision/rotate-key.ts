/** `agent provision rotate-key`: a new key for the edge in its file, then the old one is deleted. */
import { UsageError } from "../../core/errors.ts";
import { FactBook } from "../../provision/facts.ts";
import { type Ask, agreed, askOnTerminal, typed } from "../frame/ask.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import { type Args, type Flags, settingFlags } from "../frame/flags.ts";
import { openAwsHalf, withWayOut, worldOf, YES_FLAG } from "./sides.ts";

const ARGS = {
  ...settingFlags("edgeKeyFile"),
  keepOld: {
    type: "boolean",
    description: "Leave the old key until nodes have the new one; the next rotate-key deletes it.",
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

async function rotate(flags: Flags<typeof ARGS>, context: Context, askPerson: Ask): Promise<ExitCode> {
  const { say, stop, settings } = context;
  if (settings.edgeIdentity === "role") {
    throw new UsageError("Cannot rotate a key: the edge is a role, which has none", {
      tryHint: "export AGENT_EDGE_IDENTITY=user",
    });
  }
  const { keepOld } = flags;
  const loses = keepOld
    ? "nodes continue with the old key"
    : "nodes with the old key wait, and lose nothing, until they have the new one";
  const { word, question } = typed("rotate");
  const consent = {
    word,
    question: `A new key is made; ${loses}. ${question}`,
    what: "rotate the key",
    tryHint: `${context.typed} --yes`,
  };
  if (!(await agreed(flags, stop, askPerson, consent))) {
    say("Nothing was touched.");
    return 1;
  }
  const { aws, wish, env } = await openAwsHalf(context);
  const world = worldOf(context);
  try {
    const [{ rotateKey }, { whoWeAre }] = await Promise.all([
      import("../../provision/aws/access-key.ts"),
      import("../../provision/aws/side.ts"),
    ]);
    const facts = new FactBook();
    const rotated = await withWayOut(context, async () => {
      facts.learn(await whoWeAre(aws, wish));
      return await rotateKey(aws, wish, { ...world, facts }, { keepOld, env });
    });
    world.end();
    say(`Key ${rotated.key} is in ${wish.keyFile}.`);
    if (rotated.deleted.length > 0) say(`Deleted: ${rotated.deleted.join(", ")}.`);
    if (rotated.kept.length > 0) say(`Still valid: ${rotated.kept.join(", ")}. The next rotate-key deletes it.`);
    if (flags.json) await context.write(`${JSON.stringify(rotated, null, 2)}\n`);
    return 0;
  } finally {
    world.end();
    aws.close();
  }
}
