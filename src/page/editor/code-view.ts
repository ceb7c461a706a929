/**
 * CodeMirror for a rule file. It is in a shadow root: there it makes style sheets by script, which the page's policy allows, and not
 * as `<style>`, which it does not.
 */
import { autocompletion } from "@codemirror/autocomplete";
import { json, jsonParseLinter } from "@codemirror/lang-json";
import { type Diagnostic, forceLinting, linter, lintGutter } from "@codemirror/lint";
import { EditorState, StateEffect, type Text } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { basicSetup } from "codemirror";
import { codeTheme } from "./code-theme.ts";
import { type KnownWords, ruleCompletion, ruleHover } from "./completion.ts";

/** Lines and columns from 1 on. */
export type CodeMark = {
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly isError: boolean;
};

export type CodeViewParts = {
  readonly text: string;
  /** For those who do not see it. */
  readonly label: string;
  readonly words: () => KnownWords;
  /** What the agent says of this text; null where it has said nothing of it yet. */
  readonly marks: (text: string) => readonly CodeMark[] | null;
  readonly onChange: (text: string) => void;
  readonly onSave: () => void;
  readonly onCheck: () => void;
};

/** The text is the same, and the agent has said something else of it. */
const judged = StateEffect.define<null>();

export class CodeView {
  readonly #view: EditorView;

  constructor(host: HTMLElement, parts: CodeViewParts) {
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    const local = jsonParseLinter();
    const lint = linter(
      (view) => {
        const marks = parts.marks(view.state.doc.toString());
        return marks === null ? local(view) : marks.map((mark) => diagnosticOf(mark, view.state.doc));
      },
      {
        delay: 250,
        needsRefresh: ({ transactions }) => transactions.some(({ effects }) => effects.some((one) => one.is(judged))),
      },
    );
    const keys = keymap.of([
      { key: "Mod-s", preventDefault: true, run: () => ran(parts.onSave) },
      { key: "Mod-Enter", preventDefault: true, run: () => ran(parts.onCheck) },
    ]);
    this.#view = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: parts.text,
        extensions: [
          keys,
          basicSetup,
          json(),
          codeTheme,
          autocompletion({ override: [ruleCompletion(parts.words)], icons: false }),
          ruleHover,
          lint,
          lintGutter(),
          EditorView.contentAttributes.of({ "aria-label": parts.label, tabindex: "0" }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) parts.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
  }

  /** What the agent says has changed. */
  judge(): void {
    this.#view.dispatch({ effects: judged.of(null) });
    forceLinting(this.#view);
  }

  /** Replaces the text, as an edit that can be undone. */
  setText(text: string): void {
    const { doc } = this.#view.state;
    if (doc.toString() !== text) this.#view.dispatch({ changes: { from: 0, to: doc.length, insert: text } });
  }

  goTo(line: number, column = 1): void {
    const at = offsetOf(this.#view.state.doc, line, column);
    this.#view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
    this.#view.focus();
  }

  destroy(): void {
    this.#view.destroy();
  }
}

function ran(action: () => void): true {
  action();
  return true;
}

function offsetOf(doc: Text, line: number, column: number): number {
  const { from, to } = doc.line(Math.min(Math.max(1, line), doc.lines));
  return Math.min(to, from + Math.max(0, column - 1));
}

/** To the end of the word that begins there, so that it can be seen. */
function diagnosticOf({ line, column, message, isError }: CodeMark, doc: Text): Diagnostic {
  const from = offsetOf(doc, line, column);
  const rest = doc.sliceString(from, doc.lineAt(from).to);
  const word = /^(?:"(?:[^"\\]|\\.)*"|[\w.+-]+|.)/.exec(rest)?.[0] ?? "";
  return { from, to: from + word.length, message, severity: isError ? "error" : "warning" };
}
