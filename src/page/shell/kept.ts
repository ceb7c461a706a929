/** What the browser keeps for this page: nothing, where its viewer forbids that. */

export function keptText(where: "tab" | "browser", key: string): string | null {
  try {
    return storeOf(where).getItem(key);
  } catch {
    return null;
  }
}

export function keepText(where: "tab" | "browser", key: string, text: string): void {
  try {
    storeOf(where).setItem(key, text);
  } catch {
    // Then it is known until the page is loaded again.
  }
}

export function forgetText(where: "tab" | "browser", key: string): void {
  try {
    storeOf(where).removeItem(key);
  } catch {
    // Then it was not kept.
  }
}

function storeOf(where: "tab" | "browser"): Storage {
  return where === "tab" ? sessionStorage : localStorage;
}
