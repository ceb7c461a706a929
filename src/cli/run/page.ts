/** The page of a run, which is loaded only where `--dashboard` asks for it. */
import { resolve } from "node:path";
import type { Log } from "../../core/log/log.ts";
import type { Settings } from "../../core/settings/settings.ts";
import { DEFAULT_RULES_DIR } from "../../rules/files/folder-names.ts";
import type { MoreRoutes } from "../../status/health-pages.ts";

type RunFacts = { readonly settings: Settings; readonly cwd: string; readonly log: Log };

export function pageOf({ settings, cwd, log }: RunFacts): MoreRoutes {
  return async ({ opened, problems }) => {
    const { dashboardRoutes } = await import("../../dashboard/routes.ts");
    const shown = settings.rulesDir ?? DEFAULT_RULES_DIR;
    return dashboardRoutes({
      settings,
      cwd,
      dataDir: resolve(cwd, settings.dataDir),
      rulesFolder: { shown, path: resolve(cwd, shown) },
      log,
      opened,
      problems,
      now: Date.now,
    });
  };
}
