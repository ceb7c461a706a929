/** What an S3 error means for an object: wait, wait while a person acts, or give this object up. */
import {
  AgentError,
  codeOf,
  DeniedError,
  LoginRefusedError,
  messageOf,
  TooLargeError,
  TransientError,
} from "../../core/errors.ts";
import { parseRetryAfter } from "../../core/net/retry-after.ts";
import { NoAnswerError } from "../../core/net/timed-request.ts";
import { denialIn } from "./denial.ts";

/** What was being done, for the words of an error. */
export type S3Call = {
  /** `store "date=…" in`, `list`: followed by the bucket's name. */
  readonly doing: string;
  /** The IAM action that it needs: `s3:PutObject`. */
  readonly action: string;
  readonly bucket: string;
  readonly region: string;
  /** True when the action is on the bucket's objects, false when it is on the bucket. */
  readonly onObjects: boolean;
};

/**
 * wait: trying later may help. permission, credentials, bucket, settings: waits too, and says what a person must do.
 * large: half of it may be stored. never: this object is refused, and waiting does not help it.
 */
type Meaning = "wait" | "clock" | "permission" | "credentials" | "bucket" | "settings" | "large" | "never";

/** By S3's own code, where the status alone says too little: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const MEANING_OF_CODE: Readonly<Record<string, Meaning>> = {
  RequestTimeTooSkewed: "clock",
  RequestExpired: "clock",
  // 400 that are the line's fault: bytes that did not arrive, or not as they were sent.
  RequestTimeout: "wait",
  IncompleteBody: "wait",
  BadDigest: "wait",
  XAmzContentSHA256Mismatch: "wait",
  InvalidDigest: "wait",
  SlowDown: "wait",
  Throttling: "wait",
  ThrottlingException: "wait",
  TooManyRequests: "wait",
  AccessDenied: "permission",
  AllAccessDisabled: "permission",
  AccountProblem: "permission",
  InvalidAccessKeyId: "credentials",
  SignatureDoesNotMatch: "credentials",
  ExpiredToken: "credentials",
  ExpiredTokenException: "credentials",
  InvalidToken: "credentials",
  TokenRefreshRequired: "credentials",
  UnrecognizedClientException: "credentials",
  CredentialsProviderError: "credentials",
  TokenProviderError: "credentials",
  NoSuchBucket: "bucket",
  PermanentRedirect: "settings",
  AuthorizationHeaderMalformed: "settings",
  IllegalLocationConstraintException: "settings",
  InvalidBucketName: "settings",
  NotImplemented: "settings",
  MethodNotAllowed: "settings",
  KMSDisabledException: "settings",
  "KMS.DisabledException": "settings",
  "KMS.NotFoundException": "settings",
  "KMS.KMSInvalidStateException": "settings",
  InvalidRegionName: "settings",
  EntityTooLarge: "large",
  MaxMessageLengthExceeded: "large",
};

export function explainS3Failure(error: unknown, call: S3Call, nowMs: number): Error {
  const { code, status, spoken } = answerOf(error);
  const meaning = meaningOf(error, code, status, spoken);
  const cause = meaning === "wait" && !spoken && status !== undefined ? notS3(status) : (spoken ?? messageOf(error));
  const message = `Cannot ${call.doing} bucket "${call.bucket}": ${cause}`;
  switch (meaning) {
    case "wait":
      return new TransientError(message, { cause: error, retryAfterMs: retryAfterOf(error, nowMs) });
    case "clock":
      return new TransientError(message, { cause: error, tryHint: "timedatectl set-ntp true" });
    case "large":
      return new TooLargeError(message, { cause: error });
    case "never":
      return new AgentError(message, { cause: error });
    case "permission": {
      const on = `arn:aws:s3:::${call.bucket}${call.onObjects ? "/*" : ""}`;
      const { missing, advice } = denialIn(messageOf(error), { action: call.action, on });
      const wayOut = { cause: error, missing, tryHint: "aws sts get-caller-identity" };
      return new DeniedError(message, advice === null ? wayOut : { ...wayOut, advice });
    }
    case "bucket":
      return new DeniedError(message, {
        cause: error,
        missing: `bucket "${call.bucket}"`,
        // A bucket that was made by hand would be another owner's to provisioning.
        tryHint: "agent provision apply --only aws",
      });
    case "credentials":
      return new LoginRefusedError(message, {
        cause: error,
        missing: "AWS credentials that are valid now",
        tryHint: "aws sts get-caller-identity",
      });
    case "settings":
      return new DeniedError(message, {
        cause: error,
        missing: `a bucket "${call.bucket}" in ${call.region} that takes conditional writes`,
        tryHint: "agent config show",
      });
  }
}

/** True when the credentials themselves were refused: the next try reads them again. */
export function isAboutCredentials(error: unknown): boolean {
  return MEANING_OF_CODE[answerOf(error).code] === "credentials";
}

/** True when S3 itself said that there is no such object, or no such bucket. */
export function isAbsence(error: unknown): boolean {
  const { code, status } = answerOf(error);
  return status === 404 && (code === "NoSuchKey" || code === "NoSuchBucket");
}

/** The status of an S3 answer, or undefined where there was none. */
export function statusOf(error: unknown): number | undefined {
  return answerOf(error).status;
}

function meaningOf(error: unknown, code: string, status: number | undefined, spoken: string | null): Meaning {
  if (error instanceof NoAnswerError) return "wait";
  const known = MEANING_OF_CODE[code];
  if (known !== undefined) return known;
  // Of this machine, not of the object: a file of the credentials that is not there, a process without file descriptors.
  if (isOfSystem(error)) return NO_FILE.test(codeOf(error) ?? "") ? "credentials" : "wait";
  // Neither an answer of S3 nor a network failure: a defect of the agent, which must not look like an outage.
  if (status === undefined) return "never";
  // Also of a proxy before the store: its limit is the same for every try.
  if (status === 413) return "large";
  if (status >= 500 || [408, 409, 425, 429].includes(status)) return "wait";
  // A captive portal or a proxy does not know the bucket, and must not make the agent give up an object.
  if (spoken === null) return status === 401 || status === 403 ? "permission" : "wait";
  if (status === 401 || status === 403) return "permission";
  return status >= 400 && status !== 404 ? "never" : "wait";
}

const NO_FILE = /^(ENOENT|ENOTDIR|EISDIR|EACCES|EPERM|ELOOP)$/;

function isOfSystem(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && /^E[A-Z0-9]+$/.test(codeOf(error) ?? "");
}

type S3Answer = { readonly code: string; readonly status: number | undefined; readonly spoken: string | null };

/** `spoken`: S3's code and sentence, or null where the answer was not S3's XML. */
function answerOf(error: unknown): S3Answer {
  if (typeof error !== "object" || error === null) return { code: "", status: undefined, spoken: null };
  const code = "name" in error && typeof error.name === "string" ? error.name : "";
  const metadata = "$metadata" in error && typeof error.$metadata === "object" ? error.$metadata : null;
  const status = metadata !== null && "httpStatusCode" in metadata ? metadata.httpStatusCode : undefined;
  const isSpoken = ("Code" in error && typeof error.Code === "string") || MEANING_OF_CODE[code] !== undefined;
  return {
    code,
    status: typeof status === "number" ? status : undefined,
    spoken: isSpoken ? `${code}: ${messageOf(error)}` : null,
  };
}

function notS3(status: number): string {
  return `the answer (status ${status}) is not from S3`;
}

function retryAfterOf(error: unknown, nowMs: number): number | undefined {
  if (typeof error !== "object" || error === null || !("$response" in error)) return undefined;
  const response = error.$response;
  if (typeof response !== "object" || response === null || !("headers" in response)) return undefined;
  const headers = response.headers;
  if (typeof headers !== "object" || headers === null || !("retry-after" in headers)) return undefined;
  return parseRetryAfter(String(headers["retry-after"]), nowMs);
}
