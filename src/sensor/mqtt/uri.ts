/**
 * `mqtt://[USER:PASSWORD@]HOST[:PORT]/TOPIC[?parameters]`, and `mqtts://` over TLS. The topic is as people write it: everything
 * behind the slash after the host, with `#`, `+` and `$share/…`, so this is no URL of the web.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { codeOf, UsageError } from "../../core/errors.ts";
import * as kind from "../../core/settings/kind.ts";
import { shellWord } from "../../core/shell-word.ts";
import {
  MAP_PARAMETER,
  type Parameter,
  type Parameters,
  readSourceUri,
  refuseUri,
  type UriForm,
} from "../uri-parameters.ts";
import { topicProblem } from "./topic.ts";
import { hiddenLogin, splitPlace, withoutLoginPassword } from "./uri-parts.ts";

/** How long a broker keeps the messages of an agent that is away. */
export const SESSION_MS = 7 * 24 * 3_600_000;
/** Subscriptions of one source. */
const TOPICS = 100;

export type MqttAddress = {
  /** The URI without its password: what is stored and shown. */
  readonly name: string;
  readonly tls: boolean;
  readonly host: string;
  readonly port: number;
  readonly user: string | null;
  readonly password: string | null;
  /** Paths as the user gave them. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** Null: 5, or 3.1.1 where the broker does not speak it. */
  readonly protocol: "5" | "3.1.1" | null;
};

export type MqttUri = MqttAddress & {
  readonly topics: readonly string[];
  readonly qos: 0 | 1;
  /** No session is kept at the broker. */
  readonly clean: boolean;
  readonly clientId: string | null;
  readonly takesRetained: boolean;
  readonly sessionMs: number;
};

const ADDRESS_PARAMETERS = {
  protocol: kind.choice(["5", "3.1.1"]),
  ca: kind.path("FILE"),
  cert: kind.path("FILE"),
  key: kind.path("FILE"),
} as const;

const TOPIC: Parameter<readonly string[]> = { isList: true, parse: (value) => ({ value }) };

const SOURCE = {
  parameters: {
    topic: TOPIC,
    qos: kind.integer(0, 1),
    clean: kind.choice(["true", "false"]),
    client_id: kind.text("1 to 128 printable characters", "NAME", /^[\x21-\x7e]{1,128}$/),
    retained: kind.choice(["skip", "take"]),
    session: kind.duration("1m", "3650d"),
    ...ADDRESS_PARAMETERS,
    ...MAP_PARAMETER,
  },
  tryHint: "agent run --source 'mqtt://localhost:1883/site/#'",
} as const;

const PUBLISHER = {
  parameters: ADDRESS_PARAMETERS,
  tryHint: "agent simulate --out 'mqtt://localhost:1883/readings/{sensor_id}'",
} as const;

/** Throws a UsageError for anything else. */
export function parseMqttUri(uri: string): MqttUri {
  const { place, refuse } = placeOf(uri, SOURCE.tryHint);
  const { topic, given } = readRest(uri, SOURCE);
  const topics = [...(topic === "" ? [] : [topic]), ...(given.topic ?? [])];
  if (topics.length === 0) refuse("the topic is missing, as in mqtt://HOST/site/#");
  if (topics.length > TOPICS) refuse(`it has ${topics.length} topics, at most ${TOPICS} are subscribed to`);
  for (const each of topics) {
    const problem = topicProblem(each);
    if (problem !== null) refuse(`"${each}" is not a topic: ${problem}`);
  }
  const clean = given.clean === "true";
  if (given.session !== undefined && clean) refuse("with clean=true no session is kept, so session has no meaning");
  return {
    ...addressOf(uri, place, given, refuse),
    topics,
    qos: given.qos === 0 ? 0 : 1,
    clean,
    clientId: given.client_id ?? null,
    takesRetained: given.retained === "take",
    sessionMs: given.session ?? SESSION_MS,
  };
}

/** Whether `other`, which may be the URI of anything, has the same session at the same broker. */
export function isSameSession(uri: string, other: string): boolean {
  try {
    return /^mqtts?:/.test(other) && sessionOf(other) === sessionOf(uri);
  } catch {
    return false;
  }
}

/** What must not change while a session lasts: who comes to which broker for which topics. */
function sessionOf(uri: string): string {
  const { host, port, user, clientId, topics, qos, clean } = parseMqttUri(uri);
  return JSON.stringify([host.toLowerCase(), port, user, clientId, [...topics].sort(), qos, clean]);
}

/** Where a publisher publishes: one topic without wildcards, which may hold `{sensor_id}`. */
export function parsePublishUri(uri: string): MqttAddress & { readonly topic: string } {
  try {
    return publishUri(uri);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const message = error.message.replaceAll("Cannot use source", "Cannot write to");
    throw new UsageError(message, { tryHint: error.tryHint });
  }
}

function publishUri(uri: string): MqttAddress & { readonly topic: string } {
  const { place, refuse } = placeOf(uri, PUBLISHER.tryHint);
  const { topic, given } = readRest(uri, PUBLISHER);
  if (topic === "") refuse("the topic is missing, as in mqtt://HOST/readings");
  const problem = /[#+]/.test(topic) ? "it has a wildcard" : topicProblem(topic);
  if (problem !== null) refuse(`"${topic}" is not a topic to publish to: ${problem}`);
  return { ...addressOf(uri, place, given, refuse), topic };
}

/** Throws a UsageError where a file of its certificates cannot be read. Relative paths are of `cwd`. */
export function checkTlsFiles(address: MqttAddress, cwd: string): void {
  for (const name of ["ca", "cert", "key"] as const) {
    const path = address[name];
    if (path === null) continue;
    try {
      readFileSync(resolve(cwd, path));
    } catch (cause) {
      const why = codeOf(cause) === "ENOENT" ? "there is no such file" : `it cannot be read (${codeOf(cause)})`;
      refuseUri(address.name, [`the file "${path}" of ${name}: ${why}`], `ls -l ${shellWord(path)}`);
    }
  }
}

type Refuse = (why: string) => never;
type Place = NonNullable<ReturnType<typeof splitPlace>> & { readonly host: string; readonly port: number };

/** First of all: a message about parameters shows the URI, of which only then is known what its password is. */
function placeOf(uri: string, tryHint: string): { readonly place: Place; readonly refuse: Refuse } {
  const refuse: Refuse = (why) => refuseUri(hiddenLogin(uri), [why], tryHint);
  const place = splitPlace(uri);
  if (place === null) return refuse("expected mqtt://HOST[:PORT]/TOPIC");
  const found = /^(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(\d{1,5}))?$/.exec(place.hostPort);
  const port = Number(found?.[2] ?? (place.tls ? 8883 : 1883));
  if (found === null || port < 1 || port > 65_535) {
    return refuse(
      uri.includes("@")
        ? "the host cannot be read; in a user or a password, write %40 for @, %2F for / and %3A for :"
        : `"${place.hostPort}" is not HOST[:PORT]`,
    );
  }
  if (place.login?.user === "") refuse("the user is empty");
  return { place: { ...place, host: (found[1] ?? "").replace(/^\[|\]$/g, ""), port }, refuse };
}

function addressOf(
  uri: string,
  { tls, host, port, login }: Place,
  given: { ca?: string; cert?: string; key?: string; protocol?: "5" | "3.1.1" },
  refuse: Refuse,
): MqttAddress {
  for (const name of ["ca", "cert", "key"] as const) {
    if (given[name] !== undefined && !tls) refuse(`${name} needs TLS: mqtts://`);
  }
  if ((given.cert === undefined) !== (given.key === undefined)) refuse("cert and key belong together: one is missing");
  return {
    name: withoutLoginPassword(uri),
    tls,
    host,
    port,
    user: login?.user ?? null,
    password: login?.password ?? null,
    ca: given.ca ?? null,
    cert: given.cert ?? null,
    key: given.key ?? null,
    protocol: given.protocol ?? null,
  };
}

/** Topic and parameters: a topic ends where parameters begin. */
function readRest<P extends Parameters>(uri: string, { parameters, tryHint }: Omit<UriForm<P>, "scheme">) {
  const scheme = uri.startsWith("mqtts:") ? "mqtts" : "mqtt";
  const { place, given } = readSourceUri(uri, { scheme, parameters, tryHint });
  return { topic: splitPlace(`${scheme}:${place}`)?.topic ?? "", given };
}
