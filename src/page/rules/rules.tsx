/** The view of rules: the list, one rule, or the editor of one file, as the address says. */
import { place } from "../shell/place.ts";
import { EditorView } from "./editor-view.tsx";
import { RuleView } from "./rule-view.tsx";
import { RulesList } from "./rules-list.tsx";

/** `#rules`, `#rules/rule/NAME`, `#rules/file/NAME`, `#rules/new`. */
export default function Rules() {
  const [, what, name = ""] = place.value;
  if (what === "rule" && name !== "") return <RuleView key={name} name={name} />;
  if (what === "file" && name !== "") return <EditorView key={name} name={name} isNew={false} />;
  if (what === "new") return <EditorView key={name} name={name} isNew={true} />;
  return <RulesList />;
}
