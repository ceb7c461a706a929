/** What must hold of a lake whatever its source is: stages, windows, buffer, and what `agent verify` says. */
import { type Place, verifySays, WINDOW_MS } from "./agent-command.ts";
import { checkStages, type Differences } from "./check-readings.ts";
import { checkWindows } from "./check-windows.ts";
import type { Figures } from "./figures.ts";
import type { Lake } from "./lake.ts";
import { checkBuffer } from "./remains.ts";

/** `rows`: as many as the source had. */
export async function checkDelivered(
  { folder, figures }: { readonly folder: string; readonly figures: Figures },
  place: Place,
  { lake, rows }: { readonly lake: Lake; readonly rows: number },
  differences: Differences,
): Promise<void> {
  checkStages(lake, differences);
  checkWindows(lake, WINDOW_MS, differences);
  checkBuffer(folder, rows, differences);
  const opinion = await verifySays(place);
  if (opinion !== null) differences.add(opinion);
  figures.rows += rows;
  figures.objects += lake.objects;
  figures.revisions += lake.aggregated.filter((row) => Number(row["revision"]) > 0).length;
}
