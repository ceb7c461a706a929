/** From flags, environment, `.env` and defaults to the settings, each with its origin, or every reason why not. */

import { UsageError } from "../errors.ts";
import { oneLine } from "../log/log.ts";
import { withoutPassword } from "../log/redact.ts";
import { didYouMean } from "../outside/did-you-mean.ts";
import { bucketOf } from "../stage.ts";
import type { Setting } from "./entry.ts";
import { SETTINGS } from "./table.ts";

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];
/** With the name of the variable where it is not the setting's own; `profile NAME in FILE` is AWS's shared configuration. */
export type Origin =
  | "flag"
  | "environment"
  | ".env"
  | "default"
  | `${"environment" | ".env"} (${string})`
  | `profile ${string}`;

type ValueOf<S> = S extends Setting<infer T> ? T : never;
export type SettingValues = { readonly [K in SettingName]: ValueOf<(typeof SETTINGS)[K]> };
export type Settings = SettingValues & { readonly origins: Readonly<Record<SettingName, Origin>> };

export type SettingSources = {
  /** As the command line gave them, by flag name (`data-dir`). Other flags are ignored. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly dotenv?: Readonly<Record<string, string | undefined>>;
  /** The region of the profile of AWS that is in force; asked only where nothing else says one. */
  readonly profileRegion?: () => ProfileRegion | null;
  /** Problems of the text of `.env` itself, each with its place. */
  readonly dotenvProblems?: readonly string[];
  /** The line of each variable in `.env`, from 1 on. */
  readonly dotenvLines?: Readonly<Record<string, number>>;
};

/** `from`: `profile dev in ~/.aws/config`. */
export type ProfileRegion = { readonly region: string; readonly from: `profile ${string}` };

/** A setting is wrong. `lasting`: those problems that every call has, since they are not of its flags. */
export class SettingsError extends UsageError {
  readonly lasting: readonly string[];
  constructor(problems: readonly string[], lasting: readonly string[]) {
    super(problems.join("\n"), { tryHint: "agent config show" });
    this.lasting = lasting;
  }
}

/** The settings, or a SettingsError that lists every problem at once. */
export function resolveSettings(from: SettingSources): Settings {
  const { settings, problems, lasting } = checkSettings(from);
  if (problems.length > 0) throw new SettingsError(problems, lasting);
  return settings;
}

type CheckedSettings = {
  readonly settings: Settings;
  readonly problems: readonly string[];
  /** Those that are not of a flag. */
  readonly lasting: readonly string[];
};

/** The same, for `config check`: all problems as sentences, and settings that have the default where one is wrong. */
export function checkSettings(from: SettingSources): CheckedSettings {
  const values: Partial<Record<SettingName, unknown>> = {};
  const origins: Partial<Record<SettingName, Origin>> = {};
  const places: Partial<Record<SettingName, string>> = {};
  const problems: string[] = [];
  const ofFlags: string[] = [];
  for (const name of SETTING_NAMES) {
    const setting: Setting<unknown> = SETTINGS[name];
    const given = givenFor(setting, from) ?? (name === "awsRegion" ? regionOfProfile(from) : undefined);
    origins[name] = given?.origin ?? "default";
    places[name] = given === undefined ? "default" : placeOf(given, from);
    const parsed = given === undefined ? undefined : setting.kind.parse(given.parts);
    if (given !== undefined && parsed !== undefined && "problem" in parsed) {
      const shown = setting.secret ? "" : ` "${withoutPassword(given.parts.join(" "))}"`;
      const problem = `Cannot use ${given.as}${shown} (${places[name]}): ${parsed.problem}`;
      problems.push(problem);
      if (given.origin === "flag") ofFlags.push(problem);
    }
    values[name] = parsed !== undefined && "value" in parsed ? parsed.value : fallbackOf(setting);
  }
  // Every name of the table was just given a value of its own kind.
  const settings = { ...values, origins } as Settings;
  problems.push(...(from.dotenvProblems ?? []), ...unknownNames(from), ...togetherProblems(settings, places));
  // A value may hold anything: a line of text is one problem.
  const lasting = problems.filter((problem) => !ofFlags.includes(problem));
  return { settings, problems: problems.map(oneLine), lasting: lasting.map(oneLine) };
}

/** `.env:3`, where the line is known. */
function placeOf({ origin, as }: GivenSetting, { dotenvLines }: SettingSources): string {
  const line = dotenvLines?.[as];
  return line === undefined ? origin : origin.replace(/^\.env/, `.env:${line}`);
}

/** A setting's value as text that reads back as the same value; empty where it is not set. Secrets are not hidden here. */
export function formatSetting(settings: SettingValues, name: SettingName): string {
  const setting: Setting<unknown> = SETTINGS[name];
  return setting.kind.format(settings[name]);
}

/** The values that may never be printed. */
export function secretsOf(settings: SettingValues): readonly string[] {
  const secrets = SETTING_NAMES.filter((name) => SETTINGS[name].secret).map((name) => settings[name]);
  return secrets.filter((value) => typeof value === "string" && value !== "") as string[];
}

type GivenSetting = { readonly parts: readonly string[]; readonly origin: Origin; readonly as: string };

function givenFor(setting: Setting<unknown>, from: SettingSources): GivenSetting | undefined {
  const flag = setting.flag === null ? undefined : from.flags?.[setting.flag];
  if (flag !== undefined) {
    return { parts: (Array.isArray(flag) ? flag : [flag]).map(String), origin: "flag", as: `--${setting.flag}` };
  }
  for (const [origin, values] of [["environment", from.env] as const, [".env", from.dotenv] as const]) {
    const value = values?.[setting.env]?.trim();
    if (value) return { parts: [value], origin, as: setting.env };
    const other = setting.also === undefined ? undefined : values?.[setting.also]?.trim();
    if (other) return { parts: [other], origin: `${origin} (${setting.also})`, as: setting.also! };
  }
  return undefined;
}

function regionOfProfile({ profileRegion }: SettingSources): GivenSetting | undefined {
  const found = profileRegion?.() ?? null;
  return found === null ? undefined : { parts: [found.region], origin: found.from, as: "region" };
}

/** What AWS calls its regions: `us-gov-west-1`, `eusc-de-east-1`. */
const AWS_REGION = /^[a-z]{2,4}(-[a-z]+)*-(north|south|east|west|central){1,2}-\d{1,2}$/;

/** Another S3 server may call its region anything. */
function regionProblem({ awsRegion, awsEndpointUrlS3 }: Settings, place = "default"): string[] {
  if (awsEndpointUrlS3 !== null || AWS_REGION.test(awsRegion)) return [];
  return [`Cannot use AWS_REGION "${awsRegion}" (${place}): expected a region such as us-west-2`];
}

function fallbackOf(setting: Setting<unknown>): unknown {
  const { fallback } = setting;
  if (fallback === null) return null;
  const parsed = setting.kind.parse([fallback]);
  if ("problem" in parsed) throw new Error(`the default of ${setting.env} is refused: ${parsed.problem}`);
  return parsed.value;
}

/** A misspelt name in `.env` is an error. The environment is not ours alone: build servers have AGENT_* of their own. */
function unknownNames(from: SettingSources): string[] {
  return strangersIn(from.dotenv).map(
    (name) =>
      `Cannot use ${name} (${placeOf({ parts: [], origin: ".env", as: name }, from)}): there is no such setting${didYouMean(name, ENV_NAMES)}`,
  );
}

/** The warnings of `config check` about such names in the environment: they change nothing. */
export function environmentWarnings(env: SettingSources["env"]): string[] {
  return strangersIn(env).map(
    (name) => `${name} in the environment is not a setting and is ignored${didYouMean(name, ENV_NAMES)}`,
  );
}

const ENV_NAMES = SETTING_NAMES.map((name) => SETTINGS[name].env);

function strangersIn(variables: Readonly<Record<string, string | undefined>> = {}): string[] {
  return Object.keys(variables).filter((name) => name.startsWith("AGENT_") && !ENV_NAMES.includes(name));
}

function togetherProblems(settings: Settings, places: Partial<Record<SettingName, string>>): string[] {
  const problems = regionProblem(settings, places.awsRegion);
  if (settings.store !== "s3:") return problems;
  const bucket = bucketOf("schematized", settings.s3BucketPrefix, settings.awsRegion);
  if (bucket.length > 63)
    problems.push(`Cannot use the bucket name "${bucket}": ${bucket.length} characters, S3 allows 63`);
  if ((settings.awsAccessKeyId === null) !== (settings.awsSecretAccessKey === null)) {
    problems.push("Cannot use one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: the other is not set");
  }
  return problems;
}
