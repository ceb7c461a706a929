/** The editor of a question: SQL with completion of tables and columns, and a mark where SQLite found an error. */
import { autocompletion, closeBrackets, completionKeymap } from "@codemirror/autocomplete";
import { SQLite, sql } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, setDiagnostics } from "@codemirror/lint";
import { Compartment, Prec } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { effect, type ReadonlySignal } from "@preact/signals";
import { minimalSetup } from "codemirror";
import { useEffect, useRef } from "preact/hooks";
import type { SnapshotSchema, TextRange } from "./worker-words.ts";

export type EditorProps = {
  readonly text: ReadonlySignal<string>;
  readonly onText: (text: string) => void;
  readonly onRun: () => void;
  readonly schema: SnapshotSchema | null;
  readonly error: { readonly at: TextRange; readonly message: string } | null;
};

const THEME = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--sunken)", fontSize: "13px" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5", minHeight: "132px", maxHeight: "40vh" },
  ".cm-content": { caretColor: "var(--text)", padding: "8px 0" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "var(--accent-soft)",
  },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--quiet)", border: "none" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-soft)", outline: "none" },
  ".cm-tooltip": { backgroundColor: "var(--card)", border: "1px solid var(--line)", color: "var(--text)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": {
    backgroundColor: "var(--accent)",
    color: "var(--accent-text)",
  },
  ".cm-completionDetail": { color: "var(--quiet)" },
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--critical)",
    backgroundColor: "var(--critical-soft)",
  },
});

const COLOURS = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--accent)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--ok)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--warning)" },
  { tag: [tags.lineComment, tags.blockComment], color: "var(--quiet)", fontStyle: "italic" },
]);

export function Editor(props: EditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const language = useRef(new Compartment());
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    if (host.current === null) return;
    // In a shadow root its styles are adopted sheets, which the page's policy allows; in the page itself they would be inline.
    const root = host.current.shadowRoot ?? host.current.attachShadow({ mode: "open" });
    const parent = document.createElement("div");
    root.append(parent);
    const made = new EditorView({
      doc: props.text.peek(),
      root,
      parent,
      extensions: [
        Prec.highest(
          keymap.of([
            {
              key: "Mod-Enter",
              run: () => {
                latest.current.onRun();
                return true;
              },
            },
          ]),
        ),
        minimalSetup,
        lineNumbers(),
        bracketMatching(),
        closeBrackets(),
        autocompletion(),
        keymap.of(completionKeymap),
        language.current.of(languageFor(props.schema)),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": "Question in SQL", spellcheck: "false" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) latest.current.onText(update.state.doc.toString());
        }),
        THEME,
        syntaxHighlighting(COLOURS),
      ],
    });
    view.current = made;
    // At once, and not after a render: by then more may have been typed, which the older text would replace.
    const stop = effect(() => {
      const text = props.text.value;
      if (made.state.doc.toString() !== text)
        made.dispatch({ changes: { from: 0, to: made.state.doc.length, insert: text } });
    });
    return () => {
      stop();
      made.destroy();
      parent.remove();
    };
  }, []);

  useEffect(() => {
    view.current?.dispatch({ effects: language.current.reconfigure(languageFor(props.schema)) });
  }, [props.schema]);

  useEffect(() => {
    const shown = view.current;
    if (shown !== null) shown.dispatch(setDiagnostics(shown.state, diagnosticsOf(shown, props.error)));
  }, [props.error]);

  return <div class="sql-editor" ref={host} />;
}

function languageFor(schema: SnapshotSchema | null) {
  const tables = Object.fromEntries(
    Object.entries(schema?.tables ?? {}).map(([name, columns]) => [name, [...columns]]),
  );
  return sql({ dialect: SQLite, schema: tables, defaultTable: "sensor_readings", upperCaseKeywords: true });
}

function diagnosticsOf(view: EditorView, error: EditorProps["error"]): Diagnostic[] {
  const length = view.state.doc.length;
  if (error === null || error.at.to > length) return [];
  const { from, to } = error.at;
  return [{ from: Math.min(from, Math.max(0, to - 1)), to, severity: "error", message: error.message }];
}
