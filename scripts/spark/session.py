"""One Spark session with Delta for all tests of the notebooks: a command as JSON on each line of stdin, an answer as JSON
on each line of stdout. `session.py JARS WAREHOUSE short|long`; the notebooks are imported, not copied.
AWS_ENDPOINT_URL_S3, AWS_REGION and the two keys in the environment say which S3 `s3a://` is.

    {"run": {…Settings of the notebook}}    runs it to its end; answers its report
    {"notebook": {…parameters of a job}}    runs the whole file as a notebook; answers what it gives back
    {"start": {…}}                          what `run` does, in the background, until it is stopped
    {"stop": true}                          stops what was started, and answers its report
    {"sql": "SELECT …"}                     answers the rows, each an object
    {"statement": {…}}                      answers as a SQL warehouse does: typed columns, values as text, or how it failed
"""

import glob
import json
import os
import sys
import types
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "notebooks"))

import autoloader
from pyspark import cloudpickle
from pyspark.errors import PySparkException
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, DataType, MapType, StructType, TimestampType

# As in a notebook, whose functions no other process can import.
cloudpickle.register_pickle_by_value(autoloader)


# How long Python and the JVM wait for each other. The default, 15 seconds, is too little on a busy machine: a query then fails.
WAIT_S = 1_200
os.environ["SPARK_AUTH_SOCKET_TIMEOUT"] = str(WAIT_S)
# The name of this machine need not be known to a name server.
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"

# Optimising code costs a short job more than it gains; a million rows take four times as long without it.
SHORT = {
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
LONG = {"spark.driver.extraJavaOptions": "-XX:+UseParallelGC"}


def s3a(endpoint: str, region: str) -> dict[str, str]:
    """The test server has no certificate and no name for each bucket. Credentials are those of the environment."""
    settings = {
        "endpoint": endpoint,
        "endpoint.region": region,
        "path.style.access": "true",
        "connection.ssl.enabled": "false",
        "change.detection.mode": "none",
        "aws.credentials.provider": "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider",
    }
    return {f"spark.hadoop.fs.s3a.{name}": value for name, value in settings.items()}


def open_session(jars: str, warehouse: str, length: str) -> SparkSession:
    """Settings for a small machine; jars on the class path, because spark.jars copies each of them at the start."""
    scratch = os.path.join(warehouse, "scratch")
    os.makedirs(scratch, exist_ok=True)
    chosen = {"short": SHORT, "long": LONG}[length]
    settings = {
        "spark.driver.extraClassPath": os.path.join(jars, "*"),
        "spark.driver.memory": "2g",
        **chosen,
        # Nothing is left behind, and two sessions share nothing.
        "spark.driver.extraJavaOptions": f"{chosen['spark.driver.extraJavaOptions']} -Djava.io.tmpdir={scratch}",
        "spark.hadoop.hadoop.tmp.dir": scratch,
        "spark.sql.adaptive.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.default.parallelism": "2",
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.warehouse.dir": os.path.join(warehouse, "tables"),
        "spark.local.dir": scratch,
        # Never snappy: where the package musl is installed beside glibc, it loads the library of the wrong one, and all fails.
        "spark.sql.parquet.compression.codec": "gzip",
        "spark.sql.avro.compression.codec": "deflate",
        "spark.io.compression.codec": "lz4",
        "spark.sql.streaming.noDataMicroBatches.enabled": "false",
        # Spark 4.2 puts parameters into the text in its own parser, and Delta 4.4.0's, which is before it, does not hand them on.
        "spark.sql.legacy.parameterSubstitution.constantsOnly": "true",
        "spark.python.authenticate.socketTimeout": f"{WAIT_S}s",
        "spark.network.timeout": f"{WAIT_S}s",
        "spark.sql.broadcastTimeout": str(WAIT_S),
        "spark.log.level": "ERROR",
    }
    if "AWS_ENDPOINT_URL_S3" in os.environ:
        settings.update(s3a(os.environ["AWS_ENDPOINT_URL_S3"], os.environ["AWS_REGION"]))
    builder = SparkSession.builder.master("local[2]").appName("notebooks")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def remember_tables(spark: SparkSession, warehouse: str) -> None:
    """The catalogue is in memory: the tables of a session before this one are on disk only."""
    for log in glob.glob(os.path.join(warehouse, "tables/*.db/*/_delta_log/00000000000000000000.json")):
        folder = os.path.dirname(os.path.dirname(log))
        schema = os.path.basename(os.path.dirname(folder)).removesuffix(".db")
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS spark_catalog.`{schema}`")
        table = f"spark_catalog.`{schema}`.`{os.path.basename(folder)}`"
        spark.sql(f"CREATE TABLE {table} USING DELTA LOCATION 'file://{folder}'")


def run(spark: SparkSession, given: dict[str, Any]) -> Any:
    settings = autoloader.Settings(**given)
    spark.sql(f"CREATE SCHEMA IF NOT EXISTS `{settings.catalog}`.`{settings.schema}`")
    return autoloader.run(spark, settings)


class Exit(Exception):
    """What dbutils.notebook.exit does: the notebook ends, and this is what it gives back."""


class Widgets:
    """As a job fills them: a parameter goes before the widget's own default, and there is no other way to a value."""

    def __init__(self, parameters: dict[str, str]) -> None:
        self.parameters = parameters
        self.values: dict[str, str] = {}

    def text(self, name: str, default: str) -> None:
        self.values[name] = self.parameters.get(name, default)

    def dropdown(self, name: str, default: str, choices: list[str]) -> None:
        self.text(name, default)
        if self.values[name] not in choices:
            raise ValueError(f"{self.values[name]} is not one of {choices}")

    def get(self, name: str) -> str:
        return self.values[name]


def exit_notebook(value: str) -> None:
    raise Exit(value)


def notebook(spark: SparkSession, parameters: dict[str, str]) -> Any:
    """The whole file as a notebook, from its widgets to what it gives back."""
    dbutils = types.SimpleNamespace(widgets=Widgets(parameters), notebook=types.SimpleNamespace(exit=exit_notebook))
    # A module of its own: the one that is imported has no dbutils.
    module = types.ModuleType("notebook_in_a_job")
    vars(module).update({"dbutils": dbutils, "spark": spark})
    sys.modules[module.__name__] = module
    cloudpickle.register_pickle_by_value(module)
    with open(autoloader.__file__) as source:
        code = compile(source.read(), autoloader.__file__, "exec")
    try:
        exec(code, vars(module))
    except Exit as end:
        return str(end)
    raise RuntimeError("the notebook ended without dbutils.notebook.exit")


# What was started and is not stopped yet.
background: list[Future[Any]] = []
worker = ThreadPoolExecutor(max_workers=1)


def run_in_background(spark: SparkSession, given: dict[str, Any]) -> Any:
    # Delta asks which session is the active one, and a thread has none until it is set.
    spark._jvm.org.apache.spark.sql.classic.SparkSession.setActiveSession(spark._jsparkSession)
    return run(spark, given)


def start(spark: SparkSession, given: dict[str, Any]) -> None:
    background.append(worker.submit(run_in_background, spark, given))


def stop(spark: SparkSession, _: bool) -> Any:
    """Raises what the run in the background raised."""
    for query in spark.streams.active:
        query.stop()
    return background.pop().result()


def query(spark: SparkSession, text: str) -> Any:
    return [row.asDict(recursive=True) for row in spark.sql(text).collect()]


# What the statement API calls a type, where that is not the word of SQL.
API_TYPES = {"bigint": "LONG", "smallint": "SHORT", "tinyint": "BYTE", "void": "NULL"}


def api_type(kind: DataType) -> str:
    name = kind.typeName() if isinstance(kind, (ArrayType, MapType, StructType)) else kind.simpleString()
    return API_TYPES.get(name, name.split("(")[0].upper())


def as_text(column: Column, kind: DataType) -> Column:
    """As a JSON_ARRAY has it: NULL stays NULL, a time is in UTC with milliseconds, what has parts is JSON."""
    if isinstance(kind, (ArrayType, MapType, StructType)):
        return F.to_json(column)
    if isinstance(kind, TimestampType):
        return F.date_format(column, "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")
    return F.base64(column) if isinstance(kind, BinaryType) else column.cast("string")


def statement(spark: SparkSession, given: dict[str, Any]) -> Any:
    """`parameters` are strings or null; the text casts them."""
    before = spark.catalog.currentDatabase()
    try:
        spark.catalog.setCurrentDatabase(given["schema"])
        found = spark.sql(given["text"], args=given["parameters"])
        kinds = [field.dataType for field in found.schema.fields]
        columns = [
            {"name": field.name, "type": api_type(field.dataType), "text": spark_type.dataType().sql()}
            for field, spark_type in zip(found.schema.fields, found._jdf.schema().fields(), strict=True)
        ]
        # Two columns may have one name.
        placed = found.toDF(*(f"c{at}" for at in range(len(kinds))))
        texts = placed.select(*(as_text(F.col(f"c{at}"), kind) for at, kind in enumerate(kinds)))
        return {"columns": columns, "rows": [list(row) for row in texts.collect()]}
    except PySparkException as error:
        return {"code": error.getCondition() or "INTERNAL_ERROR", "state": error.getSqlState() or "XX000", "message": str(error)}
    finally:
        spark.catalog.setCurrentDatabase(before)


def main() -> None:
    _, jars, warehouse, length = sys.argv
    # What anything else prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    spark = open_session(jars, warehouse, length)
    remember_tables(spark, warehouse)

    commands: dict[str, Callable[[SparkSession, Any], Any]] = {
        **{"run": run, "notebook": notebook, "start": start, "stop": stop},
        **{"sql": query, "statement": statement},
    }
    print(json.dumps({"ok": spark.version}), file=answers, flush=True)
    for line in sys.stdin:
        [(name, given)] = json.loads(line).items()
        try:
            answer = {"ok": commands[name](spark, given)}
        except Exception as error:  # the test says whether a failure is one
            answer = {"error": str(error)}
        print(json.dumps(answer, default=lambda value: value.isoformat()), file=answers, flush=True)


main()
