/** What the editor knows of one file: its text, what the agent says of exactly this text, and whether it may be saved. */
import { computed, signal } from "@preact/signals";
import type {
  RuleCheckRefusal,
  RuleConflict,
  RuleEditCheck,
  RuleFileText,
  RuleSaved,
} from "../../dashboard/rules-wire.ts";
import type { WireProblem } from "../../dashboard/wire.ts";
import { ApiError, getJson, parsed, problemOf, sendJson } from "../shell/api.ts";
import { drafts, isUnsaved, keepDraft } from "./drafts.ts";

/** After the last key, so that the agent does not check every letter. */
const DEBOUNCE_MS = 400;

export class EditorModel {
  readonly name: string;
  readonly base = signal<RuleFileText | null>(null);
  readonly text = signal("");
  /** Another one replaces what is in the view: a text that was loaded, or taken back. */
  readonly shown = signal<string | null>(null);
  readonly problem = signal<WireProblem | null>(null);
  readonly isSaving = signal(false);
  readonly saved = signal<RuleSaved | null>(null);
  /** What is in the file now, where another editor changed it; null: it was deleted. */
  readonly conflict = signal<RuleConflict | null>(null);
  readonly #checked = signal<{ readonly text: string; readonly check: RuleEditCheck } | null>(null);
  readonly isChecking = signal(false);
  readonly isUnsaved = computed(() => this.text.value !== (this.base.value?.text ?? ""));
  /** Of exactly the text as it is now. */
  readonly check = computed(() => (this.#checked.value?.text === this.text.value ? this.#checked.value.check : null));
  /** The last one, also of an older text. */
  readonly lastCheck = computed(() => this.#checked.value?.check ?? null);
  readonly maySave = computed(
    () =>
      this.isUnsaved.value &&
      !this.isSaving.value &&
      this.check.value !== null &&
      this.check.value.outcome !== "refused",
  );
  #debounce: ReturnType<typeof setTimeout> | null = null;
  #checking: AbortController | null = null;

  constructor(name: string) {
    this.name = name;
  }

  /** A draft that was begun continues; `begin` is the text of a new file. */
  async load(begin: string | null): Promise<void> {
    const kept = drafts.peek().get(this.name);
    const draft = kept !== undefined && isUnsaved(kept) ? kept : undefined;
    try {
      const isOld = begin === null;
      const base = isOld ? await getJson<RuleFileText>("/api/rules/file", { name: this.name }) : null;
      // The draft began with another text of the file: saving it says so.
      this.base.value = draft !== undefined && draft.text !== base?.text ? draft.base : base;
      this.#replace(draft?.text ?? base?.text ?? begin ?? "");
      this.problem.value = null;
    } catch (error) {
      this.problem.value = problemOf(error);
    }
  }

  /** Something changed in the folder: what is shown as the file must be what is in it. */
  async lookAgain(): Promise<void> {
    if (this.shown.peek() === null || this.isSaving.peek()) return;
    const base = this.base.peek();
    const now = await this.#inFile().catch(() => undefined);
    // It may be that a save has ended meanwhile.
    if (now === undefined || this.base.peek() !== base || now?.version === base?.version) return;
    if (this.isUnsaved.peek()) {
      const message = `${this.name}: it ${now === null ? "was deleted" : "changed since the editor read it"}`;
      this.conflict.value = { message, try: null, current: now };
    } else {
      this.base.value = now;
      this.#replace(now?.text ?? "");
    }
  }

  /** Null: there is no such file. */
  async #inFile(): Promise<RuleFileText | null> {
    try {
      return await getJson<RuleFileText>("/api/rules/file", { name: this.name });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  }

  edit(text: string): void {
    if (text === this.text.peek()) return;
    this.text.value = text;
    this.saved.value = null;
    keepDraft({ name: this.name, base: this.base.peek(), text });
    this.#checkSoon();
  }

  #replace(text: string): void {
    this.text.value = text;
    this.shown.value = text;
    keepDraft({ name: this.name, base: this.base.peek(), text });
    void this.runCheck();
  }

  /** The text as it is in the file. */
  revert(): void {
    this.#replace(this.base.peek()?.text ?? "");
  }

  #checkSoon(): void {
    if (this.#debounce !== null) clearTimeout(this.#debounce);
    this.#debounce = setTimeout(() => void this.runCheck(), DEBOUNCE_MS);
  }

  async runCheck(): Promise<void> {
    if (this.#debounce !== null) clearTimeout(this.#debounce);
    this.#checking?.abort();
    const abort = new AbortController();
    this.#checking = abort;
    this.isChecking.value = true;
    const text = this.text.peek();
    try {
      const check = await sendJson<RuleEditCheck>("POST", "/api/rules/check", { name: this.name, text }, abort.signal);
      this.#checked.value = { text, check };
      this.problem.value = null;
    } catch (error) {
      if (!abort.signal.aborted) this.problem.value = problemOf(error);
    } finally {
      if (this.#checking === abort) this.isChecking.value = false;
    }
  }

  async save(): Promise<void> {
    if (!this.maySave.peek()) return;
    const text = this.text.peek();
    this.isSaving.value = true;
    this.problem.value = null;
    try {
      const version = this.base.peek()?.version ?? null;
      const saved = await sendJson<RuleSaved>("PUT", "/api/rules/file", { name: this.name, text, version });
      this.base.value = { name: this.name, text, version: saved.version };
      this.saved.value = saved;
      this.conflict.value = null;
      keepDraft({ name: this.name, base: this.base.peek(), text: this.text.peek() });
    } catch (error) {
      this.#notSaved(error, text);
    } finally {
      this.isSaving.value = false;
    }
  }

  #notSaved(error: unknown, text: string): void {
    this.problem.value = problemOf(error);
    if (!(error instanceof ApiError)) return;
    if (error.status === 422) this.#checked.value = { text, check: parsed<RuleCheckRefusal>(error.said) };
    if (error.status !== 409) return;
    const conflict = parsed<Partial<RuleConflict>>(error.said);
    if (conflict.current !== undefined) {
      this.conflict.value = { ...problemOf(error), current: conflict.current };
      this.problem.value = null;
    }
  }

  /** Continues with what is in the file now; the text that was written is gone. */
  takeTheirs(): void {
    this.base.value = this.conflict.peek()?.current ?? null;
    this.conflict.value = null;
    this.revert();
  }

  /** Keeps the text; a save now replaces what is in the file. */
  keepMine(): void {
    this.base.value = this.conflict.peek()?.current ?? null;
    this.conflict.value = null;
    keepDraft({ name: this.name, base: this.base.peek(), text: this.text.peek() });
  }

  stop(): void {
    if (this.#debounce !== null) clearTimeout(this.#debounce);
    this.#checking?.abort();
  }
}

/** A new file begins with a rule that works, and its tests. */
export function newRuleText(name: string, measure: string): string {
  const rule =
    name
      .replace(/\.json$/, "")
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, "-")
      .replace(/^-+/, "") || "new-rule";
  return `{
  "name": "${rule.slice(0, 64)}",
  "description": "What is wrong when it is broken, and where the limit comes from",
  "severity": "warning",
  "when": { "range": { "measure": "${measure}", "max": 60 } },
  "tests": [
    { "reading": { "${measure}": 61 }, "breaks": true },
    { "reading": { "${measure}": 60 }, "breaks": false }
  ]
}
`;
}
