/** A program on a real pseudo terminal, with a person at it who waits for a question and then types. */

export type OnTerminal = {
  readonly program: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** What the person waits for. */
  readonly sees: string;
  /** What the person does then: keys (`\r` is Enter, `\x03` Ctrl-C, `\x04` Ctrl-D), or a signal from elsewhere. */
  readonly does: { readonly keys: string } | { readonly signal: NodeJS.Signals };
};

export type Shown = {
  readonly code: number | null;
  readonly signal: string | null;
  /** All text on the terminal, without its control sequences; typed text is echoed there. */
  readonly text: string;
  /** False where the program ended without asking. */
  readonly asked: boolean;
};

const LIMIT_MS = 60_000;
/** Colours and movements: ECMA-48 CSI sequences. */
const CONTROL = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, "g");

/** Runs it to its end. Killed after a minute: then `signal` says so. */
export async function onTerminal({ program, cwd, env, sees, does }: OnTerminal): Promise<Shown> {
  const decoder = new TextDecoder();
  let text = "";
  let asked = false;
  const child = Bun.spawn([...program], {
    cwd,
    env: { ...env, TERM: "xterm" },
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
    terminal: {
      cols: 200,
      rows: 50,
      data: (terminal, bytes) => {
        text += decoder.decode(bytes, { stream: true });
        if (asked || !text.includes(sees)) return;
        asked = true;
        if ("keys" in does) terminal.write(does.keys);
        else child.kill(does.signal);
      },
    },
  });
  const code = await child.exited;
  child.terminal?.close();
  const signal = child.signalCode === null ? null : String(child.signalCode);
  return { code: signal === null ? code : null, signal, asked, text: text.replace(CONTROL, "").replaceAll("\r", "") };
}
