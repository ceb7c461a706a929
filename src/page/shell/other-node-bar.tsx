/** The address leads to another node than before: nothing is sent to it before a person wants that. */
import { drafts, isUnsaved, leaveDrafts } from "../editor/drafts.ts";
import { forgetToken } from "../token/token.ts";
import { node, otherNode } from "./node.ts";

export function OtherNodeBar() {
  const was = node.value ?? "";
  const unsaved = [...drafts.value.values()].filter(isUnsaved).length;
  const continueWithOther = () => {
    if (!leaveDrafts(was)) return;
    forgetToken();
    location.reload();
  };
  return (
    <div class="lost-bar" role="alert">
      <strong>
        This is another node now: {otherNode.value}. It was {was}.
      </strong>
      <span>
        What you see is of {was}. Nothing is saved, and the token of {was} is not sent.
      </span>
      {unsaved === 0 ? null : (
        <span>
          {unsaved === 1 ? "A text is" : `${unsaved} texts are`} not saved: the view Rules keeps{" "}
          {unsaved === 1 ? "it" : "them"} as of {was}.
        </span>
      )}
      <button type="button" onClick={continueWithOther}>
        Continue with {otherNode.value}
      </button>
    </div>
  );
}
