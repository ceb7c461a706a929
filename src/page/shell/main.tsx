/** The page: a head with the node's state, and one view at a time. */
import { render } from "preact";
import { Head } from "./head.tsx";
import { startLive } from "./live.ts";
import { TokenDialog } from "./token-dialog.tsx";
import { CurrentView } from "./views.tsx";

function Page() {
  return (
    <>
      <Head />
      <main id="main" tabIndex={-1}>
        <CurrentView />
      </main>
      <TokenDialog />
    </>
  );
}

const root = document.getElementById("page");
if (root !== null) render(<Page />, root);
startLive();
