/** The page: a head with the node's state, and one view at a time. */
import { render } from "preact";
import { VIEWS, view } from "./views.tsx";

function Page() {
  return (
    <>
      <header>
        <nav>
          {VIEWS.map(({ name, title }) => (
            <a key={name} href={`#${name}`} aria-current={view.value.name === name ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
      </header>
      <main>{view.value.show()}</main>
    </>
  );
}

const root = document.getElementById("page");
if (root !== null) render(<Page />, root);
