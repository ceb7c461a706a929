/** The token of the agent: from `#token=…` in the address, kept for this tab only, asked for when the agent wants one. */
import { signal } from "@preact/signals";
import { forgetText, keepText, keptText } from "../shell/kept.ts";

const KEY = "agent-token";
/** The node that the token is of: it is sent to no other one. */
const NODE_KEY = "agent-token-node";

/** Takes the token out of the address at once, so that it is in no history, bookmark or screenshot. */
function fromAddress(): string | null {
  const found = /^#token=([^&]+)/.exec(location.hash);
  if (found === null) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return decodeURIComponent(found[1]!);
}

const first = fromAddress();

export const token = signal<string | null>(keptText("tab", KEY));
if (first !== null) keep(first);
addEventListener("hashchange", () => {
  const next = fromAddress();
  if (next !== null) keep(next);
});

function keep(next: string): void {
  keepText("tab", KEY, next);
  forgetText("tab", NODE_KEY);
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

export function forgetToken(): void {
  forgetText("tab", KEY);
  forgetText("tab", NODE_KEY);
  token.value = null;
}

/** `node`: which one answers now; null: it is not known. A token that is of no node yet is of this one from now on. */
export function tokenHeaders(node: string | null): Readonly<Record<string, string>> {
  if (token.value === null) return {};
  const of = keptText("tab", NODE_KEY);
  if (of !== null && of !== node) return {};
  if (of === null && node !== null) keepText("tab", NODE_KEY, node);
  return { authorization: `Bearer ${token.value}` };
}
