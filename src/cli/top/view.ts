/** What a person chose to see, and how a key changes it. */

export const PANELS = ["flow", "sensors", "anomalies", "rules"] as const;
export type Panel = (typeof PANELS)[number];

export const SORTS = {
  flow: ["newest"],
  sensors: ["newest", "rate", "anomalies", "name"],
  anomalies: ["newest", "severity"],
  rules: ["broken", "cost", "errors", "name"],
} as const satisfies Record<Panel, readonly string[]>;

export type TopView = {
  readonly panel: Panel;
  /** Which of `SORTS` of each panel. */
  readonly sorts: Readonly<Record<Panel, number>>;
  /** Text that a line must have; empty: every line. */
  readonly filter: string;
  /** What is typed now; null: nothing is. */
  readonly typing: string | null;
  readonly isPaused: boolean;
  readonly isHelp: boolean;
  /** Lines of a list that are above the first shown one. */
  readonly offset: number;
  /** Which measure of a sensor is drawn, of those that it has. */
  readonly measure: number;
  readonly everyMs: number;
};

const STEPS_MS = [500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];
const PAGE_LINES = 10;
/** Of what can be typed. */
const FILTER_MOST = 60;

export function firstView(everyMs: number): TopView {
  return {
    panel: "flow",
    sorts: { flow: 0, sensors: 0, anomalies: 0, rules: 0 },
    filter: "",
    typing: null,
    isPaused: false,
    isHelp: false,
    offset: 0,
    measure: 0,
    everyMs,
  };
}

export function sortOf({ panel, sorts }: TopView): string {
  return SORTS[panel][sorts[panel]] ?? SORTS[panel][0];
}

const BYE = new Set(["q", "Q", "\u0003"]);
const ENTER = new Set(["\r", "\n"]);
const BACKSPACE = new Set(["\u007f", "\b"]);
const ESCAPE = "\u001b";

/** The view after a key, or null: the person wants to leave. Other keys change nothing. */
export function keyed(view: TopView, key: string): TopView | null {
  if (view.typing !== null) return key === "\u0003" ? null : typed(view, view.typing, key);
  if (BYE.has(key)) return null;
  if (view.isHelp) return { ...view, isHelp: false };
  return KEYS[key]?.(view) ?? view;
}

function typed(view: TopView, text: string, key: string): TopView {
  if (ENTER.has(key)) return { ...view, typing: null, filter: text.trim(), offset: 0 };
  if (key === ESCAPE) return { ...view, typing: null };
  if (BACKSPACE.has(key)) return { ...view, typing: [...text].slice(0, -1).join("") };
  if (key === "\u0015") return { ...view, typing: "" };
  const isText = !/[\p{Cc}\p{Cf}]/u.test(key) && text.length < FILTER_MOST;
  return isText ? { ...view, typing: text + key } : view;
}

const onPanel = (panel: Panel) => (view: TopView) => ({ ...view, panel, offset: 0 });
const beside = (by: number) => (view: TopView) => {
  const at = (PANELS.indexOf(view.panel) + by + PANELS.length) % PANELS.length;
  return onPanel(PANELS[at] ?? "flow")(view);
};
const scrolled = (by: number) => (view: TopView) => ({ ...view, offset: Math.max(0, view.offset + by) });
const paced = (by: number) => (view: TopView) => {
  const at = STEPS_MS.findIndex((step) => step >= view.everyMs);
  const next = STEPS_MS[Math.min(STEPS_MS.length - 1, Math.max(0, (at < 0 ? STEPS_MS.length - 1 : at) + by))];
  return { ...view, everyMs: next ?? view.everyMs };
};

const KEYS: Readonly<Record<string, (view: TopView) => TopView>> = {
  "1": onPanel("flow"),
  "2": onPanel("sensors"),
  "3": onPanel("anomalies"),
  "4": onPanel("rules"),
  "\t": beside(1),
  "\u001b[C": beside(1),
  "\u001bOC": beside(1),
  "\u001b[Z": beside(-1),
  "\u001b[D": beside(-1),
  "\u001bOD": beside(-1),
  "\u001b[A": scrolled(-1),
  "\u001bOA": scrolled(-1),
  k: scrolled(-1),
  "\u001b[B": scrolled(1),
  "\u001bOB": scrolled(1),
  j: scrolled(1),
  "\u001b[5~": scrolled(-PAGE_LINES),
  "\u001b[6~": scrolled(PAGE_LINES),
  " ": scrolled(PAGE_LINES),
  g: (view) => ({ ...view, offset: 0 }),
  "\u001b[H": (view) => ({ ...view, offset: 0 }),
  p: (view) => ({ ...view, isPaused: !view.isPaused }),
  s: (view) => {
    const next = (view.sorts[view.panel] + 1) % SORTS[view.panel].length;
    return { ...view, sorts: { ...view.sorts, [view.panel]: next }, offset: 0 };
  },
  m: (view) => ({ ...view, measure: view.measure + 1 }),
  "/": (view) => ({ ...view, typing: view.filter }),
  [ESCAPE]: (view) => ({ ...view, filter: "", offset: 0 }),
  "?": (view) => ({ ...view, isHelp: true }),
  h: (view) => ({ ...view, isHelp: true }),
  "+": paced(-1),
  "=": paced(-1),
  "-": paced(1),
};

/** For the help: what each key does. `+` is faster. */
export const KEY_HELP: readonly (readonly [key: string, what: string])[] = [
  ["q, Ctrl-C", "leave"],
  ["1 2 3 4", "flow, sensors, anomalies, rules"],
  ["Tab, left, right", "the next view, or the one before"],
  ["up, down, PgUp, PgDn", "move in a list; g: to its top"],
  ["s", "sort by the next column"],
  ["m", "draw the next measure of each sensor"],
  ["/", "filter: type a text, Enter; Esc shows every line again"],
  ["p", "pause, and continue"],
  ["+ -", "look more often, less often"],
  ["?", "this help; any key closes it"],
];
