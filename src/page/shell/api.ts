/** Requests to the agent. This is the one place of the page that believes what the agent sent to be of its type. */
import { NODE_HEADER, type WireProblem } from "../../dashboard/wire.ts";
import { askForToken, token, tokenHeaders } from "../token/token.ts";
import { AnotherNodeError, node, nodeNow, notSureOfNode } from "./node.ts";
import { linesOf } from "./stream-parts.ts";

/** What a request failed with. `status` 0: there was no answer at all. */
export class ApiError extends Error implements WireProblem {
  readonly try: string | null;
  readonly status: number;
  /** All that the agent said: some problems have more to say. */
  readonly said: string;

  constructor(problem: WireProblem, status: number, said = "") {
    super(problem.message);
    this.try = problem.try;
    this.status = status;
    this.said = said;
  }
}

export type Query = Readonly<Record<string, string | number | readonly string[] | null>>;
type Method = "GET" | "POST" | "PUT";

/** `path?name=value&…`: a list is sent value by value, null is left out. */
export function addressOf(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null) continue;
    for (const one of typeof value === "object" ? value : [value]) search.append(name, String(one));
  }
  const text = search.toString();
  return text === "" ? path : `${path}?${text}`;
}

export async function getJson<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return (await (await open("GET", addressOf(path, query), null, signal)).json()) as T;
}

/** Sends `body` as JSON and reads JSON. Asks for the token where there is none. */
export async function sendJson<T>(
  method: "POST" | "PUT",
  path: string,
  body: unknown,
  signal?: AbortSignal,
): Promise<T> {
  return (await (await open(method, path, JSON.stringify(body), signal)).json()) as T;
}

/** Newline-delimited JSON: each value as soon as it is here. */
export async function* readLines<T>(path: string, query: Query = {}, signal?: AbortSignal): AsyncGenerator<T> {
  const { body } = await open("GET", addressOf(path, query), null, signal);
  if (body === null) return;
  for await (const line of linesOf(body)) if (line !== "") yield parsed<T>(line);
}

/** The answer itself, for bytes and long streams; an error status throws {@link ApiError}. */
export async function open(
  method: Method,
  address: string,
  body: string | null = null,
  signal?: AbortSignal,
): Promise<Response> {
  const { answer, isNotSent } = await once(method, address, body, signal);
  if (answer.status !== 401) return orThrow(answer);
  const refusal = problemFrom(await answer.text(), answer.status);
  if (isNotSent) throw new ApiError(UNNAMED, 401);
  if ((await askForToken(refusal.try)) === null) throw new ApiError(refusal, 401);
  return orThrow((await once(method, address, body, signal)).answer);
}

const UNNAMED: WireProblem = {
  message: "The agent does not say yet which node it is, so this page does not send its token: the agent is starting",
  try: null,
};

/** `isNotSent`: the page has a token of its node, and the agent did not say which node it is. */
type Attempt = { readonly answer: Response; readonly isNotSent: boolean };

/** One attempt: any status is an answer. */
async function once(
  method: Method,
  address: string,
  body: string | null,
  signal: AbortSignal | undefined,
): Promise<Attempt> {
  try {
    const isAsked = node.peek() !== null || token.peek() !== null || method !== "GET";
    const now = isAsked ? await nodeNow() : null;
    const ofToken = tokenHeaders(now);
    const headers = {
      ...ofToken,
      ...ofWrite(method),
      ...(body === null ? {} : { "content-type": "application/json" }),
    };
    const answer = await fetch(address, { method, headers, body, cache: "no-store", signal: signal ?? null });
    const isHeldBack = token.peek() !== null && Object.keys(ofToken).length === 0;
    return { answer, isNotSent: isHeldBack && now === null && node.peek() !== null };
  } catch (error) {
    if (signal?.aborted) throw error;
    notSureOfNode();
    if (error instanceof AnotherNodeError) throw new ApiError({ message: error.message, try: null }, 412);
    throw new ApiError({ message: "There is no answer from the agent", try: null }, 0);
  }
}

/** The node that a text is meant for. */
function ofWrite(method: Method): Readonly<Record<string, string>> {
  const meant = node.peek();
  return method === "GET" || meant === null ? {} : { [NODE_HEADER]: meant };
}

async function orThrow(answer: Response): Promise<Response> {
  if (answer.ok) return answer;
  if (answer.status === 412) notSureOfNode();
  const text = await answer.text();
  throw new ApiError(problemFrom(text, answer.status), answer.status, text);
}

function problemFrom(text: string, status: number): WireProblem {
  return problemIn(text) ?? { message: `The agent answered ${status}: ${text.slice(0, 200)}`, try: null };
}

function problemIn(text: string): WireProblem | null {
  try {
    const said = parsed<Partial<WireProblem> | null>(text);
    return typeof said?.message === "string" ? { message: said.message, try: said.try ?? null } : null;
  } catch {
    return null;
  }
}

/** Whatever was caught, as something to show. */
export function problemOf(error: unknown): WireProblem {
  if (error instanceof ApiError) return { message: error.message, try: error.try };
  return { message: error instanceof Error ? error.message : String(error), try: null };
}

export function parsed<T>(text: string): T {
  return JSON.parse(text);
}
