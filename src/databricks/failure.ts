/**
 * What an unsuccessful answer of Databricks means. The `error_code` decides, never the status: "already exists" is
 * 400 in Unity Catalog, 409 elsewhere, and a job that is missing is 400 too. The message is looked at only where the code
 * says too little.
 */
import { AgentError, DeniedError, TransientError, type WayOut } from "../core/errors.ts";
import { answerOrNull } from "./answer.ts";
import { isObject, parseJson } from "./json.ts";
import { Refusal } from "./shapes/login.ts";

/** Databricks understood and said no. */
export class DatabricksError extends AgentError {
  override readonly name = "DatabricksError";
  readonly status: number;
  /** `CATALOG_ALREADY_EXISTS`; empty where the answer had none. */
  readonly errorCode: string;
  /** What Databricks said, without our words around it. */
  readonly said: string;
  /** For its support; empty where the answer had none. */
  readonly requestId: string;

  constructor(
    message: string,
    of: WayOut & {
      readonly status: number;
      readonly errorCode: string;
      readonly said: string;
      readonly requestId: string;
    },
  ) {
    super(message, of);
    this.status = of.status;
    this.errorCode = of.errorCode;
    this.said = of.said;
    this.requestId = of.requestId;
  }
}

/** Nothing that we ask for is missing: the workspace does not know us. */
export class TokenRefusedError extends DeniedError {}

/** Something else than the thing that was asked for: no sign that the thing is not there. */
const OTHER_THINGS_MISSING = /^(PRINCIPAL|METASTORE|ENDPOINT|FEATURE|WORKSPACE|USER)_/;

/** The thing that was asked for does not exist (or its parent does not). */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof DatabricksError)) return false;
  const { errorCode, status, said } = error;
  if (OTHER_THINGS_MISSING.test(errorCode)) return false;
  if (/(_DOES_NOT_EXIST|NOT_FOUND)$/.test(errorCode)) return true;
  if (errorCode === "" || /^\d+$/.test(errorCode)) return status === 404;
  return errorCode === "INVALID_PARAMETER_VALUE" && /\bdoes not exist\b/i.test(said);
}

export function isAlreadyThere(error: unknown): boolean {
  if (!(error instanceof DatabricksError)) return false;
  if (/ALREADY_EXISTS$/.test(error.errorCode)) return true;
  return /^(|\d+|BAD_REQUEST|INVALID_PARAMETER_VALUE|RESOURCE_CONFLICT)$/.test(error.errorCode)
    ? /\balready exists\b/i.test(error.said)
    : false;
}

export function hasCode(error: unknown, ...codes: readonly string[]): error is DatabricksError {
  return error instanceof DatabricksError && codes.includes(error.errorCode);
}

/** The parts of an answer that are judged. */
export type Heard = {
  readonly status: number;
  readonly body: string;
  readonly contentType: string;
  readonly requestId: string;
  readonly location: string;
};

export type Verdict =
  | { readonly kind: "done"; readonly json: unknown }
  /** It was not done, and may be when asked again. */
  | { readonly kind: "busy"; readonly because: string }
  /** Whether it was done is not known: something between us and the workspace answered. */
  | { readonly kind: "unknown"; readonly because: string }
  | { readonly kind: "token"; readonly said: string }
  | { readonly kind: "denied"; readonly said: string }
  | { readonly kind: "refused"; readonly errorCode: string; readonly said: string };

/** Sentences by which the services behind say "later" under codes of all sorts (as the public SDKs know them). */
const LATER =
  /RPC token bucket limit has been exceeded|worker environment|worker env\b.*not found|ClusterNotReadyException|Timed out after |connection reset by peer|TLS handshake timeout|i\/o timeout/i;
const BUSY_CODES = [
  "REQUEST_LIMIT_EXCEEDED",
  "TEMPORARILY_UNAVAILABLE",
  "SERVICE_UNDER_MAINTENANCE",
  "TOO_MANY_REQUESTS",
];

export function judge(heard: Heard): Verdict {
  const { status } = heard;
  const json = jsonOf(heard.body);
  if (status >= 200 && status < 300) {
    return json === undefined ? { kind: "refused", errorCode: "", said: notDatabricks(heard) } : { kind: "done", json };
  }
  const { errorCode, said } = spokenOf(json, heard);
  if (status === 429 || status === 503 || BUSY_CODES.includes(errorCode)) return { kind: "busy", because: said };
  if (status >= 500 && isObject(json) && LATER.test(said)) return { kind: "busy", because: said };
  if (status >= 500 && status !== 501) return { kind: "unknown", because: said };
  if (status === 408) return { kind: "unknown", because: said };
  if (status === 401 || errorCode === "UNAUTHENTICATED" || /invalid access token|token is expired/i.test(said)) {
    return { kind: "token", said };
  }
  if (errorCode === "PERMISSION_DENIED" || status === 403) return { kind: "denied", said };
  return { kind: "refused", errorCode, said };
}

function jsonOf(body: string): unknown {
  if (body.trim() === "") return {};
  try {
    return parseJson(body);
  } catch {
    return undefined;
  }
}

/** The code and the sentence: the usual form, the older one (`error`), SCIM's (`detail`), OAuth's, or an unknown form. */
function spokenOf(json: unknown, heard: Heard): { errorCode: string; said: string } {
  if (!isObject(json) || heard.body.trim() === "") return { errorCode: "", said: notDatabricks(heard) };
  const { error_code, message, error_description, error, detail } = answerOrNull(Refusal, json) ?? {};
  const errorCode = String(error_code ?? "");
  const said = message ?? error_description ?? error ?? detail ?? "";
  return {
    errorCode,
    said: said === "" ? `status ${heard.status}${errorCode === "" ? "" : ` ${errorCode}`}` : short(said),
  };
}

/** A proxy, a login page, a captive portal, or the wrong host. */
function notDatabricks({ status, body, contentType, location }: Heard): string {
  if (status >= 300 && status < 400) {
    const privateLink = location.includes("private-link-validation-error");
    if (privateLink)
      return "the workspace is reached by its private link only, and this machine is not in that network";
    return `the answer is a redirect (status ${status}) to "${short(location.split("?")[0]!)}", not an answer of the workspace`;
  }
  const title = /<title[^>]*>([^<]{1,200})/i.exec(body)?.[1]?.trim() ?? /<pre>([^<]{1,200})/i.exec(body)?.[1]?.trim();
  const isPage = /html/i.test(contentType) || /^\s*<(!doctype|html)/i.test(body);
  if (isPage) {
    const named = title === undefined ? "" : ` "${short(title)}"`;
    return `the answer (status ${status}) is a web page${named}, not of the workspace's API: a proxy, a login page or the wrong host`;
  }
  if (body.trim() === "") return `the answer (status ${status}) is empty`;
  return `the answer (status ${status}) is not JSON: "${short(body.trim())}"`;
}

const SAID_LENGTH = 600;

function short(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > SAID_LENGTH ? `${line.slice(0, SAID_LENGTH)}…` : line;
}

/** Says who we are to the workspace, and what is missing. */
export const CHECK = "agent config check --live";

export type CallPurpose = {
  /** `read catalog "acme"`: what the sentence continues with behind "Cannot". */
  readonly doing: string;
  /** The permission that it needs, in Databricks' words: `CREATE_CATALOG on the metastore`. */
  readonly needs?: string;
};

const OTHER_HOST = "Check that DATABRICKS_HOST is the address of the workspace, and that no proxy answers instead";
const NEW_TOKEN =
  "Set DATABRICKS_TOKEN to a new token (workspace > Settings > Developer > Access tokens), or set DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET";

/** What a person does about a refusal, by its code; then the same command continues. */
const ADVICE: readonly (readonly [code: RegExp, advice: string])[] = [
  [/^PRINCIPAL_/, "Correct the setting: it must be the name that the workspace shows (Settings > Identity and access)"],
  [
    /EXHAUSTED|QUOTA|(LIMIT|SIZE|RESOURCES?)_EXCEEDED/,
    "Delete what is not needed, or ask Databricks for a higher limit",
  ],
  [/^(NOT_IMPLEMENTED|FEATURE_|ENDPOINT_NOT_FOUND)/, "An account admin can switch it on, if the account has it"],
];

/** Of any other refusal only Databricks can say more: it finds the cause by the id of the request. */
function adviceOn(errorCode: string, requestId: string): string {
  const known = ADVICE.find(([code]) => code.test(errorCode))?.[1];
  const support = requestId === "" ? "" : `; if it does not pass, ask Databricks about request ${requestId}`;
  return known ?? `Look at it in the workspace${support}`;
}

/** Who can help with a missing permission. */
export const grantAdvice = (missing: string) =>
  `An admin of the workspace's metastore can grant what is missing: ${missing}`;

/** The error that a verdict becomes, once nothing more is tried. */
export function errorOf(verdict: Exclude<Verdict, { kind: "done" }>, asked: CallPurpose, heard: Heard): AgentError {
  const start = `Cannot ${asked.doing}`;
  switch (verdict.kind) {
    case "busy":
      return new TransientError(`${start}: ${verdict.because}`);
    case "unknown":
      return new TransientError(`${start}: ${verdict.because}`);
    case "token":
      return new TokenRefusedError(`${start}: Databricks refuses the token: ${verdict.said}`, {
        advice: NEW_TOKEN,
        missing: "a valid token of the workspace",
        tryHint: CHECK,
      });
    case "denied": {
      const missing = missingFrom(verdict.said) ?? asked.needs ?? `the permission to ${asked.doing}`;
      return new DeniedError(`${start}: ${verdict.said}`, { advice: grantAdvice(missing), missing, tryHint: CHECK });
    }
    case "refused": {
      const { errorCode, said } = verdict;
      const isForeign = errorCode === "" && jsonOf(heard.body) === undefined;
      const { status, requestId } = heard;
      const isElsewhere = isForeign || (status >= 300 && status < 400);
      const advice = isElsewhere ? OTHER_HOST : adviceOn(errorCode, requestId);
      const code = errorCode === "" || said.includes(errorCode) ? "" : ` (${errorCode})`;
      return new DatabricksError(`${start}: ${said}${code}`, {
        advice,
        status,
        errorCode,
        said,
        requestId,
        ...(isElsewhere && { tryHint: "agent config show" }),
      });
    }
  }
}

/** Databricks often says itself what is missing: `User does not have CREATE CATALOG on Metastore 'main'.` */
export function missingFrom(said: string): string | undefined {
  const found =
    /does not have (?:the )?(?:privilege |permission )?["']?([A-Z][A-Z_ ]*[A-Z](?: and [A-Z_ ]+[A-Z])?)["']?(?: privilege)? on ((?:\w+ ){0,3}(?:'[^']+'|"[^"]+"|`[^`]+`)|[^.,]+)/.exec(
      said,
    );
  return found === null ? undefined : `${found[1]} on ${found[2]}`;
}
