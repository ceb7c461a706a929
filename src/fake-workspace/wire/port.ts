/** What a test holds of a running workspace. */
import type { FaultQueue } from "../world/faults.ts";
import type { Journal } from "../world/journal.ts";
import type { WorkspaceSettings } from "../world/settings.ts";
import type { World } from "../world/world.ts";

export type Workspace = {
  readonly url: string;
  /** What it knows: a test may look, and may change it. */
  readonly world: () => World;
  readonly faults: FaultQueue;
  readonly journal: Journal;
  /** Changes settings while it runs; `seed` and `warehouses` take effect at the next reset. */
  readonly set: (settings: Partial<WorkspaceSettings>) => void;
  /** A new, empty workspace with the settings that it has now; the journal and the faults are gone too. */
  readonly reset: () => void;
  readonly stop: () => Promise<void>;
};
