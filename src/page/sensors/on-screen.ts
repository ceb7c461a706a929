/** Which parts of a view are on screen, or nearly. */
import { type Signal, signal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";

/** Charts are made a little before they are scrolled to. */
const MARGIN = "160px 0px";

export class OnScreen {
  readonly keys: Signal<ReadonlySet<string>> = signal(new Set());
  readonly #keyOf = new WeakMap<Element, string>();
  readonly #observer: IntersectionObserver;

  constructor() {
    this.#observer = new IntersectionObserver((entries) => this.#saw(entries), { rootMargin: MARGIN });
  }

  observe(element: Element, key: string): () => void {
    this.#keyOf.set(element, key);
    this.#observer.observe(element);
    return () => {
      this.#observer.unobserve(element);
      this.#change((keys) => keys.delete(key));
    };
  }

  close(): void {
    this.#observer.disconnect();
  }

  #saw(entries: readonly IntersectionObserverEntry[]): void {
    this.#change((keys) => {
      for (const { target, isIntersecting } of entries) {
        const key = this.#keyOf.get(target);
        if (key === undefined) continue;
        if (isIntersecting) keys.add(key);
        else keys.delete(key);
      }
    });
  }

  #change(change: (keys: Set<string>) => void): void {
    const keys = new Set(this.keys.peek());
    change(keys);
    this.keys.value = keys;
  }
}

export function useOnScreen(): OnScreen {
  const screen = useMemo(() => new OnScreen(), []);
  useEffect(() => () => screen.close(), []);
  return screen;
}

/** For the element of `key`. */
export function useObserved<E extends Element>(screen: OnScreen, key: string) {
  const element = useRef<E>(null);
  useEffect(() => (element.current === null ? undefined : screen.observe(element.current, key)), [screen, key]);
  return element;
}
