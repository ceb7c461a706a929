/** The tab's title and icon: they say in the background too that something is wrong. */
import { computed, effect, signal } from "@preact/signals";
import type { Problem } from "../../core/problem.ts";
import { getJson } from "./api.ts";
import { connection, state } from "./live.ts";

/** While no one looks the page has no connection, and asks for the health alone, this seldom. */
const BACKGROUND_MS = 60_000;

type Health = { readonly problems: readonly Problem[] };
const background = signal<Health | "no answer" | null>(null);

export type Condition = {
  readonly tone: "ok" | "critical" | "quiet";
  /** `healthy`, `2 problems`, `no answer`, `connecting` */
  readonly text: string;
};

export const condition = computed<Condition>(() => {
  const { is } = connection.value;
  if (is === "lost" || (is === "resting" && background.value === "no answer")) {
    return { tone: "critical", text: "no answer" };
  }
  const unseen = is === "resting" && background.value !== "no answer" ? background.value?.problems : undefined;
  const problems = unseen ?? problemsOf();
  if (problems === null) return { tone: "quiet", text: "connecting" };
  if (problems.length === 0) return { tone: "ok", text: "healthy" };
  if (problems.every(({ code }) => code === "starting")) return { tone: "quiet", text: "starting" };
  return { tone: "critical", text: problems.length === 1 ? "1 problem" : `${problems.length} problems` };
});

/** Null: the agent has not said yet. */
function problemsOf(): readonly Problem[] | null {
  const now = state.value;
  if (now === null) return null;
  return now.status === null ? now.problems : now.status.problems;
}

const COLOURS: Readonly<Record<Condition["tone"], string>> = { ok: "#1a7f37", critical: "#cf222e", quiet: "#6e7781" };

export function startTab(): void {
  const icon = document.createElement("link");
  icon.rel = "icon";
  document.head.append(icon);
  effect(() => {
    const { tone, text } = condition.value;
    const node = state.value?.status?.node_id ?? location.host;
    document.title = tone === "critical" ? `⚠ ${text} · ${node}` : `${node} · agent`;
    icon.href = `data:image/svg+xml,${encodeURIComponent(iconOf(tone))}`;
  });
  effect(() => {
    if (connection.value.is !== "resting") return;
    background.value = null;
    const timer = setInterval(askHealth, BACKGROUND_MS);
    return () => clearInterval(timer);
  });
}

async function askHealth(): Promise<void> {
  background.value = await getJson<Health>("/healthz").catch(() => "no answer" as const);
}

/** A flow that splits into stages; with a mark where something is wrong. */
function iconOf(tone: Condition["tone"]): string {
  const mark =
    tone === "critical" ? '<circle cx="24" cy="8" r="7" fill="#cf222e" stroke="#fff" stroke-width="2"/>' : "";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="${COLOURS[tone]}"/><path d="M5 16h9m0 0 6-7h7m-13 7h13m-13 0 6 7h7" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/>${mark}</svg>`;
}
