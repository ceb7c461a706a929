"""
A table and the checkpoint of its stream belong together: what the checkpoint says was read is in the table. So each table names
its checkpoint, in a property, beside its own id. A table that was dropped and made again names none, begins a new checkpoint
and reads its bucket from the start. A table with rows whose checkpoint is gone is refused: its rows would come in twice.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

CHECKPOINT = "agent.checkpoint"
# A copy of a table has the properties of the original, and another id.
TABLE_ID = "agent.table"


class LostCheckpoint(RuntimeError):
    """The stream of this table must not start; those of other tables may."""


@dataclass(frozen=True)
class Landing:
    """Where the objects of a stage go."""

    stage: str
    # `catalog.schema.table`, and the same in quotes.
    name: str
    table: str
    # The folder of all checkpoints.
    folder: str
    # One row a window: what is read twice changes nothing.
    merges: bool
    # The agent's objects in the bucket, as `source_file`. Lists all of it, so it is asked only where there is a doubt.
    objects: Callable[[], DataFrame]


def has_begun(spark: SparkSession, checkpoint: str) -> bool:
    """Whether a stream has planned a batch there. It does so before the first row is in the table."""
    try:
        return not spark.read.text(f"{checkpoint}/offsets").isEmpty()
    except PySparkException as error:
        # PATH_NOT_FOUND on open-source Spark; a volume may have another word for it.
        if not re.search("NOT_FOUND|NOT_EXIST", error.getCondition() or ""):
            raise
        return False


def has_rows(spark: SparkSession, landing: Landing) -> bool:
    return not spark.table(landing.table).select("source_file").limit(1).isEmpty()


def objects_at_risk(spark: SparkSession, landing: Landing) -> int:
    """Objects in the bucket whose rows are in the table: a new checkpoint would read them again."""
    if landing.merges or not has_rows(spark, landing):
        return 0
    loaded = spark.table(landing.table).select("source_file").distinct()
    return landing.objects().join(loaded, "source_file", "left_semi").count()


def tie(spark: SparkSession, landing: Landing, table_id: str, checkpoint: str) -> None:
    """Before the stream starts: a table that is changed under a stream makes it fail."""
    properties = f"'{CHECKPOINT}' = '{checkpoint}', '{TABLE_ID}' = '{table_id}'"
    spark.sql(f"ALTER TABLE {landing.table} SET TBLPROPERTIES ({properties})")


def new_checkpoint(stage: str) -> str:
    # Below the stage's folder, so that `agent provision clean --stage` empties it too.
    return f"{stage}/{uuid.uuid4()}"


def checkpoint_of(spark: SparkSession, landing: Landing) -> str:
    """The checkpoint of the table's stream. Raises LostCheckpoint."""
    detail = spark.sql(f"DESCRIBE DETAIL {landing.table}").select("id", "properties").first()
    assert detail is not None
    named = detail.properties.get(CHECKPOINT)
    if named is not None and detail.properties.get(TABLE_ID) == detail.id:
        if not has_begun(spark, f"{landing.folder}/{named}"):
            demand_no_risk(spark, landing, named)
        return f"{landing.folder}/{named}"
    # Lakes of before the property: the checkpoint is the stage's folder itself.
    is_old = named is None and has_rows(spark, landing) and has_begun(spark, f"{landing.folder}/{landing.stage}")
    if not is_old:
        demand_no_risk(spark, landing, named or landing.stage)
    checkpoint = landing.stage if is_old else new_checkpoint(landing.stage)
    tie(spark, landing, detail.id, checkpoint)
    return f"{landing.folder}/{checkpoint}"


def demand_no_risk(spark: SparkSession, landing: Landing, checkpoint: str) -> None:
    count = objects_at_risk(spark, landing)
    if count == 0:
        return
    objects, them = ("1 object that is", "it") if count == 1 else (f"{count} objects that are", "these")
    raise LostCheckpoint(
        f"Cannot load table {landing.name}: its checkpoint {landing.folder}/{checkpoint} is gone, and the table holds rows of "
        f"{objects} in the bucket: to read {them} again would double its rows\n"
        f"Try: agent provision run --rebuild {landing.stage}"
    )


def rebuild(spark: SparkSession, landing: Landing) -> None:
    """
    Deletes the rows of objects that are in the bucket, so that the next start reads these again. Rows of objects that are not
    there any more stay. If it ends between the two steps, the table is refused until it is rebuilt.
    """
    detail = spark.sql(f"DESCRIBE DETAIL {landing.table}").select("id").first()
    assert detail is not None
    tie(spark, landing, detail.id, new_checkpoint(landing.stage))
    landing.objects().createOrReplaceTempView("objects_in_bucket")
    spark.sql(
        f"""MERGE INTO {landing.table} AS kept USING objects_in_bucket AS listed ON kept.source_file = listed.source_file
            WHEN MATCHED THEN DELETE"""
    )
