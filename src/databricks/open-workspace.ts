/** From the settings, and a profile of `~/.databrickscfg` where one is named, to a workspace that can be spoken to. */
import { join } from "node:path";
import { messageOf, UsageError } from "../core/errors.ts";
import { readFileText } from "../core/outside/file-text.ts";
import type { SettingValues } from "../core/settings/settings.ts";
import { shellWord } from "../core/shell-word.ts";
import { workspaceOrigin } from "./address.ts";
import { type ClientOptions, Workspace } from "./client.ts";
import type { Login } from "./login.ts";
import { PROFILE_FILE_BYTES, type ProfileValues, profileNames, readProfile } from "./profile-file.ts";
import { SqlRunner } from "./sql.ts";
import { WarehouseChoice } from "./warehouse.ts";

/** The one that the Databricks CLI writes without another name. */
const USUAL_PROFILE = "export DATABRICKS_CONFIG_PROFILE=DEFAULT";

export type OpenOptions = {
  readonly settings: SettingValues;
  /** The home folder, with `.databrickscfg` in it. */
  readonly home: string;
  readonly fetch?: NonNullable<ClientOptions["fetch"]>;
};

export type OpenWorkspace = {
  readonly workspace: Workspace;
  readonly sql: SqlRunner;
  readonly warehouse: WarehouseChoice;
};

/** Asks nothing yet. Throws a UsageError where the settings do not say where to, or as whom. */
export function openWorkspace({ settings, home, ...more }: OpenOptions): OpenWorkspace {
  const profile = settings.databricksConfigProfile === null ? {} : profileOf(settings.databricksConfigProfile, home);
  const host = settings.databricksHost ?? profile.host;
  if (host === undefined) {
    const advice = "Set it and DATABRICKS_TOKEN in .env, or name a profile of ~/.databrickscfg";
    throw new UsageError("Cannot reach Databricks: DATABRICKS_HOST is not set", { advice, tryHint: USUAL_PROFILE });
  }
  const workspace = new Workspace({ origin: workspaceOrigin(host), login: loginOf(settings, profile), ...more });
  const warehouse = new WarehouseChoice(workspace, settings.databricksWarehouseId ?? profile.warehouseId ?? null);
  return { workspace, warehouse, sql: new SqlRunner(workspace, warehouse) };
}

/** What the settings say goes before what the profile says. One way to log in, not two of which one wins in silence. */
function loginOf(settings: SettingValues, profile: ProfileValues): Login {
  const { databricksToken, databricksClientId, databricksClientSecret } = settings;
  const isSet = databricksToken !== null || databricksClientId !== null || databricksClientSecret !== null;
  const from = isSet
    ? { token: databricksToken, clientId: databricksClientId, clientSecret: databricksClientSecret }
    : { token: profile.token, clientId: profile.clientId, clientSecret: profile.clientSecret };
  const [token, clientId, clientSecret] = [from.token ?? null, from.clientId ?? null, from.clientSecret ?? null];
  if (token !== null && (clientId !== null || clientSecret !== null)) {
    const advice = "Unset DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET";
    throw new UsageError("Cannot choose how to log in to Databricks: there is a token and a service principal", {
      advice,
      tryHint: "agent config show",
    });
  }
  if (token !== null) return { kind: "token", token };
  if (clientId !== null && clientSecret !== null) return { kind: "oauth", clientId, clientSecret };
  const missing =
    clientId === null && clientSecret === null
      ? "DATABRICKS_TOKEN is not set"
      : `${clientId === null ? "DATABRICKS_CLIENT_ID" : "DATABRICKS_CLIENT_SECRET"} is not set`;
  const advice = "Set DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or name a profile";
  throw new UsageError(`Cannot log in to Databricks: ${missing}`, { advice, tryHint: USUAL_PROFILE });
}

function profileOf(name: string, home: string): ProfileValues {
  const path = join(home, ".databrickscfg");
  const text = readFile(path, name);
  const found = readProfile(text, name);
  if (found !== null) return found;
  const names = profileNames(text);
  throw new UsageError(`Cannot use DATABRICKS_CONFIG_PROFILE "${name}": "${path}" has no such profile`, {
    tryHint:
      names[0] === undefined ? "databricks configure" : `export DATABRICKS_CONFIG_PROFILE=${shellWord(names[0])}`,
  });
}

function readFile(path: string, name: string): string {
  try {
    return readFileText(path, PROFILE_FILE_BYTES);
  } catch (error) {
    throw new UsageError(`Cannot use DATABRICKS_CONFIG_PROFILE "${name}": cannot read "${path}": ${messageOf(error)}`, {
      tryHint: "databricks configure",
      cause: error,
    });
  }
}
