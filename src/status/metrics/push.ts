/**
 * Pushes metrics by OTLP, regularly, where the settings name a receiver. The receiver holds up nothing of the agent: one push at a
 * time, what was not taken is dropped, and the next push has the counts of then.
 */
import { resolve } from "node:path";
import type { OpenAgent } from "../../agent/open-agent.ts";
import { messageOf } from "../../core/errors.ts";
import type { Log } from "../../core/log/log.ts";
import type { Problem } from "../../core/problem.ts";
import type { Settings } from "../../core/settings/settings.ts";
import { shellWord } from "../../core/shell-word.ts";
import { type HttpRefusals, look } from "./node-facts.ts";
import type { OtlpExporter } from "./otlp.ts";

const TIMEOUT_MS = 10_000;
/** So many pushes that fail one after another are a problem: a receiver that is started again is none. */
const FAILURES = 2;
/** How long the end of all sources waits for the last push. */
const LAST_PUSH_MS = 2_000;

export class MetricsPush {
  readonly #settings: Settings;
  readonly #dataDir: string;
  readonly #log: Log;
  readonly #refused: () => readonly HttpRefusals[];
  #exporter: OtlpExporter | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isEnding = false;
  #failures = 0;
  #error = "";
  #pushing: Promise<void> = Promise.resolve();

  constructor(settings: Settings, cwd: string, log: Log, refused: () => readonly HttpRefusals[]) {
    this.#settings = settings;
    this.#dataDir = resolve(cwd, settings.dataDir);
    this.#log = log;
    this.#refused = refused;
  }

  begin(opened: OpenAgent): void {
    const intervalMs = this.#settings.otlpInterval;
    const url = urlOf(this.#settings);
    if (intervalMs === null || url === null) return;
    this.#log.info("otlp", `Pushing metrics to ${url}`);
    const turn = () => {
      this.#pushing = this.#push(opened, url).then(() => {
        if (this.#isEnding) return;
        this.#timer = setTimeout(turn, intervalMs);
        this.#timer.unref();
      });
    };
    turn();
  }

  problems(): readonly Problem[] {
    if (this.#failures < FAILURES) return [];
    const url = withoutCredentials(urlOf(this.#settings) ?? "");
    return [
      { code: "otlp_failed", message: `${this.#error}; the agent tries again`, try: `curl -v ${shellWord(url)}` },
    ];
  }

  /** Before the buffer is closed. `finished`: everything was delivered; the receiver gets the last counts. */
  async end(opened: OpenAgent, finished: boolean): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#timer);
    const url = urlOf(this.#settings);
    if (this.#exporter === null || url === null) return;
    if (finished)
      await within(
        LAST_PUSH_MS,
        this.#pushing.then(() => this.#push(opened, url)),
      );
    void this.#exporter.close().catch(() => undefined);
  }

  /** Never throws. */
  async #push(opened: OpenAgent, url: string): Promise<void> {
    const { otelExporterOtlpHeaders } = this.#settings;
    try {
      if (this.#exporter === null) {
        const { OtlpExporter } = await import("./otlp.ts");
        this.#exporter = new OtlpExporter({ url, headers: headersOf(otelExporterOtlpHeaders), timeoutMs: TIMEOUT_MS });
      }
      const around = { settings: this.#settings, dataDir: this.#dataDir, refused: this.#refused() };
      await this.#exporter.push(await look(opened, around));
      if (this.#failures >= FAILURES) this.#log.info("otlp_pushed", `Metrics go to ${url} again`);
      this.#failures = 0;
    } catch (error) {
      this.#error = `Cannot push metrics to "${url}": ${messageOf(error)}`;
      if (++this.#failures === FAILURES) this.#log.warn("otlp_failed", `${this.#error}. The agent tries again`);
    }
  }
}

/** Where metrics go; null: nowhere. */
function urlOf({ otelExporterOtlpEndpoint, otelExporterOtlpMetricsEndpoint }: Settings): string | null {
  if (otelExporterOtlpMetricsEndpoint !== null) return otelExporterOtlpMetricsEndpoint;
  return otelExporterOtlpEndpoint === null ? null : `${otelExporterOtlpEndpoint.replace(/\/+$/, "")}/v1/metrics`;
}

/** For a command that shows whether the receiver is reached: also a receiver that refuses it is. */
function withoutCredentials(url: string): string {
  if (!URL.canParse(url)) return url;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/** `name=value,name=value`, values percent-encoded (W3C Baggage), as OpenTelemetry has it. */
export function headersOf(text: string | null): Record<string, string> {
  const pairs = (text ?? "").split(",").filter((pair) => pair.includes("="));
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())];
    }),
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  const { promise, resolve: stop } = Promise.withResolvers<void>();
  const timer = setTimeout(stop, ms);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}
