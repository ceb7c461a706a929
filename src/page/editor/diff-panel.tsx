/** What the text would change in the file. */
import { Card, Empty } from "../shell/parts.tsx";
import { type DiffLine, lineDiff } from "./line-diff.ts";

const SIGNS: Readonly<Record<DiffLine["kind"], string>> = { same: " ", gone: "-", new: "+", skipped: "…" };

export function DiffPanel(props: { readonly title: string; readonly before: string; readonly after: string }) {
  const lines = lineDiff(props.before, props.after);
  return (
    <Card title={props.title}>
      {lines.length === 0 ? (
        <Empty>Nothing: the text is what is in the file.</Empty>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by key.
        <pre class="diff" tabIndex={0}>
          {lines.map(({ kind, text, line }, index) => (
            <span key={`${index} ${kind}`} class={`diff-${kind}`}>
              <span class="diff-line">{line ?? ""}</span>
              {SIGNS[kind]} {text}
              {"\n"}
            </span>
          ))}
        </pre>
      )}
    </Card>
  );
}
