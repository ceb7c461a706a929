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

const LEFT_KEY = "agent-drafts-left";
/** A text that was begun for another node than this one, which the same address led to before. */
export type LeftDraft = { readonly node: string; readonly name: string; readonly text: string };

export const leftDrafts = signal<readonly LeftDraft[]>(readLeft());

function readLeft(): readonly LeftDraft[] {
  try {
    return JSON.parse(sessionStorage.getItem(LEFT_KEY) ?? "[]");
  } catch {
    return [];
  }
}

/** Keeps what is not saved as of `node` for this tab. False: the browser has no room for it. */
export function leaveDrafts(node: string): boolean {
  const unsaved = [...drafts.peek().values()].filter(isUnsaved).map(({ name, text }) => ({ node, name, text }));
  const isReplaced = (left: LeftDraft) => left.node === node && unsaved.some(({ name }) => name === left.name);
  if (!keepLeft([...leftDrafts.peek().filter((left) => !isReplaced(left)), ...unsaved])) return false;
  drafts.value = new Map();
  return true;
}

export function forgetLeft(one: LeftDraft): void {
  keepLeft(leftDrafts.peek().filter((other) => other !== one));
}

function keepLeft(all: readonly LeftDraft[]): boolean {
  try {
    sessionStorage.setItem(LEFT_KEY, JSON.stringify(all));
  } catch {
    return false;
  }
  leftDrafts.value = all;
  return true;
}

addEventListener("beforeunload", (event) => {
  if ([...drafts.peek().values()].some(isUnsaved)) event.preventDefault();
});
