/** The region of the AWS profile that is in force, from the files that every tool of AWS shares. */
import { homedir } from "node:os";
import { join } from "node:path";
import { readFileText } from "../outside/file-text.ts";
import type { Variables } from "./dotenv.ts";
import type { ProfileRegion } from "./settings.ts";

/** A larger file is not one that people write. */
const MOST_BYTES = 1024 * 1024;

/**
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html: `config` first, where a profile is `[profile NAME]` and the
 * default is `[default]`, then `credentials`. Null: no file, no such profile, or it says no region. A file that cannot be read is
 * the business of the SDK, which needs it for credentials.
 */
export function profileRegion(variables: Variables): ProfileRegion | null {
  const profile = variables["AWS_PROFILE"] || "default";
  const files = [
    [variables["AWS_CONFIG_FILE"], "config", `profile ${profile}`],
    [variables["AWS_SHARED_CREDENTIALS_FILE"], "credentials", profile],
  ] as const;
  for (const [named, file, heading] of files) {
    const region = regionIn(
      named ? textOf(named) : textAtHome(variables, file),
      profile === "default" ? [profile, heading] : [heading],
    );
    if (region !== null) return { region, from: `profile ${profile} in ${named || `~/.aws/${file}`}` };
  }
  return null;
}

/** A user without a home (a container's number) has no such file. */
function textAtHome(variables: Variables, file: string): string {
  try {
    return textOf(join(variables["HOME"] || homedir(), ".aws", file));
  } catch {
    return "";
  }
}

function textOf(path: string): string {
  try {
    return readFileText(path, MOST_BYTES);
  } catch {
    return "";
  }
}

function regionIn(text: string, headings: readonly string[]): string | null {
  let isOurs = false;
  for (const line of text.split(/\r?\n/)) {
    const heading = /^\s*\[\s*([^\]]*?)\s*\]/.exec(line)?.[1];
    if (heading !== undefined) isOurs = headings.includes(heading.replace(/\s+/g, " "));
    // An indented line belongs to a nested section, such as `s3 =`.
    const region = isOurs ? /^region\s*=\s*(\S+)/i.exec(line)?.[1] : undefined;
    if (region !== undefined) return region;
  }
  return null;
}
