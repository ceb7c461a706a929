/** Where the page is: the address behind `#`, which views read and link to. */
import { computed, signal } from "@preact/signals";

const hash = signal(location.hash);
addEventListener("hashchange", () => {
  hash.value = location.hash;
});

/** The address behind `#`: the view's name, then what it shows, as `#sensors/PUMP_01`. */
export const place = computed<readonly string[]>(() =>
  hash.value
    .slice(1)
    .split("/")
    .map((part) => decoded(part)),
);

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** `#sensors/PUMP_01`, for links. */
export function linkTo(view: string, ...parts: readonly string[]): string {
  return `#${[view, ...parts].map(encodeURIComponent).join("/")}`;
}

export function goTo(view: string, ...parts: readonly string[]): void {
  location.hash = linkTo(view, ...parts);
}
