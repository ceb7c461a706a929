/** The head of the page: which node, how it is, and the way to each view. */
import { connection, state } from "./live.ts";
import { Badge } from "./parts.tsx";
import { VIEWS, view } from "./views.tsx";

export function Head() {
  const status = state.value?.status ?? null;
  return (
    <header>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <strong class="brand">agent</strong>
      <Badge tone={connection.value.is === "live" ? "ok" : "quiet"}>{connection.value.is}</Badge>
      <span class="node">{status?.node_id ?? ""}</span>
      <nav aria-label="Views">
        {VIEWS.map(({ name, title }) => (
          <a key={name} href={`#${name}`} aria-current={view.value.name === name ? "page" : undefined}>
            {title}
          </a>
        ))}
      </nav>
    </header>
  );
}
