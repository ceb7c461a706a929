/** From the parameters of a source's URI (`?format=…`) to what makes its formats. A format is loaded when a source needs it. */
import { didYouMean } from "../core/outside/did-you-mean.ts";
import type { MakeFormat } from "./format.ts";

const FORMATS: Readonly<Record<string, (spec: FormatSpec) => Promise<MakeFormat>>> = {
  ndjson: async () => {
    const { NdjsonFormat } = await import("./lines/ndjson.ts");
    return (normalizer, start) => new NdjsonFormat(normalizer, start);
  },
};

/** What a URI says of the format of a source. */
export type FormatSpec = { readonly name: string };

/** The parameters that `readFormatSpec` understands. */
export const FORMAT_PARAMETERS: readonly string[] = ["format"];

/** Of the parameters of a URI, those of the format. `refuse` throws, with the reason as a sentence. */
export function readFormatSpec(
  parameters: URLSearchParams,
  byDefault: string,
  refuse: (why: string) => never,
): FormatSpec {
  const name = parameters.get("format") ?? byDefault;
  if (Object.hasOwn(FORMATS, name)) return { name };
  const known = Object.keys(FORMATS);
  return refuse(`there is no format "${name}" (known: ${known.join(", ")})${didYouMean(name, known)}`);
}

/** Loads the format, and nothing else. */
export async function loadFormat(spec: FormatSpec): Promise<MakeFormat> {
  const load = FORMATS[spec.name];
  if (load === undefined) throw new Error(`there is no format "${spec.name}"`);
  return await load(spec);
}
