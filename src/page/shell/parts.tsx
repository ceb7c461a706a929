/** The parts that views are made of. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { WireProblem } from "../../dashboard/wire.ts";
import { formatAgo, formatDateTime, formatWhen, visibleName, zone } from "./format.ts";

/** `title`: what it holds. `aside`: at the right of the title, as a count or a button. */
export function Card(props: {
  readonly title?: ComponentChildren;
  readonly aside?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}) {
  const id = useId();
  return (
    <section class={`card ${props.class ?? ""}`} aria-labelledby={props.title === undefined ? undefined : id}>
      {props.title === undefined ? null : (
        <div class="card-head">
          <h2 id={id}>{props.title}</h2>
          <div class="card-aside">{props.aside}</div>
        </div>
      )}
      {props.children}
    </section>
  );
}

export type Tone = "ok" | "info" | "warning" | "critical" | "quiet";

export function Badge(props: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return <span class={`badge ${props.tone}`}>{props.children}</span>;
}

/** A point of colour; its meaning is in the words beside it. */
export function Dot(props: { readonly tone: Tone }) {
  return <span class={`dot ${props.tone}`} aria-hidden="true" />;
}

/** Says why there is nothing, and what would bring something. */
export function Empty(props: { readonly children: ComponentChildren }) {
  return <p class="empty">{props.children}</p>;
}

/** A number with its unit, which is quieter. */
export function WithUnit(props: { readonly value: string; readonly unit: string | null }) {
  return (
    <span class="number">
      {props.value}
      {props.unit === null ? null : <span class="unit"> {props.unit}</span>}
    </span>
  );
}

/** A name or a reason from outside: what it holds cannot change how the text beside it is read. */
export function Outside({ text }: { readonly text: string }) {
  return <bdi>{visibleName(text)}</bdi>;
}

/** A moment; its full date and zone on hover. */
export function Time(props: { readonly atMs: number; readonly as?: "when" | "ago" | "full" }) {
  const { atMs, as = "when" } = props;
  const text = as === "ago" ? formatAgo(atMs) : as === "full" ? formatDateTime(atMs) : formatWhen(atMs);
  return (
    <time dateTime={new Date(atMs).toISOString()} title={`${formatDateTime(atMs)} ${zone.value}`}>
      {text}
    </time>
  );
}

/** Copies `text`, and says so for two seconds. `label`: what a long text is. */
export function CopyButton(props: { readonly text: string; readonly label?: string }) {
  const [said, say] = useState("copy");
  const copy = async () => {
    say(
      await copyText(props.text).then(
        () => "copied",
        () => "cannot copy",
      ),
    );
    setTimeout(() => say("copy"), 2_000);
  };
  return (
    <button type="button" class="quiet-button" onClick={copy} aria-label={`Copy: ${props.label ?? props.text}`}>
      <span aria-live="polite">{said}</span>
    </button>
  );
}

/** Without the clipboard of the browser, which pages by plain HTTP from another machine do not have, by a selection. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  if (!isCopied) throw new Error("Cannot copy");
}

/** What is wrong, and what to type or do. */
export function ProblemRow(props: {
  readonly problem: WireProblem;
  readonly tone?: Tone;
  readonly title?: ComponentChildren;
}) {
  const { problem, tone = "critical" } = props;
  return (
    <div class={`problem ${tone}`} role="alert">
      <p>
        {props.title === undefined ? null : <strong>{props.title} </strong>}
        {problem.message}
      </p>
      {problem.try === null || problem.try === "" ? null : (
        <p class="try">
          <span>Try</span> <code>{problem.try}</code> <CopyButton text={problem.try} />
        </p>
      )}
    </div>
  );
}

/** What a view shows before its first answer. It keeps the room, so that nothing jumps. */
export function Loading(props: { readonly what: string }) {
  return <p class="loading">Loading {props.what} …</p>;
}

export type TabChoice<T extends string> = { readonly name: T; readonly title: string };

export function Tabs<T extends string>(props: {
  readonly label: string;
  readonly tabs: readonly TabChoice<T>[];
  readonly chosen: T;
  readonly onChoose: (name: T) => void;
}) {
  const move = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    const at = props.tabs.findIndex(({ name }) => name === props.chosen);
    const next = props.tabs[(at + step + props.tabs.length) % props.tabs.length];
    if (next === undefined) return;
    props.onChoose(next.name);
    const list = event.currentTarget as HTMLElement;
    requestAnimationFrame(() => list.querySelector<HTMLElement>('[aria-selected="true"]')?.focus());
  };
  return (
    <div class="tabs" role="tablist" aria-label={props.label} onKeyDown={move}>
      {props.tabs.map(({ name, title }) => (
        <button
          key={name}
          type="button"
          role="tab"
          aria-selected={name === props.chosen}
          tabIndex={name === props.chosen ? 0 : -1}
          onClick={() => props.onChoose(name)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}

/** Over the page; Escape and a click beside it close it. */
export function Dialog(props: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    ref.current?.showModal();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog by itself.
    <dialog
      ref={ref}
      aria-labelledby={id}
      onClose={props.onClose}
      onClick={(event) => event.target === ref.current && props.onClose()}
    >
      <div class="dialog">
        <div class="card-head">
          <h2 id={id}>{props.title}</h2>
          <button type="button" class="quiet-button" onClick={props.onClose}>
            close
          </button>
        </div>
        {props.children}
      </div>
    </dialog>
  );
}
