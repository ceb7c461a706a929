/** The settings of the source http: a part of the one table (table.ts). */
import { may, must, secretText } from "./entry.ts";
import * as kind from "./kind.ts";

export const HTTP_SETTINGS = {
  httpToken: may(
    { env: "AGENT_HTTP_TOKEN", secret: true },
    secretText,
    "The token that senders to http: sources must have: Authorization: Bearer TOKEN.",
  ),
  httpTokenFile: may(
    "AGENT_HTTP_TOKEN_FILE",
    kind.path("FILE"),
    "Instead of it: a file whose first line is the token. It is read at the start.",
  ),
  httpMaxBytes: must(
    "AGENT_HTTP_MAX_BYTES",
    kind.bytes("1KiB", "256MiB"),
    "8MiB",
    "The largest body of a request to an http: source, unpacked; a larger one is answered with 413.",
  ),
};
