/** `stdin:[?format=NAME&map=FILE]` */
import { FORMAT_PARAMETERS, type FormatSpec, readFormatSpec } from "../open-format.ts";
import { MAP_PARAMETER, readSourceUri, refuseUri, textParameters } from "../uri-parameters.ts";

const STDIN_FORMAT = "ndjson";

const FORM = {
  scheme: "stdin",
  parameters: { ...MAP_PARAMETER, ...textParameters(FORMAT_PARAMETERS) },
  tryHint: "agent run --source 'stdin:?format=csv'",
} as const;

/** What it says of the format. Throws a UsageError for anything else. */
export function parseStdinUri(uri: string): FormatSpec {
  const { place, given } = readSourceUri(uri, FORM);
  const refuse = (why: string) => refuseUri(uri, [why], FORM.tryHint);
  if (place !== "") return refuse("stdin: has no path; only parameters follow, behind a ?");
  return readFormatSpec(new URLSearchParams(Object.entries(given)), STDIN_FORMAT, refuse);
}

export const isStdin = (uri: string): boolean => uri.startsWith("stdin:");
