# Databricks notebook source
# MAGIC %md
# MAGIC # Five buckets into five tables
# MAGIC
# MAGIC Each stage of the agent has a bucket; this notebook lands each in a Delta table, every object exactly once. On
# MAGIC Databricks the reader is Auto Loader; anywhere else Spark's own file source, which is how it is tested. All the rest
# MAGIC is the same code.
# MAGIC
# MAGIC Only objects whose keys have the agent's form are read (`keys.py`); others are counted, and the first named, in the report.
# MAGIC
# MAGIC An object that cannot be unpacked never stops the others for good: it is named in `sensor_readings_quarantine`, left
# MAGIC where it is, and left out. `spark.sql.files.ignoreCorruptFiles` must stay off: it lets half an object in, in silence.
# MAGIC
# MAGIC A new column is one statement away: `ALTER TABLE … ADD COLUMN` (which `agent provision apply` gives for the measures of a
# MAGIC profile). Whatever columns a table has are filled from then on, from the row's field of that name or from `extra`.
# MAGIC
# MAGIC Each table names the checkpoint of its stream (`checkpoints.py`). A table that was dropped is read again from the start. If the
# MAGIC checkpoint of a table with rows is gone, the table is refused until a run with `rebuild`.
# MAGIC
# MAGIC Beside them is `sensor_readings_heartbeats`: the last report of each node, as the metadata bucket shows it.

# COMMAND ----------

import gzip
import json
import re
import time
import zlib
from dataclasses import dataclass
from typing import Any, Literal

from checkpoints import Landing, LostCheckpoint, checkpoint_of, rebuild
from columns import ADDED, COLUMNS, HEARTBEAT_ADDED, HEARTBEAT_COLUMNS, HEARTBEATS, TABLES
from keys import path_pattern
from pyspark.errors import AnalysisException, PySparkException, StreamingQueryException
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.streaming import StreamingQuery
from pyspark.sql.types import ArrayType, DataType, MapType, StructType

# COMMAND ----------


@dataclass(frozen=True)
class Settings:
    catalog: str = "expanso_catalog"
    schema: str = "sensor_data"
    prefix: str = "expanso"
    region: str = "us-west-2"
    # Where the buckets are: `s3://` on Databricks, `s3a://` or a folder's URI on open-source Spark.
    store: str = "s3://"
    # Where each stream writes down what it has read; empty: in the bucket for that. Another place is a new stream.
    checkpoints: str = ""
    # Which of the two readers: Auto Loader is only on Databricks.
    reader: Literal["cloudFiles", "json"] = "cloudFiles"
    # `once`: what is there now, for a job. `continuous`: until a person stops it, for a demonstration.
    mode: Literal["once", "continuous"] = "once"
    # Stages whose tables read their buckets again from the start, with commas between them.
    rebuild: str = "none"
    # Objects in a micro-batch, at most.
    max_files: int = 1000
    stages: tuple[str, ...] = tuple(TABLES)

    def table(self, name: str) -> str:
        return ".".join(f"`{part.replace('`', '``')}`" for part in (self.catalog, self.schema, name))

    def bucket(self, stage: str) -> str:
        return f"{self.store}{self.prefix}-{stage}-data-{self.region}/"

    def heartbeats(self) -> str:
        """One object for each epoch of a node, and nothing else that is below `nodes/`."""
        return f"{self.store}{self.prefix}-metadata-{self.region}/nodes/*/heartbeat*.json"

    def checkpoint_folder(self) -> str:
        return self.checkpoints or f"{self.store}{self.prefix}-checkpoints-{self.region}/autoloader"

    def rebuilt(self) -> tuple[str, ...]:
        wanted = tuple(stage for stage in self.rebuild.split(",") if stage not in ("", "none"))
        for stage in wanted:
            if stage not in self.stages:
                raise ValueError(f"Cannot rebuild {stage}: the stages are {', '.join(self.stages)}")
        return wanted


QUARANTINE = "sensor_readings_quarantine"
QUARANTINE_COLUMNS = (
    ("stage", "STRING", "Whose bucket the object is in"),
    ("source_file", "STRING", "The object, left where it is"),
    ("reason", "STRING", "Why it cannot be unpacked"),
    ("found_at", "TIMESTAMP", "When that was found"),
)
# More unreadable objects than this in one stage are not a coincidence: the stage stops for a person.
QUARANTINE_LIMIT = 1000
SUSPECTS_AT_ONCE = 1000
# So many objects that are not the agent's are named; all are counted.
NAMED_MOST = 5
# How often streams that never end look for columns that their tables have been given.
NEW_COLUMNS_EVERY_S = 5
# How often they look at the heartbeats: a node replaces its own once a minute.
HEARTBEATS_EVERY_S = 60
# An object that is replaced while it is read may fail the reading. As often as this it is not a coincidence.
HEARTBEAT_TRIES = 3
OwnColumns = dict[str, DataType]


def ddl(columns: tuple[tuple[str, str, str], ...]) -> str:
    return ", ".join(f"`{name}` {kind}" for name, kind, _ in columns)


def create_table(spark: SparkSession, table: str, columns: tuple[tuple[str, str, str], ...]) -> None:
    described = ", ".join(f"`{name}` {kind} COMMENT {json.dumps(doc)}" for name, kind, doc in columns)
    spark.sql(f"CREATE TABLE IF NOT EXISTS {table} ({described}) USING DELTA")


def own_columns(spark: SparkSession, settings: Settings, stage: str) -> OwnColumns:
    """The columns that the stage's table has beyond those of every lake."""
    known = {name.lower() for name, _, _ in (*COLUMNS[stage], *ADDED)}
    table = spark.table(settings.table(TABLES[stage])).schema
    return {field.name: field.dataType for field in table if field.name.lower() not in known}


# COMMAND ----------

# MAGIC %md ## Read: the one switch

# COMMAND ----------


def listed(spark: SparkSession, settings: Settings, stage: str) -> DataFrame:
    """The names of all objects in the bucket, as `source_file`. None is opened."""
    objects = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(settings.bucket(stage))
    return objects.select(F.col("_metadata.file_path").alias("source_file"))


def ours(settings: Settings, stage: str, path: str = "source_file") -> Column:
    return F.col(path).rlike(path_pattern(settings.bucket(stage), stage))


def landing(spark: SparkSession, settings: Settings, stage: str) -> Landing:
    return Landing(
        stage=stage,
        name=f"{settings.catalog}.{settings.schema}.{TABLES[stage]}",
        table=settings.table(TABLES[stage]),
        folder=settings.checkpoint_folder(),
        merges=stage == "aggregated",
        objects=lambda: listed(spark, settings, stage).where(ours(settings, stage)),
    )


def foreign(spark: SparkSession, settings: Settings, stage: str, checkpoint: str) -> tuple[int | None, list[str]]:
    """
    The objects that are not the agent's: how many, and the first by name. Auto Loader has a record of all that it found, which
    asks no bucket; elsewhere the bucket is listed. None: that record could not be read, which is no reason to fail a load.
    """
    try:
        if settings.reader == "cloudFiles":
            found = spark.sql(f"SELECT path AS source_file FROM cloud_files_state('{checkpoint}')")
        else:
            found = listed(spark, settings, stage)
        others = found.where(~ours(settings, stage))
        first = others.orderBy("source_file").limit(NAMED_MOST).collect()
        return others.count(), [row.source_file for row in first]
    except PySparkException as error:
        print(f"Cannot count the objects in the bucket of {stage} that are not the agent's: {error}")
        return None, []


def read(spark: SparkSession, settings: Settings, stage: str, own: OwnColumns, checkpoint: str) -> DataFrame:
    """A stage's lines as they come in, with the columns that the agent delivers."""
    mine = tuple((name, kind.simpleString(), "") for name, kind in own.items())
    wanted = f"{ddl((*COLUMNS[stage], *mine))}, _corrupt_record STRING"
    common = spark.readStream.schema(wanted).option("columnNameOfCorruptRecord", "_corrupt_record")
    if settings.reader == "cloudFiles":
        reader = (
            common.format("cloudFiles")
            .option("cloudFiles.format", "json")
            .option("cloudFiles.schemaLocation", checkpoint)
            .option("cloudFiles.schemaEvolutionMode", "rescue")
            .option("cloudFiles.partitionColumns", "")
            .option("cloudFiles.maxFilesPerTrigger", settings.max_files)
            .option("rescuedDataColumn", "_rescued_data")
        )
        return reader.load(settings.bucket(stage))
    reader = common.format("json").option("recursiveFileLookup", "true").option("maxFilesPerTrigger", settings.max_files)
    return reader.load(settings.bucket(stage)).withColumn("_rescued_data", F.lit(None).cast("string"))


def own_value(stage: str, name: str, kind: DataType) -> Column:
    """A field that the node's profile knows is in the row; one that it does not know is in `extra`."""
    delivered = F.col(f"`{name.replace('`', '``')}`")
    if stage == "aggregated" or isinstance(kind, ArrayType | MapType | StructType):
        return delivered.alias(name)
    return F.coalesce(delivered, F.from_json("extra", "map<string, string>")[name].try_cast(kind)).alias(name)


def shape(lines: DataFrame, stage: str, own: OwnColumns, left_out: list[str]) -> DataFrame:
    """Rows of the stage's table. Objects that are left out are not opened: the filter is on their names."""
    if left_out:
        lines = lines.where(~F.col("_metadata.file_path").isin(left_out))
    return lines.select(
        *(name for name, _, _ in COLUMNS[stage]),
        *(own_value(stage, name, kind) for name, kind in own.items()),
        F.current_timestamp().alias("processing_timestamp"),
        F.col("_metadata.file_path").alias("source_file"),
        "_rescued_data",
        "_corrupt_record",
    )


# COMMAND ----------

# MAGIC %md
# MAGIC ## Write
# MAGIC
# MAGIC Readings are appended: Delta and the checkpoint together make that exactly once. A window is issued again, with a
# MAGIC higher `revision`, when late readings came; its table holds the highest, in whatever order they arrive. Spark may
# MAGIC call `merge_windows` twice with the same batch: the second time changes nothing.

# COMMAND ----------

# A line that could not be read has no key: its text is its key.
WINDOW_KEY = ("node_id", "window_id", "sensor_id", "_corrupt_record")
MERGE_TRIES = 5


def merge_windows(batch: DataFrame, table: str) -> None:
    newest_first = Window.partitionBy(*WINDOW_KEY).orderBy(F.col("revision").desc_nulls_last(), "source_file")
    newest = batch.withColumn("_rank", F.row_number().over(newest_first)).where("_rank = 1").drop("_rank")
    newest.createOrReplaceTempView("newest_windows")
    same = " AND ".join(f"kept.`{name}` <=> new.`{name}`" for name in WINDOW_KEY)
    # By name, not `*`: the table may have been given a column since the stream began.
    names = [f"`{name.replace('`', '``')}`" for name in newest.columns]
    changes = ", ".join(f"{name} = new.{name}" for name in names)
    values = ", ".join(f"new.{name}" for name in names)
    merge = f"""MERGE INTO {table} AS kept USING newest_windows AS new ON {same}
            WHEN MATCHED AND new.revision > kept.revision THEN UPDATE SET {changes}
            WHEN NOT MATCHED THEN INSERT ({", ".join(names)}) VALUES ({values})"""
    # If a person alters the table meanwhile, Delta asks to try again, and a merge may be repeated.
    for tries_left in range(MERGE_TRIES - 1, -1, -1):
        try:
            batch.sparkSession.sql(merge)
            return
        except Exception as error:  # Inside a batch, open-source Spark throws the JVM's own error.
            if tries_left == 0 or not re.search("DELTA_(METADATA_CHANGED|PROTOCOL_CHANGED|CONCURRENT_)", str(error)):
                raise


@dataclass(frozen=True)
class StreamPlan:
    """With what a stage's stream is started."""

    own: OwnColumns
    checkpoint: str
    left_out: list[str]


def start(spark: SparkSession, settings: Settings, stage: str, plan: StreamPlan) -> StreamingQuery:
    table = settings.table(TABLES[stage])
    lines = read(spark, settings, stage, plan.own, plan.checkpoint).where(ours(settings, stage, "_metadata.file_path"))
    rows = shape(lines, stage, plan.own, plan.left_out)
    writer = rows.writeStream.format("delta").queryName(stage).option("checkpointLocation", plan.checkpoint)
    writer = writer.trigger(availableNow=True) if settings.mode == "once" else writer.trigger(processingTime="5 seconds")
    if stage == "aggregated":
        return writer.foreachBatch(lambda batch, _: merge_windows(batch, table)).start()
    return writer.outputMode("append").toTable(table)


# COMMAND ----------

# MAGIC %md
# MAGIC ## Quarantine
# MAGIC
# MAGIC Corrupt objects are looked for only when a stream has failed. The notebook unpacks those of its objects that gave no row
# MAGIC yet, one by one. It records each corrupt one with the reason, and the stream continues without them.

# COMMAND ----------


def flaw(content: bytes) -> str | None:
    """Why an object cannot be unpacked; None where it can. An object of the agent may have several gzip members."""
    try:
        gzip.decompress(content)
        return None
    except (EOFError, OSError, zlib.error) as error:
        return f"{type(error).__name__}: {error}"


def quarantined(spark: SparkSession, settings: Settings) -> dict[str, list[str]]:
    """The objects of each stage that are left out."""
    known: dict[str, list[str]] = {stage: [] for stage in TABLES}
    for row in spark.table(settings.table(QUARANTINE)).limit(len(TABLES) * QUARANTINE_LIMIT + 1).collect():
        known[row.stage].append(row.source_file)
    for stage, names in known.items():
        if len(names) > QUARANTINE_LIMIT:
            raise RuntimeError(
                f"Cannot read the bucket of {stage}: more than {QUARANTINE_LIMIT} of its objects are corrupt\n"
                f"Try: SELECT reason, count(*) FROM {settings.table(QUARANTINE)} GROUP BY reason"
            )
    return known


def quarantine(spark: SparkSession, settings: Settings, stage: str) -> int:
    """Records the objects that cannot be unpacked, and returns how many of them are new."""
    objects = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(settings.bucket(stage))
    path = F.col("_metadata.file_path")
    landed = spark.table(settings.table(TABLES[stage])).select("source_file")
    known = spark.table(settings.table(QUARANTINE)).where(F.col("stage") == stage).select("source_file")
    # By name first: only what is looked into is opened.
    named = objects.select(path.alias("source_file")).where(ours(settings, stage))
    suspects = named.join(landed.unionByName(known), "source_file", "left_anti")
    names = [row.source_file for row in suspects.collect()]
    found: list[tuple[str, str, str]] = []
    for at in range(0, len(names), SUSPECTS_AT_ONCE):
        some = objects.where(path.isin(names[at : at + SUSPECTS_AT_ONCE]))
        looked_into = some.select(path.alias("source_file"), F.udf(flaw, "string")("content").alias("reason"))
        flawed = looked_into.where("reason IS NOT NULL").collect()
        found.extend((stage, row.source_file, row.reason) for row in flawed)
    if found:
        rows = spark.createDataFrame(found, "stage STRING, source_file STRING, reason STRING")
        stamped = rows.withColumn("found_at", F.current_timestamp())
        stamped.write.format("delta").mode("append").saveAsTable(settings.table(QUARANTINE))
    return len(found)


# COMMAND ----------

# MAGIC %md
# MAGIC ## Heartbeats
# MAGIC
# MAGIC No stream: a stream reads each path once, and these objects are replaced. The table is overwritten by what the bucket
# MAGIC shows now, one row for each epoch of a node. `received_at` is of the store's clock, because a node's own may be wrong.

# COMMAND ----------


def heartbeats(spark: SparkSession, settings: Settings) -> DataFrame:
    """The reports of the nodes; no row before the first report."""
    wanted = f"{ddl(HEARTBEAT_COLUMNS)}, _corrupt_record STRING"
    added = {
        "received_at": F.col("_metadata.file_modification_time"),
        "processing_timestamp": F.current_timestamp(),
        "source_file": F.col("_metadata.file_path"),
        "_corrupt_record": F.col("_corrupt_record"),
    }
    reader = spark.read.schema(wanted).option("columnNameOfCorruptRecord", "_corrupt_record")
    try:
        rows = reader.json(settings.heartbeats()).select(
            *(name for name, _, _ in HEARTBEAT_COLUMNS),
            *(added[name].alias(name) for name, _, _ in HEARTBEAT_ADDED),
        )
        # Spark Connect looks for the objects only when it is asked for something.
        _ = rows.schema
        return rows
    except AnalysisException as error:
        if error.getCondition() != "PATH_NOT_FOUND":
            raise
        return spark.createDataFrame([], ddl((*HEARTBEAT_COLUMNS, *HEARTBEAT_ADDED)))


def take_heartbeats(spark: SparkSession, settings: Settings) -> Exception | None:
    """Why the table could not be made what the bucket shows; it is then as it was."""
    failure: Exception | None = None
    for _ in range(HEARTBEAT_TRIES):
        try:
            # By name, and of no right but to change the rows: to replace a table is for its owner.
            heartbeats(spark, settings).writeTo(settings.table(HEARTBEATS)).overwrite(F.lit(True))
            return None
        except Exception as error:
            failure = error
    return failure


# COMMAND ----------

# MAGIC %md ## Run

# COMMAND ----------


class Streams:
    """Those that run, by stage; and with which columns of its own each was started."""

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        self.spark, self.settings = spark, settings
        self.running: dict[str, StreamingQuery] = {}
        self.plans: dict[str, StreamPlan] = {}
        self.checkpoints: dict[str, str] = {}
        self.refused: list[Exception] = []

    def open(self, stage: str, left_out: list[str]) -> None:
        """Starts the stream at its table's checkpoint. A table without one is refused, and the others load."""
        try:
            place = landing(self.spark, self.settings, stage)
            if stage in self.settings.rebuilt():
                rebuild(self.spark, place)
            self.checkpoints[stage] = checkpoint_of(self.spark, place)
        except LostCheckpoint as refusal:
            self.refused.append(refusal)
            return
        self.start(stage, left_out)

    def start(self, stage: str, left_out: list[str]) -> None:
        own = own_columns(self.spark, self.settings, stage)
        self.plans[stage] = StreamPlan(own=own, checkpoint=self.checkpoints[stage], left_out=left_out)
        self.running[stage] = start(self.spark, self.settings, stage, self.plans[stage])

    def fill_new_columns(self) -> None:
        """Opens the stream of a table that was given a column again: it continues at its position, and reads that column too."""
        for stage, query in list(self.running.items()):
            if query.isActive and own_columns(self.spark, self.settings, stage) != self.plans[stage].own:
                query.stop()
                self.start(stage, quarantined(self.spark, self.settings)[stage])

    def follow(self) -> None:
        """Returns when every stream has ended. One that failed for a corrupt object continues; any other failure is raised."""
        failures: list[Exception] = [*self.refused]
        look_at = time.monotonic() + NEW_COLUMNS_EVERY_S
        heartbeats_at = time.monotonic()
        while self.running:
            for stage, query in list(self.running.items()):
                try:
                    if query.awaitTermination(1):
                        del self.running[stage]
                except StreamingQueryException as failure:
                    del self.running[stage]
                    if quarantine(self.spark, self.settings, stage) > 0:
                        self.start(stage, quarantined(self.spark, self.settings)[stage])
                    else:
                        failures.append(failure)
            if self.settings.mode == "once":
                continue
            if time.monotonic() >= heartbeats_at:
                failures.extend(self.look_at_heartbeats())
                heartbeats_at = time.monotonic() + HEARTBEATS_EVERY_S
            # A job lets the other streams finish what they have; those that never end are stopped, so that the failure is seen.
            if failures:
                for query in self.running.values():
                    query.stop()
                break
            if time.monotonic() >= look_at:
                self.fill_new_columns()
                look_at = time.monotonic() + NEW_COLUMNS_EVERY_S
        # Last, and whatever became of the streams: it is then that people want to know of the nodes.
        failures.extend(self.look_at_heartbeats())
        if failures:
            raise failures[0]

    def look_at_heartbeats(self) -> list[Exception]:
        failure = take_heartbeats(self.spark, self.settings)
        return [] if failure is None else [failure]


def run(spark: SparkSession, settings: Settings) -> list[dict[str, Any]]:
    """Loads what is there. Returns what the tables hold then, by stage, and the objects that are left out, by name."""
    settings.rebuilt()
    for stage in settings.stages:
        create_table(spark, settings.table(TABLES[stage]), (*COLUMNS[stage], *ADDED))
    create_table(spark, settings.table(QUARANTINE), QUARANTINE_COLUMNS)
    create_table(spark, settings.table(HEARTBEATS), (*HEARTBEAT_COLUMNS, *HEARTBEAT_ADDED))
    left_out = quarantined(spark, settings)
    streams = Streams(spark, settings)
    for stage in settings.stages:
        streams.open(stage, left_out[stage])
    streams.follow()
    return report(spark, settings, streams.checkpoints)


def report(spark: SparkSession, settings: Settings, checkpoints: dict[str, str]) -> list[dict[str, Any]]:
    counts = [f"SELECT '{stage}', count(*) FROM {settings.table(TABLES[stage])}" for stage in settings.stages]
    rows = {stage: count for stage, count in spark.sql(" UNION ALL ".join(counts)).collect()}
    left_out = quarantined(spark, settings)
    others = {stage: foreign(spark, settings, stage, checkpoints[stage]) for stage in settings.stages}
    return [
        {
            "stage": stage,
            "table": f"{settings.catalog}.{settings.schema}.{TABLES[stage]}",
            "rows": rows[stage],
            "quarantined": left_out[stage],
            "foreign": others[stage][0],
            "foreign_named": others[stage][1],
        }
        for stage in settings.stages
    ]


# COMMAND ----------

# On Databricks only: anywhere else this file is a module.
if "dbutils" in globals():
    dbutils: Any = globals()["dbutils"]
    defaults = Settings()
    for widget in ("catalog", "schema", "prefix", "region", "store", "checkpoints", "rebuild"):
        dbutils.widgets.text(widget, getattr(defaults, widget))
    dbutils.widgets.dropdown("mode", defaults.mode, ["once", "continuous"])
    dbutils.widgets.dropdown("reader", defaults.reader, ["cloudFiles", "json"])
    chosen = Settings(
        catalog=dbutils.widgets.get("catalog"),
        schema=dbutils.widgets.get("schema"),
        prefix=dbutils.widgets.get("prefix"),
        region=dbutils.widgets.get("region"),
        store=dbutils.widgets.get("store"),
        checkpoints=dbutils.widgets.get("checkpoints"),
        rebuild=dbutils.widgets.get("rebuild"),
        mode=dbutils.widgets.get("mode"),
        reader=dbutils.widgets.get("reader"),
    )
    session: SparkSession = globals()["spark"]
    counted = run(session, chosen)
    for line in counted:
        print(line)
    # What `agent provision run` reads.
    dbutils.notebook.exit(json.dumps(counted))
