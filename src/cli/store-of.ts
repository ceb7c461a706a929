/** The store that the settings name: the same one for every command. */
import type { ObjectStore } from "../uplink/object-store.ts";
import { openStore } from "../uplink/open-store.ts";
import type { Context } from "./frame/command.ts";

export function storeOf({ settings, env, cwd }: Pick<Context, "settings" | "env" | "cwd">): Promise<ObjectStore> {
  // The endpoint may come from `.env`, which the environment does not show.
  const endpoint = settings.awsEndpointUrlS3 === null ? {} : { AWS_ENDPOINT_URL_S3: settings.awsEndpointUrlS3 };
  const { s3BucketPrefix: prefix, awsRegion: region, putTimeoutMs } = settings;
  return openStore(settings.store, { prefix, region, putTimeoutMs, env: { ...env, ...endpoint }, cwd });
}
