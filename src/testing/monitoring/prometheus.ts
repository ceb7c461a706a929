/** A Prometheus for tests: a server of its own, on a port that the system chooses, in a folder that is thrown away. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENOUGH_MS } from "../agent-process.ts";

export type FiringAlert = { readonly alertname: string };

export class TestPrometheus {
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  #heard = "";

  /** It reads `127.0.0.1:PORT` each second, and judges by `rules` each second. */
  constructor(folder: string, port: number, rules: string) {
    mkdirSync(folder);
    writeFileSync(join(folder, "alerts.yml"), rules);
    writeFileSync(
      join(folder, "prometheus.yml"),
      `global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [alerts.yml]
scrape_configs: [{ job_name: agent, static_configs: [{ targets: ["127.0.0.1:${port}"] }] }]
`,
    );
    const flags = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0"];
    this.#child = Bun.spawn(["prometheus", ...flags], {
      cwd: folder,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    void this.#listen();
  }

  async #listen(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stderr) this.#heard += decoder.decode(bytes, { stream: true });
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  /** The first answer for which `is` holds; throws after a generous time, with the last one. */
  async until<T>(path: string, is: (data: T) => boolean): Promise<T> {
    let last: unknown = null;
    for (const giveUp = performance.now() + ENOUGH_MS; performance.now() < giveUp; await Bun.sleep(100)) {
      const at = /msg="Listening on" address=(127\.0\.0\.1:\d+)/.exec(this.#heard)?.[1];
      const response = at === undefined ? null : await fetch(`http://${at}${path}`).catch(() => null);
      if (response === null) continue;
      const answer = (await response.json()) as { readonly status: string; readonly data: T };
      if (answer.status === "success" && is(answer.data)) return answer.data;
      last = answer;
      if (response.status === 400) break;
    }
    throw new Error(`Prometheus did not say what was expected of ${path}: ${JSON.stringify(last)}\n${this.#heard}`);
  }

  /** The names of the alerts that fire, once `is` holds for them. */
  async firing(is: (names: readonly string[]) => boolean): Promise<readonly string[]> {
    type Alerts = { readonly alerts: readonly { readonly state: string; readonly labels: FiringAlert }[] };
    const names = ({ alerts }: Alerts) =>
      alerts.filter(({ state }) => state === "firing").map(({ labels }) => labels.alertname);
    return names(await this.until<Alerts>("/api/v1/alerts", (data) => is(names(data))));
  }

  /** The series that a query finds now, by their labels, once `is` holds for them. */
  async query(expression: string, is: (values: readonly number[]) => boolean = () => true): Promise<readonly number[]> {
    type Vector = { readonly result: readonly { readonly value: readonly [number, string] }[] };
    const values = ({ result }: Vector) => result.map(({ value }) => Number(value[1]));
    const path = `/api/v1/query?query=${encodeURIComponent(expression)}`;
    return values(await this.until<Vector>(path, (data) => is(values(data))));
  }
}
