/** An AWS account for tests of `agent provision`: moto with its policies enforced, and the person who provisions as a user in it. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Aws, openAws } from "../../provision/aws/clients.ts";
import { AGENT_BINARY } from "../agent-process.ts";
import { type RecordingProxy, startRecordingProxy } from "../recording-proxy.ts";
import { type S3Server, startS3Server } from "../s3-server.ts";

export const PREFIX = "acme";
export const REGION = "us-west-2";
/** moto's own. */
export const ACCOUNT = "123456789012";

export type CommandResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** The policy for provisioning, from the manual: the tests have exactly that. */
export function callerPolicy(): { Statement: { Action: string[]; Resource: unknown; Effect: string; Sid: string }[] } {
  const manual = readFileSync(join(import.meta.dir, "../../../docs/provision.md"), "utf8");
  return JSON.parse(/```json\n([\s\S]*?)```/.exec(manual)![1]!);
}

export class ProvisionWorld {
  readonly proxy: RecordingProxy;
  readonly folder = mkdtempSync(join(tmpdir(), "agent-provision-"));
  /** Looks at the account past its policies. */
  readonly root: Aws;
  readonly #server: S3Server;
  #env: Record<string, string> = {};

  static async start(): Promise<ProvisionWorld> {
    const server = await startS3Server("moto", REGION);
    const proxy = await startRecordingProxy(server.endpoint);
    const key = { accessKeyId: "root", secretAccessKey: "root-secret" };
    const root = await openAws({ region: REGION, env: { AWS_ENDPOINT_URL: server.endpoint }, key });
    const world = new ProvisionWorld(server, proxy, root);
    await world.reset();
    return world;
  }

  private constructor(server: S3Server, proxy: RecordingProxy, root: Aws) {
    this.#server = server;
    this.proxy = proxy;
    this.root = root;
  }

  /** An empty account, in which the manual's policy is enforced. */
  async reset(): Promise<void> {
    this.#env = {};
    await this.enforce(false);
    await this.#control("reset", "");
    rmSync(this.keyFile, { force: true });
    rmSync(`${this.keyFile}.new`, { force: true });
    this.proxy.onCall = () => "pass";
    this.proxy.seen.length = 0;
    const { iam, iamApi } = this.root;
    await iam.send(new iamApi.CreateUserCommand({ UserName: "who-provisions" }));
    await this.allow(() => true);
    const { AccessKey } = await iam.send(new iamApi.CreateAccessKeyCommand({ UserName: "who-provisions" }));
    this.#env = {
      AWS_ENDPOINT_URL: this.proxy.url,
      AWS_REGION: REGION,
      S3_BUCKET_PREFIX: PREFIX,
      HOME: this.folder,
      AWS_ACCESS_KEY_ID: AccessKey!.AccessKeyId!,
      AWS_SECRET_ACCESS_KEY: AccessKey!.SecretAccessKey!,
      AWS_EC2_METADATA_DISABLED: "true",
    };
    await this.enforce(true);
  }

  /** Allows provisioning only those statements of the manual's policy that `keep` lets through. */
  async allow(keep: (action: string) => boolean): Promise<void> {
    const Statement = callerPolicy().Statement.map((one) => ({
      ...one,
      Action: one.Action.filter(keep),
      // moto compares the resource of S3's actions only; of IAM's it knows none but "*".
      Resource: one.Action.some((action) => action.startsWith("iam:")) ? "*" : one.Resource,
    }));
    // Where moto is not AWS: HeadBucket needs s3:ListBucket there, and DeleteObjects is allowed by its objects, not by the bucket.
    Statement.push({ Sid: "Moto", Effect: "Allow", Action: ["s3:HeadBucket", "s3:DeleteObject"], Resource: "*" });
    const { iam, iamApi } = this.root;
    const policy = {
      UserName: "who-provisions",
      PolicyName: "manual",
      PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement }),
    };
    await this.asRoot(() => iam.send(new iamApi.PutUserPolicyCommand(policy)));
  }

  async enforce(on: boolean): Promise<void> {
    await this.#control("reset-auth", on ? "0" : "inf");
  }

  /** Something that no policy allows. */
  async asRoot<T>(work: () => Promise<T>): Promise<T> {
    await this.enforce(false);
    try {
      return await work();
    } finally {
      await this.enforce(this.#env["AWS_ACCESS_KEY_ID"] !== undefined);
    }
  }

  /** The environment for provisioning, and nothing else of this machine. */
  get env(): Readonly<Record<string, string>> {
    return this.#env;
  }

  get keyFile(): string {
    return join(this.folder, "edge-credentials.env");
  }

  start(argv: readonly string[], env: Readonly<Record<string, string>> = {}, group = "provision") {
    return Bun.spawn([AGENT_BINARY, group, ...argv], {
      cwd: this.folder,
      env: { ...this.#env, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
  }

  async run(
    argv: readonly string[],
    env: Readonly<Record<string, string>> = {},
    group = "provision",
  ): Promise<CommandResult> {
    const child = this.start(argv, env, group);
    const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    const tidy = (text: string) => text.replaceAll(this.folder, "FOLDER").replace(/ \(\d+\.\d s\)/g, "");
    return { code, stdout: tidy(stdout), stderr: tidy(stderr) };
  }

  async stop(): Promise<void> {
    this.root.close();
    await this.proxy.stop();
    await this.#server.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #control(path: string, body: string): Promise<void> {
    const answer = await fetch(`${this.#server.endpoint}/moto-api/${path}`, { method: "POST", body });
    if (!answer.ok) throw new Error(`moto-api/${path}: ${answer.status}`);
  }
}
