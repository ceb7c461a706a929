"""Which objects of a bucket are the agent's, by the form of their keys. Whatever else is there is counted, and never opened."""

import re

DATE = r"date=(?:[+-]\d{6}|\d{4})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
HOUR = r"(?:[01]\d|2[0-3])"
# Whose node, and the epoch of its buffer.
OF = r"[A-Za-z0-9._-]+/[0-9a-z]+"
NUMBER = r"(?:0|[1-9]\d{0,15})"
SEQ = r"(?:\d{12}|[1-9]\d{12,15})"
WINDOW = rf"(?:[+-]\d{{6}}|\d{{4}})\d{{4}}T\d{{6}}(?:\d{{3}})?Z\.r{NUMBER}"

# Readings, and windows that were gathered: an hour or a whole day of event time, and the first and last number.
RANGES = rf"{DATE}/hour=(?:{HOUR}|all)/{OF}\.{SEQ}-{SEQ}\.{NUMBER}\.json\.gz"
# One revision of one window.
REVISIONS = rf"{DATE}/hour={HOUR}/{OF}\.{WINDOW}\.{NUMBER}\.json\.gz"


def key_pattern(stage: str) -> str:
    return f"(?:{RANGES}|{REVISIONS})" if stage == "aggregated" else RANGES


def path_pattern(bucket: str, stage: str) -> str:
    """Of the agent's objects in a bucket, as `_metadata.file_path` names them: the same form anywhere else is not ours."""
    scheme, place = bucket.split(":", 1)
    return rf"^{scheme}:/+{re.escape(place.strip('/'))}/{key_pattern(stage)}$"
