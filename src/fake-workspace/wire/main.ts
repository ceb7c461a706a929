/**
 * The fake workspace as a process of its own, for tests of the compiled binary:
 *
 *   bun src/fake-workspace/wire/main.ts --port 0 --iam-endpoint http://127.0.0.1:5000 --settings '{"grantReadsThatLag":0}'
 *
 * prints one JSON line {url, token, clientId, clientSecret} and runs until it is ended, or until stdin closes where that is a pipe.
 */
import { fstatSync } from "node:fs";
import { parseArgs } from "node:util";
import { checkedSettings } from "./control.ts";
import { startWorkspace } from "./workspace.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    "iam-endpoint": { type: "string" },
    settings: { type: "string", default: "{}" },
  },
});
const settings = checkedSettings(JSON.parse(values.settings));
const endpoint = values["iam-endpoint"] === undefined ? {} : { awsEndpoint: values["iam-endpoint"] };
const workspace = await startWorkspace({ ...settings, ...endpoint }, { port: Number(values.port) });
const { people } = workspace.world().settings;
const robot = people.find(({ clientSecret }) => clientSecret !== null);
console.log(
  JSON.stringify({
    url: workspace.url,
    token: people.find(({ token }) => token !== null)?.token,
    clientId: robot?.name,
    clientSecret: robot?.clientSecret,
  }),
);
// A pipe on stdin is a leash: closed when the process that started this ends, however that ends.
const stdin = fstatSync(0);
if (stdin.isFIFO() || stdin.isSocket()) {
  for await (const _ of Bun.stdin.stream());
  process.exit(0);
}
