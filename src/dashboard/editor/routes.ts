/** What the page asks of rules, and the editor, which changes their files: with the token, wherever it listens. */
import { messageOf } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";
import type { HttpReply, HttpRequest, Route, StreamClient } from "../../http/route.ts";
import { checkName } from "../../rules/files/edit-file.ts";
import type { EditedFolder } from "../../rules/files/load.ts";
import { jsonReply, problemReply } from "../json-reply.ts";
import type { BacktestLine } from "../rules-wire.ts";
import type { WireProblem } from "../wire.ts";
import { streamBacktest } from "./backtest.ts";
import { BACKTEST, EDIT, EDIT_BODY_BYTES, readBody, SAVE } from "./bodies.ts";
import { checkFailed, checkInSlices, wireCheck } from "./check.ts";
import { type EditorParts, folderOf, type RulesAtWork } from "./parts.ts";
import { wireRules, wireRuleText } from "./rules.ts";
import { editProblem, readForEditor, saveRules } from "./save.ts";

export function ruleRoutes(parts: EditorParts): readonly Route[] {
  const editor = new Editor(parts);
  const write = { access: "write", maxBodyBytes: EDIT_BODY_BYTES } as const;
  return [
    {
      method: "GET",
      path: "/api/rules",
      access: "read",
      maxBodyBytes: 0,
      answer: () => jsonReply(wireRules(parts)),
    },
    {
      method: "GET",
      path: "/api/rules/rule",
      access: "read",
      maxBodyBytes: 0,
      answer: (request) => ruleText(parts, request),
    },
    {
      method: "GET",
      path: "/api/rules/file",
      access: "write",
      maxBodyBytes: 0,
      answer: (request) => editor.file(request),
    },
    { method: "POST", path: "/api/rules/check", ...write, answer: (request) => editor.check(request) },
    { method: "POST", path: "/api/rules/backtest", ...write, answer: (request) => editor.backtest(request) },
    { method: "PUT", path: "/api/rules/file", ...write, answer: (request) => editor.save(request) },
  ];
}

function ruleText(parts: EditorParts, { query }: HttpRequest): HttpReply {
  const name = query.get("name") ?? "";
  const found = wireRuleText(parts, name);
  if (found !== null) return jsonReply(found);
  return problemReply(404, `No rule ${JSON.stringify(name.slice(0, 100))} is in force`);
}

const STARTING = "The agent has no rules in force yet: it is starting, or waits for something";

const BUSY: WireProblem = {
  message: "Cannot begin a backtest: another one is running. Wait until it has ended, or stop it",
  try: null,
};

class Editor {
  readonly #parts: EditorParts;
  /** Saves come one after another. */
  #saving: Promise<unknown> = Promise.resolve();
  /** One at a time: two would take twice the time of the agent. */
  #isTesting = false;

  constructor(parts: EditorParts) {
    this.#parts = parts;
  }

  file({ query }: HttpRequest): HttpReply {
    const name = query.get("name") ?? "";
    return this.#inFolder(name, (folder) => {
      checkName(name, false);
      return readForEditor(name, folder);
    });
  }

  async check(request: HttpRequest): Promise<HttpReply> {
    const read = readBody(EDIT, request);
    if ("reply" in read) return read.reply;
    return this.#inFolder(read.ok.name, async (folder) => {
      checkName(read.ok.name, false);
      return jsonReply(wireCheck(await checkInSlices(this.#parts, folder, read.ok, request.gone), folder));
    });
  }

  async save(request: HttpRequest): Promise<HttpReply> {
    const read = readBody(SAVE, request);
    if ("reply" in read) return read.reply;
    const save = this.#saving.then(() =>
      this.#inFolder(read.ok.name, async (folder) => {
        checkName(read.ok.name, read.ok.version === null);
        return await saveRules(this.#parts, folder, read.ok, request);
      }),
    );
    this.#saving = save.catch(() => undefined);
    return save;
  }

  async backtest(request: HttpRequest): Promise<HttpReply> {
    const read = readBody(BACKTEST, request);
    if ("reply" in read) return read.reply;
    const { name, sinceMs } = read.ok;
    return this.#inFolder(name, async (folder) => {
      checkName(name, false);
      const check = await checkInSlices(this.#parts, folder, read.ok, request.gone);
      if (check.all === null) return checkFailed(check, folder, `Cannot begin a backtest of ${name}`);
      const atWork = this.#parts.atWork();
      if (atWork === null) return problemReply(503, STARTING);
      return this.#streamed(atWork, { check: { ...check, all: check.all }, sinceMs, nowMs: Date.now() });
    });
  }

  #streamed(atWork: RulesAtWork, asked: Parameters<typeof streamBacktest>[1]): HttpReply {
    return {
      status: 200,
      type: "application/x-ndjson; charset=utf-8",
      stream: async (client) => {
        if (this.#isTesting) return sendProblem(client, BUSY);
        this.#isTesting = true;
        try {
          await streamBacktest(atWork, asked, client);
        } catch (error) {
          if (!client.gone.aborted) await sendProblem(client, { message: messageOf(error), try: null });
        } finally {
          this.#isTesting = false;
        }
      },
    };
  }

  /** Every failure is a reply; where the rules are those in the binary, there is nothing to edit. */
  #inFolder(name: string, answer: (folder: EditedFolder) => HttpReply): HttpReply;
  #inFolder(name: string, answer: (folder: EditedFolder) => Promise<HttpReply>): Promise<HttpReply>;
  #inFolder(
    name: string,
    answer: (folder: EditedFolder) => HttpReply | Promise<HttpReply>,
  ): HttpReply | Promise<HttpReply> {
    const folder = folderOf(this.#parts);
    if (folder === null) return noFolder(this.#parts.place);
    const failed = (error: unknown) => editProblem(error, name);
    try {
      const reply = answer(folder);
      return reply instanceof Promise ? reply.catch(failed) : reply;
    } catch (error) {
      return failed(error);
    }
  }
}

async function sendProblem(client: StreamClient, problem: WireProblem): Promise<void> {
  const line: BacktestLine = { problem };
  client.send(`${JSON.stringify(line)}\n`);
  await client.drained();
}

function noFolder({ shownAs }: EditedFolder): HttpReply {
  const message =
    "Cannot edit the rules in the binary: write them to files first, where the agent runs; it takes the folder at once";
  return problemReply(409, message, `agent rules init ${shellWord(shownAs)}`);
}
