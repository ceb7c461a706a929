"""One Spark session with Delta for all tests of the notebooks: a command as JSON on each line of stdin, an answer as JSON
on each line of stdout. `session.py JARS WAREHOUSE`; the notebooks are imported, not copied.

    {"run": {…Settings of the notebook}}    runs it to its end; answers its report
    {"sql": "SELECT …"}                     answers the rows, each an object
"""

import glob
import json
import os
import sys
from collections.abc import Callable
from typing import Any

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "notebooks"))

import autoloader
from pyspark import cloudpickle
from pyspark.sql import SparkSession

# As in a notebook, whose functions no other process can import.
cloudpickle.register_pickle_by_value(autoloader)


def open_session(jars: str, warehouse: str) -> SparkSession:
    """Settings for a small machine; jars on the class path, because spark.jars copies each of them at the start."""
    settings = {
        "spark.driver.extraClassPath": os.path.join(jars, "*"),
        "spark.driver.memory": "2g",
        # Short jobs on two cores: optimising code costs more than it gains.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
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
        "spark.local.dir": os.path.join(warehouse, "scratch"),
        "spark.sql.streaming.noDataMicroBatches.enabled": "false",
        "spark.log.level": "ERROR",
    }
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
    autoloader.run(spark, settings)
    return autoloader.report(spark, settings)


def query(spark: SparkSession, text: str) -> Any:
    return [row.asDict(recursive=True) for row in spark.sql(text).collect()]


def main() -> None:
    _, jars, warehouse = sys.argv
    # What anything else prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    spark = open_session(jars, warehouse)
    remember_tables(spark, warehouse)
    commands: dict[str, Callable[[SparkSession, Any], Any]] = {"run": run, "sql": query}
    print(json.dumps({"ok": spark.version}), file=answers, flush=True)
    for line in sys.stdin:
        [(name, given)] = json.loads(line).items()
        try:
            answer = {"ok": commands[name](spark, given)}
        except Exception as error:  # the test says whether a failure is one
            answer = {"error": str(error)}
        print(json.dumps(answer, default=lambda value: value.isoformat()), file=answers, flush=True)


main()
