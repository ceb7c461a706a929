/** The questions that were asked in this browser, the newest first. */
import { signal } from "@preact/signals";
import { parsed } from "../shell/api.ts";

const KEY = "agent-questions";
const LIMITS = { questions: 50, length: 10_000 };

export const history = signal<readonly string[]>(stored());

function stored(): readonly string[] {
  try {
    const value = parsed<unknown>(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(value) ? value.filter((one) => typeof one === "string").slice(0, LIMITS.questions) : [];
  } catch {
    return [];
  }
}

export function remember(sql: string): void {
  const asked = sql.trim();
  if (asked.length > LIMITS.length) return;
  history.value = [asked, ...history.peek().filter((one) => one !== asked)].slice(0, LIMITS.questions);
  keep();
}

export function forgetAll(): void {
  history.value = [];
  keep();
}

function keep(): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(history.peek()));
  } catch {
    // A browser that keeps nothing: it is there until the page is closed.
  }
}
