/** The question before `agent provision` changes something, on a real terminal: only the word itself is a yes. */
import { expect, setDefaultTimeout } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { AGENT_BINARY } from "../../testing/agent-process.ts";
import { type OnTerminal, onTerminal } from "../../testing/on-terminal.ts";
import { accountState } from "../../testing/provision/account-state.ts";
import { testsInAccount } from "../../testing/provision/tests.ts";
import type { ProvisionWorld } from "../../testing/provision/world.ts";

setDefaultTimeout(1_800_000);

let world: ProvisionWorld;
const it = testsInAccount((made) => {
  world = made;
});

const OWN_KEY = "date=2026-01-01/hour=00/edge-1/01jh3qkq0000000000000000a1.000000000001-000000000001.1.json.gz";
const APPLY = ["apply", "--only", "aws"];
const writes = () => world.proxy.seen.filter(({ isWrite, call }) => isWrite && !call.startsWith("sts ")).length;

/** Each command that asks: the set-up that it needs, its word, and what is there afterwards. */
const COMMANDS = [
  { argv: APPLY, word: "apply", needs: "nothing", done: "Done: 10 steps." },
  {
    argv: ["clean", "--only", "aws"],
    word: "clean",
    needs: "a set-up",
    done: "Clean: 1 object or version deleted from 6 buckets. What a buffer has delivered",
  },
  { argv: ["rotate-key"], word: "rotate", needs: "a set-up", done: "Deleted: " },
  { argv: ["destroy", "--only", "aws"], word: "destroy", needs: "a set-up", done: "10 of 10 are gone." },
] as const;
type Asking = (typeof COMMANDS)[number];

async function prepare({ needs }: Asking): Promise<void> {
  await world.reset();
  if (needs === "a set-up") expect((await world.run([...APPLY, "--yes"])).code).toBe(0);
  if (needs === "a set-up") {
    const { s3, s3Api } = world.root;
    const raw = { Bucket: "acme-raw-data-us-west-2", Key: OWN_KEY, Body: "x" };
    await world.asRoot(() => s3.send(new s3Api.PutObjectCommand(raw)));
  }
  world.proxy.seen.length = 0;
}

function atTerminal({ argv, word }: Asking, does: OnTerminal["does"], wrapped: readonly string[] = []) {
  const program = [...wrapped, AGENT_BINARY, "provision", ...argv];
  return onTerminal({ program, cwd: world.folder, env: world.env, sees: `Type "${word}" to do this: `, does });
}

/** What is in the account and in the file of the key, and what is in the raw bucket. */
async function everything() {
  const { s3, s3Api } = world.root;
  const list = new s3Api.ListObjectVersionsCommand({ Bucket: "acme-raw-data-us-west-2" });
  const objects = await world.asRoot(() => s3.send(list).catch(() => ({ Versions: [] })));
  const key = existsSync(world.keyFile) ? readFileSync(world.keyFile, "utf8") : null;
  return { account: await accountState(world), key, objects: objects.Versions?.map(({ Key }) => Key) };
}

for (const command of COMMANDS) {
  const { argv, word, done } = command;
  it(`${argv[0]}: anything but "${word}", the end of input, Ctrl-C and a signal touch nothing and exit 1`, async () => {
    await prepare(command);
    const before = await everything();
    const refusals: readonly OnTerminal["does"][] = [
      ...["\r", "y\r", "yes\r", `${word.toUpperCase()}\r`, `${word} it\r`, "\x03", "\x04", `${word}\x03`].map(
        (keys) => ({
          keys,
        }),
      ),
      { signal: "SIGTERM" },
    ];
    for (const does of refusals) {
      const { code, signal, asked, text } = await atTerminal(command, does);
      expect([does, asked, code, signal]).toEqual([does, true, 1, null]);
      expect([does, text.trimEnd().split("\n").at(-1)]).toEqual([does, "Nothing was touched."]);
      expect([does, writes()]).toEqual([does, 0]);
    }
    expect(await everything()).toEqual(before);
  });

  it(`${argv[0]}: "${word}" continues`, async () => {
    await prepare(command);
    // White space around it is a slip, and not another word.
    const { code, text } = await atTerminal(command, { keys: ` ${word} \r` });
    expect([code, text]).toEqual([0, expect.stringContaining(done)]);
    expect(writes()).toBeGreaterThan(0);
  });

  it(`${argv[0]}: without a terminal to ask on it exits 2 and says how to do without the question`, async () => {
    await prepare(command);
    const before = await everything();
    const piped = await world.run(argv);
    const redirected = await atTerminal(command, { keys: `${word}\r` }, ["/bin/sh", "-c", 'exec "$0" "$@" </dev/null']);
    for (const [code, told] of [
      [piped.code, piped.stderr],
      [redirected.code, redirected.text],
    ] as const) {
      expect([code, told]).toEqual([2, expect.stringMatching(/^Cannot .*: there is no terminal to ask on$/m)]);
      expect(told).toMatch(new RegExp(`^Try: agent provision ${argv.join(" ")} --yes\r?$`, "m"));
    }
    expect([piped.stdout, redirected.asked, writes()]).toEqual(["", false, 0]);
    expect(await everything()).toEqual(before);
  });
}
