/**
 * Who calls. A personal access token or an OAuth token as `Authorization: Bearer`; the OAuth token comes from
 * `POST /oidc/v1/token` with HTTP Basic client_id:client_secret and a form (databricks-sdk-go config/auth_m2m.go: AuthStyleInHeader).
 */

import type { World } from "../world/world.ts";
import { Problem } from "./problem.ts";

/**
 * A workspace says 401 with a *number* as error_code when no credential was sent, and 403 with "403" for a token that it
 * does not know. databricks-sdk-go reads `error_code` as a string or a number for this (apierr/errors_test.go).
 */
export function callerOf(world: World, authorization: string | undefined): string {
  const token = /^Bearer (\S+)$/.exec(authorization ?? "")?.[1];
  if (token === undefined) {
    throw new Problem(401, 401, "Credential was not sent or was of an unsupported type for this API.");
  }
  const person = world.settings.people.find((one) => one.token === token);
  if (person !== undefined) return person.name;
  const given = world.tokens.get(token);
  if (given === undefined) throw new Problem(403, "403", "Invalid access token.");
  if (given.expiresAtMs <= world.now()) throw new Problem(401, "UNAUTHENTICATED", "Token is expired.");
  return given.name;
}

export type TokenAnswer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> };

/** RFC 6749 §4.4 and §5.2: its errors have `error` and `error_description`, not `error_code`. */
export function giveToken(world: World, authorization: string | undefined, type: string, form: string): TokenAnswer {
  const refuse = (status: number, error: string, error_description: string): TokenAnswer => ({
    status,
    body: { error, error_description },
  });
  const basic = /^Basic (\S+)$/.exec(authorization ?? "")?.[1];
  if (basic === undefined) return refuse(401, "invalid_client", "Client authentication failed: no Basic credentials");
  const [id = "", secret = ""] = Buffer.from(basic, "base64").toString().split(/:(.*)/s);
  // RFC 6749 §2.3.1: both are form-encoded before they are joined.
  const [name, password] = [decodeURIComponent(id), decodeURIComponent(secret)];
  const person = world.settings.people.find((one) => one.name === name && one.clientSecret !== null);
  if (person === undefined || person.clientSecret !== password) {
    return refuse(401, "invalid_client", "Client authentication failed");
  }
  if (!type.startsWith("application/x-www-form-urlencoded")) {
    return refuse(400, "invalid_request", "The body must be application/x-www-form-urlencoded");
  }
  const fields = new URLSearchParams(form);
  const unknown = [...fields.keys()].filter((key) => !["grant_type", "scope"].includes(key));
  if (unknown.length > 0) return refuse(400, "invalid_request", `Unknown parameters: ${unknown.join(", ")}`);
  if (fields.get("grant_type") !== "client_credentials") {
    return refuse(400, "unsupported_grant_type", "grant_type must be client_credentials");
  }
  if (fields.get("scope") !== "all-apis") return refuse(400, "invalid_scope", "scope must be all-apis");
  const token = `eyJ.${world.nextUuid(`token of ${name}`)}`;
  const seconds = world.settings.tokenSeconds;
  world.tokens.set(token, { name, expiresAtMs: world.now() + seconds * 1_000 });
  return { status: 200, body: { access_token: token, token_type: "Bearer", scope: "all-apis", expires_in: seconds } };
}

/** `GET /.well-known/databricks-config`: what SDKs ask first (databricks-sdk-go config/host_metadata.go). */
export function hostMetadata(world: World, url: string): Readonly<Record<string, unknown>> {
  return {
    oidc_endpoint: `${url}/oidc`,
    workspace_id: String(world.workspaceId),
    cloud: "AWS",
    host_type: "WORKSPACE_HOST",
    token_federation_default_oidc_audiences: [`${url}/oidc/v1/token`],
  };
}

/** `GET /oidc/.well-known/oauth-authorization-server`: where the token endpoint is. */
export function discovery(url: string): Readonly<Record<string, unknown>> {
  return {
    issuer: `${url}/oidc`,
    authorization_endpoint: `${url}/oidc/v1/authorize`,
    token_endpoint: `${url}/oidc/v1/token`,
    token_endpoint_auth_methods_supported: ["client_secret_basic"],
    grant_types_supported: ["client_credentials"],
    scopes_supported: ["all-apis"],
  };
}
