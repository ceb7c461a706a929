/** The token of the agent: from `#token=…` in the address, kept for this tab only, asked for when the agent wants one. */
import { signal } from "@preact/signals";
import { keepText, keptText } from "./kept.ts";

const KEY = "agent-token";

/** Takes the token out of the address at once, so that it is in no history, bookmark or screenshot. */
function fromAddress(): string | null {
  const found = /^#token=([^&]+)/.exec(location.hash);
  if (found === null) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return decodeURIComponent(found[1]!);
}

const first = fromAddress();
if (first !== null) keepText("tab", KEY, first);

export const token = signal<string | null>(first ?? keptText("tab", KEY));
addEventListener("hashchange", () => {
  const next = fromAddress();
  if (next !== null) keep(next);
});

function keep(next: string): void {
  keepText("tab", KEY, next);
  token.value = next;
}

/** What the page asks, if it does. `wasRefused`: there was a token, and the agent did not take it. `try` shows the token. */
export type TokenQuestion = { readonly wasRefused: boolean; readonly try: string | null };
export const question = signal<TokenQuestion | null>(null);

let waiting: { readonly promise: Promise<string | null>; readonly resolve: (token: string | null) => void } | null =
  null;

/** Asks the person; null: no token was given. All who ask at the same time get one answer. */
export function askForToken(hint: string | null): Promise<string | null> {
  if (waiting === null) {
    const { promise, resolve } = Promise.withResolvers<string | null>();
    waiting = { promise, resolve };
    question.value = { wasRefused: token.value !== null, try: hint };
  }
  return waiting.promise;
}

export function answerToken(given: string | null): void {
  if (given !== null) keep(given);
  question.value = null;
  waiting?.resolve(given);
  waiting = null;
}

export function tokenHeaders(): Readonly<Record<string, string>> {
  return token.value === null ? {} : { authorization: `Bearer ${token.value}` };
}
