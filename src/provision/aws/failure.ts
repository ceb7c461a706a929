/** What an AWS error means for a step: try later, a permission is missing, or a person must look. */
import { AgentError, DeniedError, LoginRefusedError, messageOf, TransientError } from "../../core/errors.ts";
import { NoAnswerError } from "../../core/net/timed-request.ts";
import { denialIn } from "../../uplink/s3/denial.ts";

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
 * something is still in it. "Already exists" on create too: the answer before was lost, or another run was faster; either way
 * it is read next (apply.ts).
 */
const LATER = new Set([
  ...["OperationAborted", "ConditionalRequestConflict", "ConcurrentModification", "ConcurrentModificationException"],
  ...["EntityTemporarilyUnmodifiable", "EntityTemporarilyUnmodifiableException", "RequestTimeout", "SlowDown"],
  ...["Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "ServiceUnavailable"],
  ...["EntityAlreadyExists", "EntityAlreadyExistsException", "BucketAlreadyOwnedByYou"],
  ...["NoSuchEntity", "NoSuchEntityException", "NoSuchBucket", "DeleteConflict", "DeleteConflictException"],
]);
const QUOTA = "Delete what is not needed, or ask AWS for a higher quota (console > Service Quotas)";
const OTHER_REGION = "Set AWS_REGION to the region of the endpoint, or AWS_ENDPOINT_URL_S3 to that of the region";
/** What a person does about a refusal that no waiting and no permission repairs, by its code without `Exception`. */
const ADVICE: Readonly<Record<string, string>> = {
  BucketAlreadyExists: "Set another S3_BUCKET_PREFIX: the name of a bucket is taken for the whole world",
  IllegalLocationConstraint: OTHER_REGION,
  InvalidLocationConstraint: OTHER_REGION,
  LimitExceeded: QUOTA,
  TooManyBuckets: QUOTA,
  RegionDisabled: "An admin of the account can enable the region (console > Account > AWS Regions)",
  RequestTimeTooSkewed: "Set the clock of this machine",
};
const LOOK = "Look at it in the AWS console";
const LOG_IN = "Run aws login or aws sso login, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
/** Says who we are to AWS. */
export const WHO = "aws sts get-caller-identity";
export const POLICY = "The policy that provisioning needs is in docs/provision.md";

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
    return new LoginRefusedError(message, {
      advice: LOG_IN,
      cause: error,
      missing: "AWS credentials that are valid now",
      tryHint: WHO,
    });
  }
  const advice = ADVICE[code.replace(/Exception$/, "")];
  if (advice !== undefined) return new AgentError(message, { advice, cause: error });
  if (DENIED.has(code) || status === 403) {
    const { missing, because, advice: owner } = denialIn(messageOf(error), call);
    return new DeniedError(`Cannot ${call.doing}: ${because}`, {
      advice: owner ?? POLICY,
      cause: error,
      missing,
      tryHint: WHO,
    });
  }
  if (LATER.has(code) || (status !== undefined && (status >= 500 || status === 429))) {
    return new TransientError(message, { cause: error });
  }
  // Not AWS's answer: a mistake of ours, which must not look like something that the cloud said.
  return status === undefined ? error : new AgentError(message, { advice: LOOK, cause: error });
}

/** An answer to HEAD has no words: the SDK calls that "Unknown". */
function saidBy(error: unknown, code: string, status: number | undefined): string {
  if (code.startsWith("Unknown") && status !== undefined) return `the answer is ${status}, without a body`;
  return `${code === "" || code === "Error" ? "" : `${code}: `}${messageOf(error)}`;
}
