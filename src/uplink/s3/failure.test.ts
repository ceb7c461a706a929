import { describe, expect, test } from "bun:test";
import { AgentError, DeniedError, TooLargeError, TransientError } from "../../core/errors.ts";
import { NoAnswerError } from "../../core/net/timed-request.ts";
import { explainS3Failure, isAboutCredentials, isAbsence, type S3Call } from "./failure.ts";

const NOW = Date.UTC(2026, 10, 23, 8);
const CALL: S3Call = {
  doing: 'store "k" in',
  action: "s3:PutObject",
  bucket: "acme-raw-data-us-west-2",
  region: "us-west-2",
  onObjects: true,
};

/** As the SDK makes an error of S3's XML. */
function spoken(status: number, code: string, message = "as S3 says", headers: Record<string, string> = {}): Error {
  const error = Object.assign(new Error(message), {
    Code: code,
    $metadata: { httpStatusCode: status },
    $response: { headers },
  });
  error.name = code;
  return error;
}
/** As the SDK makes an error of an answer that is not S3's. */
function foreign(status: number, headers: Record<string, string> = {}): Error {
  return Object.assign(new Error("Deserialization error"), {
    $metadata: { httpStatusCode: status },
    $response: { headers },
  });
}
const explain = (error: unknown) => explainS3Failure(error, CALL, NOW);

describe("trying later may help", () => {
  const errors = [
    new NoAnswerError("ECONNREFUSED"),
    spoken(500, "InternalError"),
    spoken(503, "SlowDown"),
    spoken(503, "ServiceUnavailable"),
    spoken(429, "TooManyRequests"),
    spoken(409, "ConditionalRequestConflict"),
    spoken(409, "OperationAborted"),
    spoken(400, "RequestTimeout"),
    spoken(400, "IncompleteBody"),
    spoken(400, "BadDigest"),
    spoken(403, "RequestTimeTooSkewed"),
    spoken(307, "TemporaryRedirect"),
    // Captive portals and proxies.
    foreign(200),
    foreign(302),
    foreign(404),
    foreign(407),
    foreign(502),
  ];
  for (const error of errors) {
    test(`${error.name} ${error.message} ${JSON.stringify(error)}`, () =>
      expect(explain(error)).toBeInstanceOf(TransientError));
  }
});

describe("a person must act", () => {
  for (const error of [
    spoken(403, "AccessDenied"),
    spoken(403, "InvalidAccessKeyId"),
    spoken(403, "SignatureDoesNotMatch"),
    spoken(403, "SomethingNew"),
    spoken(400, "ExpiredToken"),
    spoken(404, "NoSuchBucket"),
    spoken(301, "PermanentRedirect"),
    spoken(400, "AuthorizationHeaderMalformed"),
    spoken(400, "InvalidBucketName"),
    spoken(501, "NotImplemented"),
    Object.assign(new Error("Could not load credentials from any providers"), { name: "CredentialsProviderError" }),
  ]) {
    test(error.name, () => {
      const explained = explain(error);
      expect(explained).toBeInstanceOf(DeniedError);
      expect((explained as DeniedError).tryHint).not.toBeEmpty();
      expect(explained.message).toStartWith('Cannot store "k" in bucket "acme-raw-data-us-west-2": ');
    });
  }

  const missing = (error: Error, call = CALL) => (explainS3Failure(error, call, NOW) as DeniedError).missing;

  test("a denial names the permission and its ARN", () => {
    expect(missing(spoken(403, "AccessDenied"))).toBe("s3:PutObject on arn:aws:s3:::acme-raw-data-us-west-2/*");
    const listing = { ...CALL, action: "s3:ListBucket", onObjects: false };
    expect(missing(spoken(403, "AccessDenied"), listing)).toBe("s3:ListBucket on arn:aws:s3:::acme-raw-data-us-west-2");
  });

  test("when S3 itself names the missing permission, that one is named: it may be of a key", () => {
    const text =
      'User: arn:aws:iam::1:user/n is not authorized to perform: kms:GenerateDataKey on resource: "arn:aws:kms:us-west-2:1:key/k" because no policy allows it';
    expect(missing(spoken(403, "AccessDenied", text))).toBe("kms:GenerateDataKey on arn:aws:kms:us-west-2:1:key/k");
  });

  test("an explicit deny is not a missing permission, and keeps its reason", () => {
    const text =
      'User: arn:aws:iam::1:user/n is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::b/k" with an explicit deny in a service control policy';
    const explained = explain(spoken(403, "AccessDenied", text)) as DeniedError;
    expect(explained.missing).toBe(
      "an exception from the explicit deny of s3:PutObject on arn:aws:s3:::b/k in a service control policy",
    );
    expect(explained.advice).toContain("organization");
    expect(explained.message).toEndWith("with an explicit deny in a service control policy");
  });

  test("a missing bucket comes with the command that makes it as provisioning wants it", () => {
    const explained = explain(spoken(404, "NoSuchBucket"));
    expect(explained).toMatchObject({ missing: 'bucket "acme-raw-data-us-west-2"' });
    expect((explained as DeniedError).tryHint).toBe("agent provision apply --only aws");
  });

  test("only refused credentials make the next try read them again", () => {
    expect(isAboutCredentials(spoken(403, "InvalidAccessKeyId"))).toBe(true);
    expect(isAboutCredentials(spoken(403, "AccessDenied"))).toBe(false);
    expect(isAboutCredentials(new NoAnswerError("x"))).toBe(false);
  });
});

describe("half of it may be taken", () => {
  for (const error of [spoken(400, "EntityTooLarge"), spoken(413, "Whatever"), foreign(413)]) {
    test(error.name, () => expect(explain(error)).toBeInstanceOf(TooLargeError));
  }
});

describe("for good", () => {
  for (const error of [
    spoken(400, "KeyTooLongError"),
    spoken(400, "MetadataTooLarge"),
    spoken(400, "InvalidRequest"),
    // A defect of the agent must not look like an outage.
    new TypeError("x is not a function"),
  ]) {
    test(error.name, () => {
      const explained = explain(error);
      expect(explained).toBeInstanceOf(AgentError);
      expect(explained).not.toBeInstanceOf(TransientError);
      expect(explained).not.toBeInstanceOf(DeniedError);
      expect(explained.cause).toBe(error);
    });
  }
});

test("Retry-After is read as seconds and as a date, and anything else is none", () => {
  const waitOf = (text: string) =>
    (explain(spoken(503, "SlowDown", "slow", { "retry-after": text })) as TransientError).retryAfterMs;
  expect(waitOf("7")).toBe(7_000);
  expect(waitOf(new Date(NOW + 90_000).toUTCString())).toBe(90_000);
  expect(waitOf(new Date(NOW - 90_000).toUTCString())).toBe(0);
  expect(waitOf("soon")).toBeUndefined();
  expect((explain(foreign(503, { "retry-after": "3" })) as TransientError).retryAfterMs).toBe(3_000);
  expect((explain(spoken(503, "SlowDown")) as TransientError).retryAfterMs).toBeUndefined();
});

test("an object is absent only if S3 itself says so", () => {
  expect(isAbsence(spoken(404, "NoSuchKey"))).toBe(true);
  expect(isAbsence(spoken(404, "NoSuchBucket"))).toBe(true);
  expect(isAbsence(foreign(404))).toBe(false);
});

test("trouble of this machine refuses no object: a file of the credentials that is missing waits for a person, the rest for itself", () => {
  const of = (code: string) => explain(Object.assign(new Error(code), { code, syscall: "open" }));
  for (const code of ["ENOENT", "EACCES"]) expect(of(code)).toBeInstanceOf(DeniedError);
  for (const code of ["EMFILE", "EIO"]) expect(of(code)).toBeInstanceOf(TransientError);
  expect(explain(new TypeError("x is not a function"))).not.toBeInstanceOf(TransientError);
});
