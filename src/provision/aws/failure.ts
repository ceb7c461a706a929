/** What an AWS error means for a step: try later, a permission is missing, or a person must look. */
import { AgentError, DeniedError, messageOf, TransientError } from "../../core/errors.ts";
import { NoAnswerError } from "../../core/net/timed-request.ts";

export type AwsCall = {
  /** `create role "acme-…"`, behind `Cannot`. */
  readonly doing: string;
  /** The IAM action that it needs, and on what: S3 does not say it. */
  readonly action: string;
  readonly on: string;
};

const DENIED = new Set([
  "AccessDenied",
  "AccessDeniedException",
  "AllAccessDisabled",
  "UnauthorizedOperation",
  "Forbidden",
]);
const NO_CREDENTIALS = new Set([
  ...["CredentialsProviderError", "TokenProviderError", "InvalidClientTokenId", "InvalidAccessKeyId"],
  ...["SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException", "InvalidToken", "UnrecognizedClientException"],
]);
/**
 * Two changes at once, or a change that AWS has not spread yet: what was just made is not there, what was just taken out of
 * something is still in it. "Already exists" on create too: the answer before was lost, or somebody was faster; either way
 * it is read next (apply.ts).
 */
const LATER = new Set([
  ...["OperationAborted", "ConditionalRequestConflict", "ConcurrentModification", "ConcurrentModificationException"],
  ...["EntityTemporarilyUnmodifiable", "EntityTemporarilyUnmodifiableException", "RequestTimeout", "SlowDown"],
  ...["Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "ServiceUnavailable"],
  ...["EntityAlreadyExists", "EntityAlreadyExistsException", "BucketAlreadyOwnedByYou"],
  ...["NoSuchEntity", "NoSuchEntityException", "NoSuchBucket", "DeleteConflict", "DeleteConflictException"],
]);
/** The way out of a refusal that no waiting and no permission mends, by its code without `Exception`. */
const WAYS_OUT: Readonly<Record<string, string>> = {
  BucketAlreadyExists: "another S3_BUCKET_PREFIX: a name of a bucket is taken for the whole world",
  IllegalLocationConstraint: "AWS_REGION, or AWS_ENDPOINT_URL_S3 of that region",
  InvalidLocationConstraint: "AWS_REGION, or AWS_ENDPOINT_URL_S3 of that region",
  LimitExceeded: "remove what is not needed, or ask AWS for a higher quota (console > Service Quotas)",
  TooManyBuckets: "remove what is not needed, or ask AWS for a higher quota (console > Service Quotas)",
  RegionDisabled: "an admin of the account enables the region (console > Account > AWS Regions)",
  RequestTimeTooSkewed: "set the clock of this machine, then the same command again",
};
const ELSE_TRY = "look at it in the AWS console, then the same command again";

export type AwsAnswer = { readonly code: string; readonly status: number | undefined };

/** AWS's own code and status; both empty where it was not AWS that spoke. */
export function answerOf(error: unknown): AwsAnswer {
  if (typeof error !== "object" || error === null) return { code: "", status: undefined };
  const code = "name" in error && typeof error.name === "string" ? error.name : "";
  const metadata = "$metadata" in error && typeof error.$metadata === "object" ? error.$metadata : null;
  const status = metadata !== null && "httpStatusCode" in metadata ? metadata.httpStatusCode : undefined;
  return { code, status: typeof status === "number" ? status : undefined };
}

/** Makes a call; what it throws is one of our own errors, or a bug. */
export async function ask<T>(call: AwsCall, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    throw explained(error, call);
  }
}

/** The same, and null where AWS says that there is none: one of `absent`, by its code. */
export async function askMaybe<T>(call: AwsCall, absent: readonly string[], send: () => Promise<T>): Promise<T | null> {
  return await ask(call, () =>
    send().catch((error: unknown) => {
      if (absent.includes(answerOf(error).code)) return null;
      throw error;
    }),
  );
}

export const NO_ENTITY = ["NoSuchEntity", "NoSuchEntityException"];

export function explained(error: unknown, call: AwsCall): unknown {
  if (error instanceof AgentError) return error;
  const { code, status } = answerOf(error);
  const message = `Cannot ${call.doing}: ${saidBy(error, code, status)}`;
  if (error instanceof NoAnswerError) return new TransientError(message, { cause: error });
  if (NO_CREDENTIALS.has(code)) {
    return new DeniedError(message, {
      cause: error,
      missing: "AWS credentials that are valid now",
      tryHint:
        "aws sts get-caller-identity, then aws login, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    });
  }
  const hint = WAYS_OUT[code.replace(/Exception$/, "")];
  if (hint !== undefined) return new AgentError(message, { cause: error, tryHint: hint });
  if (DENIED.has(code) || status === 403) {
    const missing = missingPermission(call, messageOf(error));
    return new DeniedError(`Cannot ${call.doing}: ${missing} is missing`, {
      cause: error,
      missing,
      tryHint: "docs/provision.md has the policy of who provisions; then the same command again",
    });
  }
  if (LATER.has(code) || (status !== undefined && (status >= 500 || status === 429))) {
    return new TransientError(message, { cause: error });
  }
  // Not AWS's answer: a mistake of ours, which must not look like something that the cloud said.
  return status === undefined ? error : new AgentError(message, { cause: error, tryHint: ELSE_TRY });
}

/** An answer to HEAD has no words: the SDK calls that "Unknown". */
function saidBy(error: unknown, code: string, status: number | undefined): string {
  if (code.startsWith("Unknown") && status !== undefined) return `the answer is ${status}, without a word`;
  return `${code === "" || code === "Error" ? "" : `${code}: `}${messageOf(error)}`;
}

/** IAM says itself what was missing; S3 does not. */
function missingPermission(call: AwsCall, message: string): string {
  const [, action] = /not authorized to perform: ([\w-]+:\w+)/.exec(message) ?? [];
  const [, resource] = /on resource: "?([^"\s]+)"?/.exec(message) ?? [];
  return `${action ?? call.action} on ${resource ?? call.on}`;
}
