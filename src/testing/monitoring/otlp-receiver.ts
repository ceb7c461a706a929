/** A receiver of OTLP for tests: HTTP, and protobuf read by field numbers of opentelemetry/proto/metrics/v1. */

type Field = { readonly number: number; readonly value: number | bigint | Uint8Array };
export type ReceivedPoint = {
  readonly attributes: Readonly<Record<string, string>>;
  readonly startNs: bigint;
  readonly atNs: bigint;
  /** Of a histogram: how many. */
  readonly value: number;
  readonly buckets: readonly number[];
  readonly bounds: readonly number[];
};
export type ReceivedMetric = {
  readonly name: string;
  readonly unit: string;
  readonly kind: "gauge" | "sum" | "histogram";
  readonly isCumulative: boolean;
  readonly isMonotonic: boolean;
  readonly points: readonly ReceivedPoint[];
};
export type ReceivedPush = {
  readonly path: string;
  readonly headers: Headers;
  readonly resource: Readonly<Record<string, string>>;
  readonly metrics: readonly ReceivedMetric[];
};

export class OtlpReceiver {
  readonly pushes: ReceivedPush[] = [];
  /** What it answers from now on; null: nothing, ever. */
  status: number | null = 200;
  asked = 0;
  readonly #server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const body = new Uint8Array(await request.arrayBuffer());
      const { pathname: path } = new URL(request.url);
      if (this.status === 200) this.pushes.push({ path, headers: request.headers, ...readRequest(body) });
      this.asked++;
      const { status } = this;
      if (status === null) return new Promise<Response>(() => undefined);
      return new Response(new Uint8Array(), {
        status,
        headers: { "content-type": "application/x-protobuf" },
      });
    },
  });

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  stop(): Promise<void> {
    return this.#server.stop(true);
  }
}

function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const [number, type] = [tag >>> 3, tag & 7];
    if (type === 0) yield { number, value: varint() };
    else if (type === 1) {
      yield { number, value: view.getBigUint64(at, true) };
      at += 8;
    } else if (type === 2) {
      const length = Number(varint());
      yield { number, value: bytes.subarray(at, at + length) };
      at += length;
    } else throw new Error(`no wire type of OTLP: ${type}`);
  }
}

/** The messages, or the texts, of a field. */
function all(message: Uint8Array, number: number): Uint8Array[] {
  return [...fieldsOf(message)].flatMap((field) =>
    field.number === number && field.value instanceof Uint8Array ? [field.value] : [],
  );
}
function whole(message: Uint8Array, number: number): bigint {
  for (const field of fieldsOf(message)) if (field.number === number) return BigInt(field.value as bigint);
  return 0n;
}
const text = (message: Uint8Array, number: number) => new TextDecoder().decode(all(message, number)[0]);
const asDouble = (bits: bigint) => new Float64Array(BigUint64Array.of(bits).buffer)[0] ?? Number.NaN;

function attributesOf(message: Uint8Array, number: number): Record<string, string> {
  return Object.fromEntries(all(message, number).map((pair) => [text(pair, 1), text(all(pair, 2)[0]!, 1)]));
}

function readRequest(body: Uint8Array): Pick<ReceivedPush, "resource" | "metrics"> {
  const [resourceMetrics] = all(body, 1);
  const [resource] = all(resourceMetrics!, 1);
  const metrics = all(resourceMetrics!, 2).flatMap((scope) => all(scope, 2).map(readMetric));
  return { resource: attributesOf(resource!, 1), metrics };
}

const KINDS = { 5: "gauge", 7: "sum", 9: "histogram" } as const;

function readMetric(metric: Uint8Array): ReceivedMetric {
  const found = ([5, 7, 9] as const).find((number) => all(metric, number).length > 0)!;
  const data = all(metric, found)[0]!;
  const kind = KINDS[found];
  return {
    name: text(metric, 1),
    unit: text(metric, 3),
    kind,
    isCumulative: whole(data, 2) === 2n,
    isMonotonic: whole(data, 3) === 1n,
    points: all(data, 1).map((point) => readPoint(point, kind === "histogram")),
  };
}

function readPoint(point: Uint8Array, isHistogram: boolean): ReceivedPoint {
  const packed = (number: number): bigint[] => {
    const bytes = all(point, number)[0];
    return bytes === undefined ? [] : [...new BigUint64Array(bytes.slice().buffer)];
  };
  return {
    attributes: attributesOf(point, isHistogram ? 9 : 7),
    startNs: whole(point, 2),
    atNs: whole(point, 3),
    value: isHistogram ? Number(whole(point, 4)) : asDouble(whole(point, 4)),
    buckets: isHistogram ? packed(6).map(Number) : [],
    bounds: isHistogram ? packed(7).map(asDouble) : [],
  };
}
