/** A command line in this process, and all that a user would see of it. */
import { type Commands, runCommandLine, type World } from "./commands.ts";

export type CommandResult = { readonly code: number; readonly stdout: string; readonly stderr: readonly string[] };

export async function see(
  argv: readonly string[],
  commands: Commands,
  more: Partial<World> = {},
): Promise<CommandResult> {
  let stdout = "";
  const stderr: string[] = [];
  const code = await runCommandLine(
    argv,
    {
      env: {},
      dotenv: {},
      cwd: "/nowhere",
      terminal: false,
      write: async (data) => {
        stdout += typeof data === "string" ? data : new TextDecoder().decode(data);
      },
      say: (line) => void stderr.push(line),
      stop: new AbortController().signal,
      ...more,
    },
    commands,
  );
  return { code, stdout, stderr };
}
