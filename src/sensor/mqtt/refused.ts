/** Why a broker cannot be used now, in words that a person can act on. */
import { codeOf, messageOf, TransientError } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";
import type { Login } from "./login.ts";
import type { MqttAddress } from "./uri.ts";

/** What a broker that worked may take to be there again before it is trouble. */
const SOON_MS = 1_000;

/** The words of CONNACK and DISCONNECT (MQTT 5, 2.4), and of the few codes that 3.1.1 has. */
const REASONS: Readonly<Record<number, string>> = {
  128: "an error that it does not name",
  129: "it could not read a packet of the agent",
  130: "it reports an error of the protocol",
  131: "an error of its own",
  132: "it does not speak this version of MQTT",
  133: "it does not take this client id",
  134: "the user or the password is wrong",
  135: "this user is not allowed to connect",
  136: "it is not available",
  137: "it is busy",
  138: "this client is banned",
  139: "it is shutting down",
  140: "it wants another way to log in",
  141: "it heard nothing of the agent for too long",
  142: "another client took over the session: it has the same client id",
  143: "it does not take this topic",
  144: "it does not take this topic",
  147: "the agent has too many messages unanswered",
  149: "a packet was too large",
  151: "a quota is used up",
  152: "an administrator ended the connection",
  153: "it does not take this payload",
  156: "it points to another server",
  157: "it has moved to another server",
  158: "it does not support shared subscriptions",
  159: "there are too many connections",
  160: "the connection lasted as long as it may",
  161: "it does not support subscription identifiers",
  162: "it does not support wildcards",
};
const OLD_CODES: Readonly<Record<number, number>> = { 1: 132, 2: 133, 3: 136, 4: 134, 5: 135 };
const UNSUPPORTED_VERSION = 132;
const LOGIN = [134, 135, 138, 140];

export function codeFrom(packet: { readonly reasonCode?: number; readonly returnCode?: number }): number {
  const { reasonCode, returnCode } = packet;
  return reasonCode ?? OLD_CODES[returnCode ?? 0] ?? returnCode ?? 0;
}

/** Whom the agent spoke to, and as whom. */
export type Who = { readonly address: MqttAddress; readonly login: Login };

/** It spoke MQTT and said no. */
export class BrokerRefusal extends TransientError {
  readonly code: number;
  constructor({ address, login }: Who, code: number, said: string | undefined) {
    const words = REASONS[code] ?? `code ${code}`;
    const reason = said === undefined || said === "" ? words : `${words} (it says "${said.slice(0, 200)}")`;
    super(`the broker ${placeOf(address)} refuses: ${reason}${adviceOn(code, address, login)}`, {
      tryHint: LOGIN.includes(code) ? "agent config show" : "agent status",
    });
    this.code = code;
  }

  /** Another version of MQTT may do. */
  get isVersion(): boolean {
    return this.code === UNSUPPORTED_VERSION;
  }
}

function adviceOn(code: number, address: MqttAddress, login: Login): string {
  if (LOGIN.includes(code)) return `; ${loginAdvice(address, login)}`;
  if (code === 133 || code === 142) return "; give this source a client_id of its own, as in ?client_id=NAME";
  return "";
}

/** Names no password, only where it is. */
function loginAdvice(address: MqttAddress, { user, password, passwordFile }: Login): string {
  if (user === null) return "no user was given: set AGENT_MQTT_USERNAME and AGENT_MQTT_PASSWORD";
  if (password === null && passwordFile === null) {
    return `user "${user}" was given without a password: set AGENT_MQTT_PASSWORD`;
  }
  const source = passwordFile !== null && password === null ? "AGENT_MQTT_PASSWORD_FILE" : "AGENT_MQTT_PASSWORD";
  const secret = address.password === null ? source : "the password in the URI";
  const name = address.user === null ? "AGENT_MQTT_USERNAME" : "the user";
  return `it refused user "${user}" with the password that was given: check ${name} and ${secret}`;
}

/** For a person's own try: where the broker is. */
function clientFlags({ host, port, tls, ca }: MqttAddress): string {
  return `-h ${host} -p ${port}${tls ? (ca === null ? " --capath /etc/ssl/certs" : ` --cafile ${shellWord(ca)}`) : ""}`;
}

/** Host and port, with the brackets of an IPv6 address. */
export function placeOf({ host, port }: MqttAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** From an error of the socket. `wasUp`: it worked before, and may be back in a moment. */
export function connectionTrouble(address: MqttAddress, cause: unknown, wasUp: boolean): TransientError {
  if (cause instanceof TransientError) return cause;
  const place = placeOf(address);
  const ofTls = tlsReason(cause, address);
  const whyNot = ofTls ?? socketReason(cause, address);
  const message = wasUp
    ? `the connection to the broker ${place} was lost: ${whyNot}`
    : `${ofTls === null ? "no broker answers at" : "there is no safe connection to"} ${place}: ${whyNot}`;
  return new TransientError(message, {
    tryHint: `mosquitto_sub ${clientFlags(address)} -t '#' -C 1`,
    cause,
    ...(wasUp && { retryAfterMs: SOON_MS }),
  });
}

function socketReason(cause: unknown, { host, tls, port }: MqttAddress): string {
  switch (codeOf(cause)) {
    case "ECONNREFUSED":
      return "the connection is refused: the broker does not run, or does not listen on this address";
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EAI_NONAME":
      return `there is no address for the name "${host}" now`;
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "there is no route to it";
    case "ETIMEDOUT":
      return "it does not answer";
    case "ECONNRESET":
    case "EPIPE":
      return `it ended the connection${!tls && port === 8883 ? "; port 8883 is mostly for TLS: mqtts://" : ""}`;
    default:
      return messageOf(cause);
  }
}

function tlsReason(cause: unknown, { tls, host, ca }: MqttAddress): string | null {
  const code = codeOf(cause) ?? "";
  if (!tls) return null;
  if (/SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)|CERT_UNTRUSTED|UNABLE_TO_GET_ISSUER/.test(code)) {
    const own =
      ca === null ? "name the file of its authority, as in ?ca=ca.crt" : `"${ca}" is not the authority that signed it`;
    return `its certificate is not trusted (${code}); ${own}`;
  }
  if (/ALTNAME/.test(code)) return `its certificate is for another name than "${host}"`;
  if (code === "CERT_HAS_EXPIRED") return "its certificate has expired, or this machine's clock is wrong";
  if (code === "CERT_NOT_YET_VALID") return "its certificate is not valid yet, or this machine's clock is wrong";
  if (/WRONG_VERSION_NUMBER|UNEXPECTED_MESSAGE|PROTOCOL/.test(code))
    return "it does not speak TLS on this port; without TLS it is mqtt://";
  if (/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA/.test(code)) {
    return `it does not accept the agent's certificate (${code}); ?cert=FILE&key=FILE name one`;
  }
  return null;
}
