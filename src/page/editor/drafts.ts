/** Texts that were begun and not saved: they outlive a change of the view, and leaving the page asks first. */
import { signal } from "@preact/signals";
import type { RuleFileText } from "../../dashboard/rules-wire.ts";

/** `base`: what is in the file as far as this page knows; null: there is no such file. */
export type Draft = { readonly name: string; readonly base: RuleFileText | null; readonly text: string };

export const drafts = signal<ReadonlyMap<string, Draft>>(new Map());

export function isUnsaved({ base, text }: Draft): boolean {
  return base === null ? text.trim() !== "" : text !== base.text;
}

export function keepDraft(draft: Draft): void {
  drafts.value = new Map(drafts.peek()).set(draft.name, draft);
}

addEventListener("beforeunload", (event) => {
  if ([...drafts.peek().values()].some(isUnsaved)) event.preventDefault();
});
