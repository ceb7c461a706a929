/** Both clouds for tests of the compiled binary: moto with its policies enforced, and the strict fake workspace that looks at it. */

import type { Workspace } from "../../fake-workspace/wire/port.ts";
import { startWorkspace } from "../../fake-workspace/wire/workspace.ts";
import { DEFAULT_SETTINGS, ENGINEER_TOKEN, ROBOT } from "../../fake-workspace/world/settings.ts";
import { CAN_PROVISION } from "./tests.ts";
import { type CommandResult, ProvisionWorld } from "./world.ts";

export class BothClouds {
  static readonly canRun = CAN_PROVISION;
  readonly aws: ProvisionWorld;
  readonly workspace: Workspace;

  static async start(): Promise<BothClouds> {
    const aws = await ProvisionWorld.start();
    return new BothClouds(aws, await startWorkspace({ awsEndpoint: aws.proxy.url }));
  }

  private constructor(aws: ProvisionWorld, workspace: Workspace) {
    this.aws = aws;
    this.workspace = workspace;
  }

  /** Both clouds empty, with the settings that they had at the start, and Databricks able to look at the account. */
  async reset(): Promise<void> {
    await this.aws.reset();
    const { iam, iamApi } = this.aws.root;
    const [UserName, PolicyName] = ["databricks", "looks"];
    const Statement = [{ Effect: "Allow", Action: ["iam:*", "s3:*"], Resource: "*" }];
    const key = await this.aws.asRoot(async () => {
      await iam.send(new iamApi.CreateUserCommand({ UserName }));
      const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
      await iam.send(new iamApi.PutUserPolicyCommand({ UserName, PolicyName, PolicyDocument }));
      return iam.send(new iamApi.CreateAccessKeyCommand({ UserName }));
    });
    const { AccessKeyId, SecretAccessKey } = key.AccessKey!;
    const awsAccessKey = { id: AccessKeyId!, secret: SecretAccessKey! };
    this.workspace.set({ ...DEFAULT_SETTINGS, awsEndpoint: this.aws.proxy.url, awsAccessKey });
    this.workspace.reset();
  }

  /** Of the person who provisions: an engineer of the workspace, with people who read and a robot that loads. */
  get env(): Readonly<Record<string, string>> {
    return {
      DATABRICKS_HOST: this.workspace.url,
      DATABRICKS_TOKEN: ENGINEER_TOKEN,
      AGENT_LAKE_READERS: "analysts",
      AGENT_LAKE_LOADER: ROBOT,
    };
  }

  run(argv: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
    return this.aws.run(argv, { ...this.env, ...more });
  }

  async stop(): Promise<void> {
    await this.workspace.stop();
    await this.aws.stop();
  }
}
