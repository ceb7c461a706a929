/** The editor of one rule file. Its code is loaded when it is first opened: it is larger than the rest of the page. */
import { useSignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import type { EditorProps } from "../editor/editor.tsx";
import { Card, Loading, ProblemRow } from "../shell/parts.tsx";
import { goTo, linkTo, place } from "../shell/place.ts";
import { useRules } from "./state.ts";

let loaded: Promise<ComponentType<EditorProps>> | null = null;

export function EditorView({ name, isNew }: { readonly name: string; readonly isNew: boolean }) {
  const { value: rules, problem } = useRules();
  const editor = useSignal<ComponentType<EditorProps> | Error | null>(null);
  const isEditable = rules !== null && rules.folder !== null;
  useEffect(() => {
    if (!isEditable || (isNew && name === "")) return;
    loaded ??= import("../editor/editor.tsx").then((module) => module.default);
    loaded.then(
      (one) => {
        editor.value = one;
      },
      (error) => {
        loaded = null;
        editor.value = error instanceof Error ? error : new Error(String(error));
      },
    );
  }, [isEditable, name]);
  if (rules === null) return problem === null ? <Loading what="rules" /> : <ProblemRow problem={problem} />;
  if (rules.folder === null) return <NoFolder />;
  if (isNew && name === "") return <NameOfNew known={rules.files} />;
  if (editor.value instanceof Error) {
    return (
      <ProblemRow problem={{ message: `Cannot load the editor: ${editor.value.message}`, try: "reload the page" }} />
    );
  }
  const Editor = editor.value;
  if (Editor === null) return <Loading what="the editor" />;
  const line = Number(place.value[3] ?? "0");
  return (
    <Editor
      name={name}
      isNew={isNew && !rules.files.includes(name)}
      folder={rules.folder}
      seen={JSON.stringify([rules.version, rules.refused])}
      line={line > 0 ? line : null}
    />
  );
}

function NoFolder() {
  return (
    <Card title="Editing rules" aside={<a href={linkTo("rules")}>All rules</a>}>
      <p>
        The rules in force are those in the binary, which cannot be edited. Where the agent runs, write them to files;
        it takes the folder at once, and no restart is needed.
      </p>
      <ProblemRow
        tone="info"
        problem={{ message: "Write the rules in the binary to files:", try: "agent rules init rules" }}
      />
      <p class="quiet">
        Run it in the folder in which the agent was started, or name the folder that AGENT_RULES_DIR names. Then this
        page shows the files, and each can be edited here or with any editor.
      </p>
    </Card>
  );
}

function NameOfNew({ known }: { readonly known: readonly string[] }) {
  const name = useSignal("");
  const file = name.value.endsWith(".json") || name.value === "" ? name.value : `${name.value}.json`;
  const isWrong = file !== "" && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.json$/.test(file);
  const isTaken = known.includes(file);
  const open = (event: Event) => {
    event.preventDefault();
    if (file !== "" && !isWrong && !isTaken) goTo("rules", "new", file);
  };
  return (
    <Card title="A new rule file" aside={<a href={linkTo("rules")}>All rules</a>}>
      <form class="toolbar" onSubmit={open}>
        <label>
          Name{" "}
          <input
            value={name.value}
            placeholder="pumps.json"
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => {
              name.value = event.currentTarget.value.trim();
            }}
          />
        </label>
        <button type="submit" class="main-button" disabled={file === "" || isWrong || isTaken}>
          Begin
        </button>
        <span class="quiet" role="status">
          {isTaken
            ? "There is a file of this name."
            : isWrong
              ? "Letters, digits, . _ and -, beginning with a letter or a digit."
              : "It is written when you save it."}
        </span>
      </form>
    </Card>
  );
}
