/** A problem of a rule file with its place; the place leads into the editor. */
import type { WireFileProblem } from "../../dashboard/rules-wire.ts";
import { linkTo } from "../shell/place.ts";

export function FileProblem(props: { readonly problem: WireFileProblem; readonly onGo?: (() => void) | undefined }) {
  const { file, name, line, column, message } = props.problem;
  const at = `${file}:${line}:${column}`;
  return (
    <li>
      <span class="file-place">
        {props.onGo !== undefined ? (
          <button type="button" class="quiet-button" onClick={props.onGo}>
            {at}
          </button>
        ) : name === null ? (
          at
        ) : (
          <a href={linkTo("rules", "file", name, String(line))}>{at}</a>
        )}
      </span>{" "}
      {message}
    </li>
  );
}
