/** The notebook that comes with the agent, inside the binary: what runs in the workspace is of the version that provisions. */
import autoloader from "../../../notebooks/autoloader.py" with { type: "text" };
import checkpoints from "../../../notebooks/checkpoints.py" with { type: "text" };
import columns from "../../../notebooks/columns.py" with { type: "text" };
import keys from "../../../notebooks/keys.py" with { type: "text" };
import type { NotebookSource } from "./notebook.ts";

export function shippedNotebook(): NotebookSource {
  const modules = [
    { name: "checkpoints.py", source: checkpoints },
    { name: "columns.py", source: columns },
    { name: "keys.py", source: keys },
  ];
  return { name: "autoloader", source: autoloader, modules };
}
