/** `agent provision export terraform`: the same resources as text for those who must use Terraform. */
import { UsageError } from "../../core/errors.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import type { Args, Flags } from "../frame/flags.ts";
import { SIDE_FLAGS, sidesAsked, WISH_FLAGS } from "./sides.ts";

const FORMATS = ["terraform"] as const;

const ARGS = {
  format: { type: "positional", description: `What to write: ${FORMATS.join(", ")}.`, required: true },
  ...SIDE_FLAGS,
  ...WISH_FLAGS,
} as const satisfies Args;

export const command = defineCommand({
  name: "export",
  summary: "The same resources as Terraform text, from the settings alone; no cloud is asked.",
  args: ARGS,
  examples: ["agent provision export terraform > main.tf", "agent provision export terraform --only aws"],
  run: exportText,
});

async function exportText(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  const { format } = flags;
  if (!FORMATS.some((one) => one === format)) {
    throw new UsageError(`Cannot export "${format}": there is no such format`, {
      tryHint: `agent provision export ${FORMATS[0]}`,
    });
  }
  const sides = sidesAsked(flags, context);
  const { settings, cwd } = context;
  const [{ terraformOf }, { awsWish }, { loadProfile }, { shippedNotebook }, { shippedQuestions }] = await Promise.all([
    import("../../provision/terraform/terraform.ts"),
    import("../../provision/aws/wish.ts"),
    import("../../sensor/profile/shipped.ts"),
    import("../../provision/load/shipped-notebook.ts"),
    import("../../provision/load/shipped-questions.ts"),
  ]);
  const aws = awsWish(settings, cwd);
  const profile = loadProfile(settings.profile, cwd);
  const shipped = { notebook: shippedNotebook(), questions: shippedQuestions() };
  await context.write(terraformOf({ sides, settings, aws, profile, ...shipped }));
  return 0;
}
