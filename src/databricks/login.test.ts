/** A service principal's tokens: fetched once for all callers, again before they end, and never shown. */
import { afterEach, expect, test } from "bun:test";
import { DeniedError, TransientError } from "../core/errors.ts";
import { Workspace } from "./client.ts";
import type { Login } from "./login.ts";
import type { Pace } from "./wire.ts";

const LOGIN: Login = { kind: "oauth", clientId: "app-1", clientSecret: "doseXsecret" };
const READ = { doing: "ask", method: "GET" as const, path: ["api", "thing"] };

const open: { stop(force: boolean): unknown }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.stop(true);
});

function workspace(token: (count: number) => Response, good: (bearer: string) => boolean = () => true) {
  const seen = { logins: [] as { basic: string; body: string }[], bearers: [] as string[] };
  const served = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const sent = request.headers.get("authorization") ?? "";
      if (new URL(request.url).pathname === "/oidc/v1/token") {
        seen.logins.push({ basic: sent, body: await request.text() });
        return token(seen.logins.length);
      }
      seen.bearers.push(sent.replace("Bearer ", ""));
      return good(seen.bearers.at(-1)!)
        ? Response.json({ ok: true })
        : Response.json({ error_code: "UNAUTHENTICATED", message: `bad ${sent}` }, { status: 401 });
    },
  });
  open.push(served);
  return { seen, client: new Workspace({ origin: `http://127.0.0.1:${served.port}`, login: LOGIN, random: () => 0 }) };
}

function pace() {
  let nowMs = 0;
  const own: Pace = {
    stop: new AbortController().signal,
    now: () => nowMs,
    tell: () => undefined,
    wait: async (ms) => {
      nowMs += ms;
    },
  };
  return own;
}

const granted = (count: number, expires_in = 3_600) =>
  Response.json({ access_token: `secret-token-${count}`, token_type: "Bearer", expires_in });

test("one login serves all that ask at once, with the id and the secret in the header", async () => {
  const { seen, client } = workspace(granted);
  const time = pace();
  await Promise.all(Array.from({ length: 9 }, () => client.request(READ, time)));
  expect(seen.bearers).toEqual(Array.from({ length: 9 }, () => "secret-token-1"));
  expect(seen.logins).toEqual([
    {
      basic: `Basic ${Buffer.from("app-1:doseXsecret").toString("base64")}`,
      body: "grant_type=client_credentials&scope=all-apis",
    },
  ]);
});

test("a token is fetched again before it ends", async () => {
  const { seen, client } = workspace(granted);
  const time = pace();
  await client.request(READ, time);
  await time.wait(3_600_000 - 121_000);
  await client.request(READ, time);
  await time.wait(2_000);
  await client.request(READ, time);
  expect(seen.bearers).toEqual(["secret-token-1", "secret-token-1", "secret-token-2"]);
});

test("a token that is refused before its time is fetched again once, then the refusal is reported", async () => {
  const first = workspace(granted, (bearer) => bearer === "secret-token-2");
  expect(await first.client.request(READ, pace())).toEqual({ ok: true });
  const never = workspace(granted, () => false);
  const error = await never.client.request(READ, pace()).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(DeniedError);
  expect(String(error)).not.toContain("secret-token");
  expect(never.seen.bearers).toHaveLength(2);
});

test("a wrong secret is reported with the settings to look at; a login service that is away is waited for", async () => {
  const wrong = workspace(() =>
    Response.json({ error: "invalid_client", error_description: "Client doseXsecret failed" }, { status: 401 }),
  );
  const error = (await wrong.client.request(READ, pace()).catch((caught: unknown) => caught)) as DeniedError;
  expect(error).toBeInstanceOf(DeniedError);
  expect(error.message).toBe("Cannot log in to Databricks as the service principal: Client *** failed");
  expect(error.advice).toContain("DATABRICKS_CLIENT_ID");
  const away = workspace((count) => (count < 3 ? new Response("", { status: 500 }) : granted(count)));
  expect(await away.client.request(READ, pace())).toEqual({ ok: true });
  const gone = workspace(() => new Response("", { status: 500 }));
  expect(await gone.client.request(READ, pace()).catch((caught: unknown) => caught)).toBeInstanceOf(TransientError);
});
