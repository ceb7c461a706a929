import { useState } from "preact/hooks";
import { Dialog } from "./parts.tsx";
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
      <form onSubmit={submit}>
        <p>
          {question.value.wasRefused ? "The agent did not take the token of this page. " : ""}
          The agent writes an address with the token to its log when it starts: <code>#token=…</code>
        </p>
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
