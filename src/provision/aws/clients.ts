/** The AWS SDK's clients as provision uses them; loaded only by provisioning commands. */
import type { IAMClient } from "@aws-sdk/client-iam";
import type { S3Client } from "@aws-sdk/client-s3";
import type { STSClient } from "@aws-sdk/client-sts";
import { fetchHandler, trustOf } from "../../uplink/s3/http.ts";

export type Aws = {
  readonly region: string;
  readonly s3: S3Client;
  readonly iam: IAMClient;
  readonly sts: STSClient;
  readonly s3Api: typeof import("@aws-sdk/client-s3");
  readonly iamApi: typeof import("@aws-sdk/client-iam");
  readonly stsApi: typeof import("@aws-sdk/client-sts");
  close(): void;
};

export type AwsKey = { readonly accessKeyId: string; readonly secretAccessKey: string };

export type AwsOptions = {
  readonly region: string;
  /** Where AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3, _IAM and _STS are read; the SDK finds credentials by itself. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Another owner's credentials: the edge's, to prove what it may. */
  readonly key?: AwsKey;
};

/** A call that has no answer after this long may have been done: the engine looks before it is made again. */
const CALL_LIMIT_MS = 30_000;
/** Throttling and 5xx are the SDK's to repeat, so often, with its own back-off. Lost answers are not: see apply.ts. */
const SDK_ATTEMPTS = 6;

export async function openAws({ region, env, key }: AwsOptions): Promise<Aws> {
  const [s3Api, iamApi, stsApi] = await Promise.all([
    import("@aws-sdk/client-s3"),
    import("@aws-sdk/client-iam"),
    import("@aws-sdk/client-sts"),
  ]);
  const endpoint = (name: string) => env[`AWS_ENDPOINT_URL_${name}`] || env["AWS_ENDPOINT_URL"];
  const common = {
    region,
    maxAttempts: SDK_ATTEMPTS,
    requestHandler: fetchHandler(CALL_LIMIT_MS, trustOf(env)),
    ...(key === undefined ? {} : { credentials: key }),
  } as const;
  const at = (name: string) => {
    const url = endpoint(name);
    return url ? { endpoint: url } : {};
  };
  const s3 = new s3Api.S3Client({
    ...common,
    ...at("S3"),
    ...(endpoint("S3") ? { forcePathStyle: true } : {}),
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  const iam = new iamApi.IAMClient({ ...common, ...at("IAM") });
  const sts = new stsApi.STSClient({ ...common, ...at("STS") });
  const close = () => {
    for (const client of [s3, iam, sts]) client.destroy();
  };
  return { region, s3, iam, sts, s3Api, iamApi, stsApi, close };
}
