/** Where the workspace is. A token goes over TLS, or to this machine itself. */
import { UsageError } from "../core/errors.ts";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** The origin (`https://dbc-1.cloud.databricks.com`) of what people paste: a bare host, a URL, one with a path or `?o=`. */
export function workspaceOrigin(host: string): string {
  const text = /^[a-z]+:\/\//i.test(host) ? host : `https://${host}`;
  const url = URL.parse(text);
  const wrong = (why: string) =>
    new UsageError(`Cannot use DATABRICKS_HOST "${host}": ${why}`, {
      advice: "Set it to the start of the workspace's address in the browser: https://dbc-….cloud.databricks.com",
      tryHint: "agent config show",
    });
  if (url === null || url.hostname === "") throw wrong("it is not an address");
  if (url.username !== "" || url.password !== "") throw wrong("there is a name or a password in it");
  if (url.protocol !== "https:" && !(url.protocol === "http:" && LOOPBACK.test(url.hostname))) {
    throw wrong("a token goes over https only");
  }
  if (/^accounts(-dod)?\.(cloud|gov)?\.?databricks\./.test(url.hostname)) {
    throw wrong("it is the account console, not a workspace");
  }
  return url.origin;
}
