/** The parts of an `mqtt://` place. `#` and `+` belong to topics here, so no parser of web addresses can read it. */

export type MqttPlace = {
  readonly tls: boolean;
  readonly login: { readonly user: string; readonly password: string | null } | null;
  readonly hostPort: string;
  /** The topic: behind the slash after the host, decoded. A topic that begins with a slash has two. */
  readonly topic: string;
};

const URI = /^(mqtts?):\/\/([^/?]*)(.*)$/s;

/** `place`: the URI without its parameters. Null where it does not begin as one. */
export function splitPlace(place: string): MqttPlace | null {
  const found = URI.exec(place);
  if (found === null) return null;
  const [, scheme = "", authority = "", path = ""] = found;
  const at = authority.lastIndexOf("@");
  return {
    tls: scheme === "mqtts",
    login: at < 0 ? null : loginOf(authority.slice(0, at)),
    hostPort: authority.slice(at + 1),
    topic: decoded(path.slice(1)),
  };
}

/** The same for every password, so that a new one continues where the old one was. */
export function withoutLoginPassword(uri: string): string {
  return uri.replace(/^(mqtts?:\/\/[^/?:@]*):[^/?]*@/, "$1@");
}

/** For messages: without anything that may be part of a password, however wrongly it was written. */
export function hiddenLogin(uri: string): string {
  return uri.replace(/^(mqtts?:\/\/[^/?:@]*):.*@/s, "$1:***@");
}

function loginOf(text: string): { user: string; password: string | null } {
  const colon = text.indexOf(":");
  if (colon < 0) return { user: decoded(text), password: null };
  return { user: decoded(text.slice(0, colon)), password: decoded(text.slice(colon + 1)) };
}

/** `%23` is a `#`; what is no such code is as it was written. */
function decoded(text: string): string {
  return text.replace(/(?:%[0-9a-fA-F]{2})+/g, (codes) => {
    try {
      return decodeURIComponent(codes);
    } catch {
      return codes;
    }
  });
}
