/** The settings of pushed metrics: a part of the one table (table.ts). All but the last have the names that OpenTelemetry gave them. */
import { may, must } from "./entry.ts";
import * as kind from "./kind.ts";

const url = (example: string) => kind.text(example, "URL", /^https?:\/\/[^\s\0@]{1,2048}$/);

export const OTLP_SETTINGS = {
  otelExporterOtlpEndpoint: may(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    url("http://HOST:PORT or https://HOST, without a password"),
    "Metrics are pushed there by OTLP (HTTP, protobuf), to the path /v1/metrics behind it. Not set: nowhere.",
  ),
  otelExporterOtlpMetricsEndpoint: may(
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    url("http://HOST:PORT/PATH or https://HOST/PATH, without a password"),
    "The same with the whole path; it wins.",
  ),
  otelExporterOtlpHeaders: may(
    { env: "OTEL_EXPORTER_OTLP_HEADERS", secret: true },
    kind.text("NAME=VALUE, more of them after commas", "HEADERS", /^\s*[\w.-]+=[^,=][^,]*(,\s*[\w.-]+=[^,]*)*$/),
    "Headers of these requests, such as authorization=Bearer%20TOKEN.",
  ),
  otlpInterval: must(
    "AGENT_OTLP_INTERVAL",
    kind.durationOrOff("1s", "24h"),
    "1m",
    "How often metrics are pushed; off: never, whatever OTEL_EXPORTER_OTLP_ENDPOINT says.",
  ),
};
