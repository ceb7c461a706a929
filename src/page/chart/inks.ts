/** The colours of a chart, from the page's CSS: a canvas does not see variables, so they are asked for, and again when they change. */

export type Inks = {
  readonly line: string;
  readonly limit: string;
  readonly mark: string;
  readonly window: string;
  readonly focus: string;
  readonly text: string;
  readonly grid: string;
  readonly ground: string;
};

/** Of `shell/page.css` and `chart.css`. */
const VARIABLES: Readonly<Record<keyof Inks, string>> = {
  line: "chart-line",
  limit: "chart-limit",
  mark: "chart-anomaly",
  window: "chart-window",
  focus: "accent-soft",
  text: "quiet",
  grid: "chart-grid",
  ground: "card",
};

/** Resolved by the browser: a variable may be any colour that CSS knows. */
export function inksOf(element: HTMLElement): Inks {
  const probe = document.createElement("span");
  element.append(probe);
  const ink = (name: keyof Inks) => {
    probe.style.color = `var(--${VARIABLES[name]})`;
    return getComputedStyle(probe).color;
  };
  const inks: Inks = {
    line: ink("line"),
    limit: ink("limit"),
    mark: ink("mark"),
    window: ink("window"),
    focus: ink("focus"),
    text: ink("text"),
    grid: ink("grid"),
    ground: ink("ground"),
  };
  probe.remove();
  return inks;
}

const watchers = new Set<() => void>();
let stop: (() => void) | null = null;

/** Calls when the colour scheme changes, of the system or of the page; returns what ends it. */
export function onInksChanged(call: () => void): () => void {
  watchers.add(call);
  stop ??= watchScheme(() => {
    for (const watcher of watchers) watcher();
  });
  return () => {
    watchers.delete(call);
    if (watchers.size > 0) return;
    stop?.();
    stop = null;
  };
}

function watchScheme(changed: () => void): () => void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", changed);
  const root = new MutationObserver(changed);
  root.observe(document.documentElement, { attributes: true });
  return () => {
    dark.removeEventListener("change", changed);
    root.disconnect();
  };
}
