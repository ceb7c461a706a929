/**
 * `http://HOST:PORT/PATH`: where a source listens, and for what. HOST is an address of this machine: which machines may reach it must not
 * depend on the answer of a name server. Without HOST, and for localhost, it is loopback.
 */
import { hostPortOrOff, isLoopback } from "../../core/settings/address.ts";
import { choice } from "../../core/settings/kind.ts";
import { shellWord } from "../../core/shell-word.ts";
import { FORMAT_PARAMETERS, type FormatSpec, readFormatSpec } from "../open-format.ts";
import { MAP_PARAMETER, readSourceUri, refuseUri, textParameters } from "../uri-parameters.ts";

/** `auto`: each request says it, by its Content-Type or its first bytes. The others are read only here, beside those of every source. */
const OWN_FORMATS = ["auto", "json", "text"] as const;
type OwnFormat = (typeof OWN_FORMATS)[number];

export type HttpUri = {
  readonly host: string;
  readonly port: number;
  /** Begins with `/`. */
  readonly path: string;
  readonly format: OwnFormat | FormatSpec;
  /** What the URI says of a format that a request chooses. */
  readonly specOf: (format: "csv" | "tsv") => FormatSpec;
  /** Every machine that reaches the address may send, without a token. */
  readonly isOpen: boolean;
  /** GET requests are taken too: the query is the record. */
  readonly takesGet: boolean;
};

const FLAG = choice(["true", "false"]);
const FORM = {
  scheme: "http",
  parameters: { ...MAP_PARAMETER, ...textParameters(FORMAT_PARAMETERS), open: FLAG, get: FLAG },
  tryHint: "agent run --source http://localhost:8080/in",
} as const;

const PLACE = /^\/\/(\[[^\]/]*\]|[^:/@]*)(?::(\d*))?(\/.*)?$/;

/** Throws a UsageError for a URI that can never work, also for the lack of a token where one is needed. */
export function parseHttpUri(uri: string, hasToken: boolean): HttpUri {
  const { place, given } = readSourceUri(uri, FORM);
  const refuse = (reason: string, tryHint: string = FORM.tryHint): never => refuseUri(uri, [reason], tryHint);
  if (/^\/\/[^/]*@/.test(place))
    return refuse(
      "a password in a URI would be in the log and in agent status; AGENT_HTTP_TOKEN is the place of a token",
    );
  const found = PLACE.exec(place);
  if (found === null) return refuse("expected http://HOST:PORT/PATH");
  const [, host = "", port = "", path = "/"] = found;
  if (port === "") return refuse("it has no port: HOST:PORT/PATH is where the agent listens");
  const at = addressOf(host, port);
  if (typeof at === "string") return refuse(at);
  const isOpen = given.open === "true";
  if (!isLoopback(at.host) && !hasToken && !isOpen) {
    const ways = "set AGENT_HTTP_TOKEN, or say open=true where every machine that reaches it may send";
    const opened = shellWord(`${uri}${uri.includes("?") ? "&" : "?"}open=true`);
    return refuse(
      `other machines can reach ${at.host}, and there is no token; ${ways}`,
      `agent run --source ${opened}`,
    );
  }
  const texts: Readonly<Record<string, string | undefined>> = given;
  const { format } = texts;
  const own = OWN_FORMATS.find((name) => name === (format ?? "auto"));
  const ofCsv = FORMAT_PARAMETERS.find((name) => name !== "format" && texts[name] !== undefined);
  // What is said of CSV is for the requests that are CSV.
  if (own === "auto") specOf(texts, "csv", refuse);
  else if (own !== undefined && ofCsv !== undefined) refuse(`${ofCsv} is for format=csv, and the format is ${own}`);
  return {
    ...at,
    path,
    format: own ?? specOf(texts, format ?? "", refuse),
    specOf: (name) => specOf(texts, name, refuse),
    isOpen,
    takesGet: given.get === "true",
  };
}

function specOf(given: Readonly<Record<string, string | undefined>>, format: string, refuse: (why: string) => never) {
  const texts = Object.entries({ ...given, format }).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return readFormatSpec(new URLSearchParams(texts), format, refuse);
}

function addressOf(given: string, port: string): { readonly host: string; readonly port: number } | string {
  const host = given === "" || given.toLowerCase() === "localhost" ? "127.0.0.1" : given;
  const parsed = hostPortOrOff.parse([`${host}:${port}`]);
  if ("value" in parsed && parsed.value !== null) return parsed.value;
  if (Number(port) > 65_535) return "a port is at most 65535";
  return `expected an address of this machine or localhost, not "${given}"; 0.0.0.0 is all of its addresses`;
}

/** What two sources must not have in common. */
export function placeOf(uri: string): string {
  const { host, port, path } = parseHttpUri(uri, true);
  return `http ${host}:${port}${path}`;
}
