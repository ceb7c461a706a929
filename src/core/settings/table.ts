/**
 * Every setting, in one table: its name in the environment, its meaning, its default and its limits. `.env.example`,
 * `--help` and `agent config` are generated from it. Flags win over the environment, the environment over `.env`, `.env`
 * over defaults; an empty value in the environment or in `.env` counts as not set.
 */
import { NODE_ID } from "../node-id.ts";
import { STAGES } from "../stage.ts";
import * as address from "./address.ts";
import { DATABRICKS_SETTINGS } from "./databricks.ts";
import { may, must, secretText } from "./entry.ts";
import { HTTP_SETTINGS } from "./http.ts";
import * as kind from "./kind.ts";
import { MQTT_SETTINGS } from "./mqtt.ts";
import { OTLP_SETTINGS } from "./otlp.ts";

export const SETTINGS = {
  nodeId: may(
    "AGENT_NODE_ID",
    kind.text(
      "1 to 64 of A-Z, a-z, 0-9, '.', '_', '-', the first a letter or digit, the last no '.' or '-'",
      "NAME",
      NODE_ID,
    ),
    "The node's name in keys and rows. Not set: made with the buffer, of the host's name and a random part, and kept in it.",
  ),
  machineId: may(
    "AGENT_MACHINE_ID",
    kind.text("1 to 128 of A-Z, a-z, 0-9, '.', '_', ':', '-'", "ID", /^[A-Za-z0-9._:-]{1,128}$/),
    "Distinguishes this machine from those that a data dir may be copied to. Not set: its hardware and /etc/machine-id do.",
  ),
  dataDir: must(
    { env: "AGENT_DATA_DIR", flag: "data-dir" },
    kind.path("DIR"),
    "./agent-data",
    "The folder of the buffer and its lock.",
  ),
  source: must(
    { env: "AGENT_SOURCE", flag: "source" },
    address.uris,
    "simulator:",
    "Where readings come from: simulator:, stdin:, sqlite:PATH[?table=NAME][&key=COLUMN], file:GLOB, mqtt://HOST/TOPIC, http://HOST:PORT/PATH; several separated by spaces, or the flag repeated.",
  ),
  store: must(
    { env: "AGENT_STORE", flag: "store" },
    address.store,
    "dir:./lake",
    "Where objects go: dir:PATH, or s3: for the buckets of S3_BUCKET_PREFIX and AWS_REGION.",
  ),
  rulesDir: may(
    { env: "AGENT_RULES_DIR", flag: "rules" },
    kind.path("DIR"),
    "The folder of rule files. Default: ./rules when it exists, else the rules in the binary.",
  ),
  profile: must(
    { env: "AGENT_PROFILE", flag: "profile" },
    kind.path("NAME|FILE"),
    "environmental",
    "Which measures a sensor has: a profile's name, or a JSON file. Once given, it holds for every row.",
  ),
  map: may(
    { env: "AGENT_MAP", flag: "map" },
    kind.path("FILE"),
    "A JSON file that says how a foreign line or row becomes a reading.",
  ),
  stages: must("AGENT_STAGES", kind.stages, STAGES.join(","), "The stages that are delivered."),
  commitMs: must(
    "AGENT_COMMIT_MS",
    kind.milliseconds("10ms", "60s"),
    "1s",
    "A reading waits at most this long for its commit.",
  ),
  commitRows: must(
    "AGENT_COMMIT_ROWS",
    kind.integer(1, 1_000),
    "1000",
    "At most this many readings wait for a commit.",
  ),
  batchRows: must("AGENT_BATCH_ROWS", kind.integer(1, 200_000), "20000", "A batch is sent at this many readings,"),
  batchMs: must("AGENT_BATCH_MS", kind.milliseconds("1ms", "24h"), "30s", "or when its oldest reading is this old."),
  gzipLevel: must(
    "AGENT_GZIP_LEVEL",
    kind.gzipLevel,
    "auto",
    "1 (fast) to 9 (small); auto compresses hard (6) while there is time for it, and a backlog fast (1).",
  ),
  windowMs: must("AGENT_WINDOW_MS", kind.milliseconds("1s", "24h"), "60s", "The length of an aggregate's window."),
  windowGraceMs: must(
    "AGENT_WINDOW_GRACE_MS",
    kind.milliseconds("0", "24h"),
    "5s",
    "A window closes this long after its end, by event time.",
  ),
  windowHoldMs: must(
    "AGENT_WINDOW_HOLD_MS",
    kind.milliseconds("0", "24h"),
    "10s",
    "A revision for late readings waits this long for more of them.",
  ),
  windowKeep: must(
    "AGENT_WINDOW_KEEP",
    kind.duration("1m", "3650d"),
    "7d",
    "A window can be revised for this long after its end.",
  ),
  futureMs: must(
    "AGENT_FUTURE_MS",
    kind.milliseconds("0", "365d"),
    "5m",
    "A reading further ahead of the clock than this does not close windows.",
  ),
  earliestTime: must(
    "AGENT_EARLIEST_TIME",
    kind.moment,
    "2000-01-01",
    "An earlier time of a reading is implausible: the reading is kept, with time_quality unsynced, and reported.",
  ),
  latestAhead: must(
    "AGENT_LATEST_AHEAD",
    kind.duration("1m", "36500d"),
    "366d",
    "So is a time that is further ahead of the clock than this.",
  ),
  keep: must("AGENT_KEEP", kind.duration("0", "3650d"), "24h", "Delivered readings stay in the buffer for this long."),
  bufferMaxBytes: must("AGENT_BUFFER_MAX_BYTES", kind.bytes("1MiB", "16TiB"), "2GiB", "The buffer's limit on disk."),
  bufferFull: must(
    "AGENT_BUFFER_FULL",
    kind.choice(["block", "drop-oldest"]),
    "block",
    "At the limit: stop taking, or drop the oldest and count the loss.",
  ),
  maxLineBytes: must(
    "AGENT_MAX_LINE_BYTES",
    kind.bytes("1KiB", "256MiB"),
    "1MiB",
    "A longer line is bad input: kept in part, with the reason.",
  ),
  malformedMax: must(
    "AGENT_MALFORMED_MAX",
    kind.percent,
    "50%",
    "A larger share of malformed input is a problem: a warning, degraded health, and exit 1 with --once; 100%: never.",
  ),
  ...HTTP_SETTINGS,
  pollMs: must(
    "AGENT_POLL_MS",
    kind.milliseconds("1ms", "1h"),
    "250ms",
    "How often the agent looks at a source that cannot call.",
  ),
  puts: must("AGENT_PUTS", kind.integer(1, 32), "4", "Objects on their way to the store at the same time."),
  putTimeoutMs: must(
    "AGENT_PUT_TIMEOUT_MS",
    kind.milliseconds("10ms", "1h"),
    "60s",
    "A put that takes longer is ended and repeated.",
  ),
  backoffMaxMs: must(
    "AGENT_BACKOFF_MAX_MS",
    kind.milliseconds("10ms", "24h"),
    "60s",
    "The longest wait between two tries of a store that is down.",
  ),
  lockWait: must(
    { env: "AGENT_LOCK_WAIT", flag: "lock-wait" },
    kind.durationOrForever("365d"),
    "forever",
    "How long to wait for another agent on the same data folder; 0: do not wait, exit 1.",
  ),
  drain: must(
    { env: "AGENT_DRAIN", flag: "drain" },
    kind.duration("0", "24h"),
    "0s",
    "On a stop signal, how long to continue delivering; 0: the next start delivers.",
  ),
  dashboard: must(
    { env: "AGENT_DASHBOARD", flag: "dashboard" },
    address.hostPortOrOff,
    "off",
    "Where the page, /healthz, /readyz and /metrics are served over HTTP; off: nowhere. agent demo, unless this is set: 127.0.0.1:8844, or a free port.",
  ),
  dashboardToken: may(
    { env: "AGENT_DASHBOARD_TOKEN", secret: true },
    kind.text("16 to 512 visible characters without spaces", "SECRET", /^[\x21-\x7e]{16,512}$/),
    "What the page asks for before it edits rules, and, where others reach its address, before it shows anything. Default: a random one in DATA-DIR/dashboard.token.",
  ),
  heartbeat: must(
    "AGENT_HEARTBEAT",
    kind.durationOrOff("1s", "24h"),
    "1m",
    "How often the node reports its state to the metadata bucket; off: never.",
  ),
  ...OTLP_SETTINGS,
  exitWhenReplaced: must(
    "AGENT_EXIT_WHEN_REPLACED",
    kind.choice(["off", "on"]),
    "off",
    "End in order when another binary that starts is where this one was started from: for a supervisor that starts it.",
  ),
  rolledBackFrom: may(
    "AGENT_ROLLED_BACK_FROM",
    kind.text("a text on one line", "VERSION"),
    "Set by a supervisor that went back to this binary, with the version that did not come up; status reports it.",
  ),
  stateFile: may(
    "AGENT_STATE_FILE",
    kind.path("FILE"),
    "The agent writes `waiting` or `running` there, when it waits for its lock or disk, and when it works: for a supervisor.",
  ),
  log: must("AGENT_LOG", kind.choice(["debug", "info", "warn", "error"]), "info", "The least level that is logged."),
  logFormat: must("AGENT_LOG_FORMAT", kind.choice(["text", "json"]), "text", "Lines for people, or one JSON a line."),
  awsRegion: must(
    { env: "AWS_REGION", also: "AWS_DEFAULT_REGION" },
    kind.text("a region such as us-west-2", "REGION", /^[a-z0-9-]{1,30}$/),
    "us-west-2",
    "The region of the buckets, and the end of their names. Not set: AWS_DEFAULT_REGION, or that of the profile in ~/.aws.",
  ),
  s3BucketPrefix: must("S3_BUCKET_PREFIX", kind.bucketPrefix, "expanso", "The start of the buckets' names."),
  awsAccountId: may(
    "AGENT_AWS_ACCOUNT_ID",
    kind.text("the 12 digits of an account id", "ID", /^\d{12}$/),
    "agent provision works only in this AWS account. Not set: in that of the credentials.",
  ),
  edgeIdentity: must(
    { env: "AGENT_EDGE_IDENTITY", flag: "edge" },
    kind.choice(["user", "role"]),
    "user",
    "The identity of edge nodes in AWS: a user with a key in a file, or a role for machines with an instance profile.",
  ),
  edgeNodes: must(
    { env: "AGENT_EDGE_NODES", flag: "nodes" },
    kind.nodes,
    "*",
    "The nodes that may put objects, by AGENT_NODE_ID; *: any node.",
  ),
  edgeKeyFile: must(
    { env: "AGENT_EDGE_KEY_FILE", flag: "key-file" },
    kind.path("FILE"),
    "./edge-credentials.env",
    "Where provision writes the edge's key, once, for its owner's eyes only (0600).",
  ),
  kmsKeyArn: may(
    { env: "AGENT_KMS_KEY_ARN", flag: "kms-key" },
    kind.text("arn:aws:kms:REGION:ACCOUNT:key/ID", "ARN", /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]{1,64}$/),
    "The buckets are encrypted with this key. Not set: with keys of S3 (SSE-S3).",
  ),
  costTags: must(
    { env: "AGENT_COST_TAGS", flag: "cost-tags" },
    kind.tags,
    "",
    "More tags for everything that is made in AWS, for readers of the bill.",
  ),
  writeOnce: must(
    { env: "AGENT_WRITE_ONCE", flag: "write-once" },
    kind.choice(["off", "on"]),
    "off",
    "The stage buckets themselves refuse a put that could overwrite an object.",
  ),
  fileEvents: must(
    { env: "AGENT_FILE_EVENTS", flag: "file-events" },
    kind.choice(["off", "on"]),
    "off",
    "Databricks may set up file events (SNS and SQS) on the stage buckets.",
  ),
  rawExpiryDays: may(
    { env: "AGENT_RAW_EXPIRY_DAYS", flag: "raw-expiry-days" },
    kind.integer(30, 3_650),
    "S3 deletes raw objects after this many days; it must be longer than any pause of Auto Loader. Not set: never.",
  ),
  awsEndpointUrlS3: may(
    "AWS_ENDPOINT_URL_S3",
    kind.text("http://HOST:PORT or https://HOST", "URL", /^https?:\/\/[^\s\0]{1,2048}$/),
    "Another S3 server than that of AWS.",
  ),
  awsAccessKeyId: may(
    { env: "AWS_ACCESS_KEY_ID", secret: true },
    secretText,
    "Only one of the ways that the AWS SDK finds credentials.",
  ),
  awsSecretAccessKey: may({ env: "AWS_SECRET_ACCESS_KEY", secret: true }, secretText, "Goes with the access key."),
  awsSessionToken: may({ env: "AWS_SESSION_TOKEN", secret: true }, secretText, "Goes with a temporary access key."),
  ...MQTT_SETTINGS,
  ...DATABRICKS_SETTINGS,
};
