/** The page: a head with the node's state, and one view at a time. */
import { render } from "preact";
import { TokenDialog } from "../token/token-dialog.tsx";
import { Foot } from "./foot.tsx";
import { ConnectionBar, Head } from "./head.tsx";
import { connection, startLive } from "./live.ts";
import { otherNode } from "./node.ts";
import { startTab } from "./tab.ts";
import { CurrentView } from "./views.tsx";

function Page() {
  return (
    <div class={connection.value.is === "lost" || otherNode.value !== null ? "is-old" : ""}>
      <Head />
      <main id="main" tabIndex={-1}>
        <CurrentView />
      </main>
      <Foot />
      <ConnectionBar />
      <TokenDialog />
    </div>
  );
}

const root = document.getElementById("page");
if (root !== null) render(<Page />, root);
startTab();
startLive();
