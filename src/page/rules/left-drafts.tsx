/** Texts that were begun for another node, which the same address led to before. */
import { forgetLeft, leftDrafts } from "../editor/drafts.ts";
import { Card, CopyButton } from "../shell/parts.tsx";

export function LeftDrafts() {
  const all = leftDrafts.value;
  if (all.length === 0) return null;
  return (
    <Card title="Not saved, of another node">
      <ul class="lines">
        {all.map((one) => (
          <li key={`${one.node} ${one.name}`} class="toolbar">
            <code>{one.name}</code> <span>of node {one.node}</span>{" "}
            <CopyButton text={one.text} label={`${one.name} of ${one.node}`} />
            <button type="button" class="quiet-button" onClick={() => forgetLeft(one)}>
              forget
            </button>
          </li>
        ))}
      </ul>
    </Card>
  );
}
