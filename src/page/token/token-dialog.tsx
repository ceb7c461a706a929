import { useState } from "preact/hooks";
import { CopyButton, Dialog } from "../shell/parts.tsx";
import { answerToken, question } from "./token.ts";

export function TokenDialog() {
  const [text, type] = useState("");
  if (question.value === null) return null;
  const submit = (event: Event) => {
    event.preventDefault();
    if (text.trim() !== "") answerToken(text.trim());
    type("");
  };
  return (
    <Dialog title="The agent asks for its token" onClose={() => answerToken(null)}>
      <form class="stack" onSubmit={submit}>
        <p>
          {question.value.wasRefused ? "The agent did not take the token of this page: it may have a new one. " : ""}
          {question.value.try === null
            ? "It is in the agent's data dir."
            : "On the machine of the agent, this shows it:"}
        </p>
        {question.value.try === null ? null : (
          <p>
            <code>{question.value.try}</code> <CopyButton text={question.value.try} />
          </p>
        )}
        <label>
          Token{" "}
          <input type="password" autocomplete="off" value={text} onInput={(event) => type(event.currentTarget.value)} />
        </label>{" "}
        <button type="submit" class="main-button">
          Use it
        </button>
      </form>
    </Dialog>
  );
}
